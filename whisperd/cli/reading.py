"""A subscription by which the daemon knows that somebody is shown what is said in one conversation."""

from __future__ import annotations

import threading
from collections.abc import Callable

from whisperd.control.client import Client
from whisperd.errors import WhisperdError


class Reading:
    """As long as it is open, a sealed store need not keep the texts of ``chat`` for somebody to read later."""

    def __init__(self, connect: Callable[[], Client], chat: str) -> None:
        self._client = connect()
        self._client.subscribe(chat, reads=True)
        threading.Thread(target=self._drain, daemon=True).start()

    def close(self) -> None:
        self._client.close()

    def _drain(self) -> None:
        """Take the events off the socket: whoever is shown them has them from elsewhere."""
        try:
            while True:
                self._client.next_event()
        except (WhisperdError, OSError, ValueError):
            pass

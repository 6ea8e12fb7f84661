"""Whether the words of a conversation have to be compared before anything is sent or taken in it."""

from __future__ import annotations

from collections.abc import Callable

from whisperd.config import PeerSection
from whisperd.errors import NotVerified
from whisperd.peer.contacts.bindings import Bindings
from whisperd.peer.contacts.exchange import Drivers
from whisperd.peer.conversation.driver import Driver
from whisperd.peer.conversation.states import ENDED


class Verification:
    """The rule for all conversations; ``settings()`` is the configuration in force."""

    def __init__(self, drivers: Drivers, bindings: Bindings, settings: Callable[[], PeerSection]) -> None:
        self._drivers = drivers
        self._bindings = bindings
        self._settings = settings

    def required(self, chat: str) -> bool:
        """Return whether a conversation has to be verified first."""
        return self._settings().require_verify or self._bindings.required(chat)

    def driver(self, chat: str) -> Driver:
        """Return the driver of a conversation in which something may be sent and taken, or which has ended.

        Raises ConversationUnknown, ConversationEnded or NotVerified."""
        driver = self._drivers.driver(chat)
        if driver.state != ENDED and self.required(chat) and not driver.verified:
            raise NotVerified
        return driver

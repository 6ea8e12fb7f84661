"""What the verbs share: who called and how they read, what was said before, and waiting for events."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from whisperd.cli import checked_stdout, render
from whisperd.cli.render import Paint
from whisperd.config import daemon_socket, default_socket
from whisperd.control.client import CALL_SECONDS, Client
from whisperd.errors import DaemonUnreachable, TimedOut, WhisperdError, catalogue


@dataclass
class Caller:
    """Whoever typed the command: which socket, and how they want to read the answer. ``looks``: the command changes
    nothing and tells nothing of conversations, so that it may as well be the system's daemon that answers."""

    socket: str = ""
    json: bool = False
    looks: bool = False

    def client(self) -> Client:
        """Connect to the daemon."""
        return Client(self.socket or (daemon_socket() if self.looks else default_socket()), compare=True)

    def await_daemon(self, seconds: float) -> None:
        """Give a daemon that is just being started so long to open its socket; raises DaemonUnreachable."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self.client().close()
            except DaemonUnreachable:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.1)

    def call(self, method: str, timeout: float = CALL_SECONDS, **params: object) -> Any:
        """Call one method on a connection of its own."""
        with self.client() as client:
            return client.call(method, params, timeout=timeout)

    @property
    def paint(self) -> Paint:
        return Paint.on(sys.stdout)

    @property
    def terminal(self) -> bool:
        """Whether somebody reads this on a terminal."""
        return not self.json and sys.stdout is not None and sys.stdout.isatty()

    @property
    def person(self) -> bool:
        """Whether somebody reads this on a terminal and can answer."""
        return self.terminal and sys.stdin.isatty()

    def show(self, answer: object, lines: list[str]) -> None:
        """Print the answer as one line of JSON, or as ``lines``; raises OutputFailed."""
        checked_stdout.write("".join(f"{line}\n" for line in ([json.dumps(answer)] if self.json else lines)))

    def warn(self, message: str, remedy: str) -> None:
        """Say on standard error what went wrong and does not end the command."""
        checked_stdout.complain(f"whisperctl: {render.clean(message)}\n{render.clean(remedy)}\n")


def history(client: Client, chat: str, after: int = 0) -> Iterator[dict[str, Any]]:
    """Yield a conversation's messages in the form of chat-message events, with their state."""
    while rows := client.call("chat.history", {"chat": chat, "after": after}):
        for row in rows:
            yield {"event": "chat-message", "chat": chat, **row}
        after = rows[-1]["id"]


def event_of(client: Client, chat: str, deadline: float, otherwise: str, remedy: str) -> dict[str, Any]:
    """Return the next event of ``chat``; raises TimedOut that says ``otherwise`` and ``remedy``."""
    while True:
        try:
            event = client.next_event(max(0.0, deadline - time.monotonic()))
        except TimedOut:
            raise TimedOut(otherwise, remedy=remedy) from None
        if event.get("chat") == chat:
            return event


def error_of(event: dict[str, Any]) -> WhisperdError:
    return catalogue().get(event["code"], WhisperdError)(event["message"], remedy=event["remedy"])

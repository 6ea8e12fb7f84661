"""What the verbs share: who called and how they read, which conversation is meant, and waiting for events."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from whisperd.cli import render
from whisperd.cli.render import Paint
from whisperd.config import default_socket
from whisperd.control.client import CALL_SECONDS, Client
from whisperd.errors import ChatUnknown, DaemonUnreachable, TimedOut, UsageError, WhisperdError, catalogue


@dataclass
class Caller:
    """Whoever typed the command: which socket, and how they want to read the answer."""

    socket: str = ""
    json: bool = False

    def client(self) -> Client:
        """Connect to the daemon."""
        return Client(self.socket or default_socket())

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

    def call(self, method: str, timeout: float = CALL_SECONDS, **params: Any) -> Any:
        """Call one method on a connection of its own."""
        with self.client() as client:
            return client.call(method, params, timeout=timeout)

    @property
    def paint(self) -> Paint:
        return Paint.on(sys.stdout)

    @property
    def terminal(self) -> bool:
        """Whether somebody reads this on a terminal."""
        return not self.json and sys.stdout.isatty()

    @property
    def person(self) -> bool:
        """Whether somebody reads this on a terminal and can answer."""
        return self.terminal and sys.stdin.isatty()

    def show(self, answer: Any, lines: list[str]) -> None:
        """Print the answer as one line of JSON, or as ``lines``."""
        for line in [json.dumps(answer)] if self.json else lines:
            print(line, flush=True)


def named(client: Client, chat: str) -> str:
    """Return ``chat``, the conversation with the contact of this name, or the only one there is when none is named; an
    ended one counts if it is alone."""
    if chat and looks_like_chat(chat):
        return chat
    rows = client.call("chat.list")
    if chat:
        return next((str(row["chat"]) for row in rows if row.get("contact") == chat), chat)
    live = [row["chat"] for row in rows if row["state"] != "ended"] or [row["chat"] for row in rows]
    if not live:
        raise ChatUnknown("there is no conversation", remedy="Make one: 'whisperctl chat invite', or 'chat join LINK'.")
    if len(live) > 1:
        raise UsageError(f"there are {len(live)} conversations: {', '.join(map(render.clean, live))}",
                         remedy="Name the one that is meant.")
    return str(live[0])


def looks_like_chat(word: str) -> bool:
    """Return whether a word can be the name of a conversation."""
    return word[:1] == "c" and word[1:].isdecimal()


def history(client: Client, chat: str, after: int = 0) -> Iterator[dict[str, Any]]:
    """Yield a conversation's messages in the form of chat-message events, with their state."""
    while rows := client.call("chat.history", {"chat": chat, "after": after}):
        for row in rows:
            yield {"event": "chat-message", "chat": chat, **row}
        after = rows[-1]["id"]


def event_of(client: Client, chat: str, deadline: float, otherwise: str) -> dict[str, Any]:
    """Return the next event of ``chat``; raises TimedOut that says ``otherwise``."""
    while True:
        try:
            event = client.next_event(max(0.0, deadline - time.monotonic()))
        except TimedOut:
            raise TimedOut(otherwise) from None
        if event.get("chat") == chat:
            return event


def error_of(event: dict[str, Any]) -> WhisperdError:
    return catalogue().get(event["code"], WhisperdError)(event["message"], remedy=event["remedy"])

"""Somebody who says numbered texts in the conversation ``c1``, whatever happens to the daemon."""

from __future__ import annotations

from typing import Any

from tests.installed.kit.daemon import Daemon
from whisperd.errors import DaemonUnreachable, WhisperdError


class Speaker:
    """One side, by its daemon; ``said`` are the texts that it accepted."""

    def __init__(self, name: str, daemon: Daemon) -> None:
        self.name = name
        self.daemon = daemon
        self.said: list[str] = []

    def say(self) -> bool:
        """Say the next text; return whether the daemon accepted it."""
        text = f"{self.name} {len(self.said)}"
        try:
            self.daemon.call("chat.send", chat="c1", text=text)
        except DaemonUnreachable:
            return False
        self.said.append(text)
        return True

    def history(self) -> list[tuple[str, str, str]]:
        """Return direction, text and state of all that was said."""
        rows: list[dict[str, Any]] = []
        while part := self.daemon.call("chat.history", chat="c1", after=rows[-1]["id"] if rows else 0):
            rows += part
        return [(row["direction"], row["text"], row["state"]) for row in rows]

    def heard(self) -> list[str]:
        """Return what the other side said."""
        return [text for direction, text, _ in self.history() if direction == "in"]

    def state(self) -> str:
        """Return the state of the conversation, "" if there is none."""
        try:
            return str(self.daemon.call("chat.list")[0]["state"])
        except (WhisperdError, IndexError):
            return ""


def everything_arrived(anna: Speaker, ben: Speaker) -> None:
    """Wait until all that was said has been heard, and compare: each text once, and in order."""
    for speaker, listener in ((anna, ben), (ben, anna)):
        listener.daemon.wait(lambda speaker=speaker, listener=listener: len(listener.heard()) >= len(speaker.said))
        assert listener.heard() == speaker.said
        speaker.daemon.wait(lambda speaker=speaker: all(
            state == "delivered" for direction, _, state in speaker.history() if direction == "out"))

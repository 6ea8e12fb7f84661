"""Whether a client is still there: one ping, whose answer goes to everybody who has asked meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

#: Seconds within which a client has to answer; a round trip over two onion services takes one or two.
PROBE_TIMEOUT = 10


class Probed(Protocol):
    """A connection that can be asked."""

    def sendPing(self, payload: bytes | None = None) -> None:
        """Send one ping."""

    def give_up(self) -> None:
        """End the session at once and drop the connection."""


class LivenessProbe:
    """The question that one connection has not answered yet."""

    def __init__(self, connection: Probed, call_later: Callable[..., Any]) -> None:
        self._connection = connection
        self._answers: list[Callable[[bool], None]] = []
        self._late = call_later(PROBE_TIMEOUT, self._silent)
        connection.sendPing()

    def ask(self, answer: Callable[[bool], None]) -> None:
        """Have ``answer`` called with True as soon as the client shows itself, with False when it is gone."""
        self._answers.append(answer)

    def settle(self, alive: bool) -> None:
        """Tell everybody who has asked."""
        if self._late.active():
            self._late.cancel()
        answers, self._answers = self._answers, []
        for answer in answers:
            answer(alive)

    def _silent(self) -> None:
        self._connection.give_up()
        self.settle(False)

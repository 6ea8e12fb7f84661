"""A seeded random walk of two ratchet sessions, beside a model of what has to come of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from whisperd.plugin.conformance.report import below, changed

AD = b"associated data of the walk"
_MAX_UNDER_WAY = 12


@dataclass
class Letter:
    """One message: who is to hear it, what it says, the step at which it was sent, and whether it was heard."""

    receiver: int
    plaintext: bytes = field(repr=False)
    message: bytes = field(repr=False)
    sent: int
    heard: bool = False


class Walk:
    """Two sides, the messages under way between them, and those that were heard and must not be heard again.

    The model: whatever is under way is read as it was sent, once, in any order; anything else is rejected and changes
    nothing; a side may speak when it opened the session or has heard something. So few messages are under way or get
    lost that no bound of the plug-in comes into play.
    """

    def __init__(self, bench: Any) -> None:
        self._bench = bench
        self._sides = list(bench.pair())
        self._may_speak = [True, False]
        self._under_way: list[Letter] = []
        self._heard: list[Letter] = []
        self._count = self._step = 0
        self._max_under_way = min(_MAX_UNDER_WAY, bench.plugin.max_chains // 2)
        self._may_lose = bench.plugin.max_chains - self._max_under_way - 1
        self._max_age = bench.plugin.max_chains // 2  # steps: no key may be dropped meanwhile

    def run(self, steps: int) -> None:
        """Take so many random steps, then deliver what is still under way; raises Broken when the model is left."""
        actions = (self._send, self._send, self._send, self._deliver, self._deliver, self._repeat, self._change,
                   self._lose, self._reload)
        for self._step in range(steps):
            if self._under_way and self._step - self._under_way[0].sent >= self._max_age:
                self._deliver(0)
            else:
                actions[self._below(len(actions))]()
            self._compare()
        while self._under_way:
            self._deliver()

    def _below(self, limit: int) -> int:
        return below(self._bench.random, limit)

    def _compare(self) -> None:
        for side, may_speak in zip(self._sides, self._may_speak, strict=True):
            self._bench.expect(side.can_encrypt == may_speak, "can_encrypt is not what the model says")

    def _send(self) -> None:
        sender = self._below(2)
        under_way = sum(letter.receiver != sender for letter in self._under_way)
        if self._may_speak[sender] and under_way < self._max_under_way:
            self._count += 1
            plaintext = b"%d" % self._count + bytes(self._below(64))
            message = self._sides[sender].encrypt(plaintext, AD)
            self._under_way.append(Letter(1 - sender, plaintext, message, self._step))

    def _deliver(self, place: int | None = None) -> None:
        if self._under_way:
            letter = self._under_way.pop(self._below(len(self._under_way)) if place is None else place)
            self._bench.hear(self._sides[letter.receiver], letter.message, letter.plaintext, AD)
            self._may_speak[letter.receiver] = True
            self._heard = [*self._heard[-63:], letter]

    def _repeat(self) -> None:
        if self._heard:
            letter = self._heard[self._below(len(self._heard))]
            self._bench.rejected(self._sides[letter.receiver], letter.message, "a message heard before", AD)

    def _change(self) -> None:
        if self._under_way:
            letter = self._under_way[self._below(len(self._under_way))]
            bad = changed(self._bench.random, letter.message, self._below(len(letter.message)))
            self._bench.rejected(self._sides[letter.receiver], bad, "a changed message", AD)

    def _lose(self) -> None:
        if self._under_way and self._may_lose > 0 and not self._below(4):
            self._may_lose -= 1
            self._under_way.pop(self._below(len(self._under_way)))

    def _reload(self) -> None:
        place = self._below(2)
        before = self._sides[place].dump()
        self._sides[place] = self._bench.plugin.load(before, self._bench.random)
        self._bench.expect(self._sides[place].dump() == before, "the session is another one after dump and load")

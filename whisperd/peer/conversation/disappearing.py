"""When texts disappear: the timer that both sides of one conversation have confirmed.

A proposal is a number and seconds. Of two, the one with the higher number counts; of two with the same number, which
crossed each other, the one with fewer seconds, where 0, to let texts stay, is the most. Each side confirms proposals,
its own by making them; in force is the one that counts most of all that both have confirmed. What a side confirms
counts more each time, so both come to the same, whatever crosses. [whisperd-protocol(7), DISAPPEARING MESSAGES]
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from whisperd.errors import QueueFull, UsageError
from whisperd.peer.conversation.channel import Channel, ChannelEffect
from whisperd.peer.conversation.messages import Messages
from whisperd.peer.effects import Emit
from whisperd.peer.records import TimerRecord
from whisperd.wire.disappearing import Timer, decode_timer, encode_timer
from whisperd.wire.envelope import MAX_TIMER, MIN_TIMER, Stream

#: Maximum number of proposals of ours that nothing came back for.
MAX_OPEN = 16
#: Maximum number of proposals of theirs that are told while nobody here answers; those beyond are only shown.
MAX_TOLD = 16
#: How many of the timers that were in force a text under way may still name.
MAX_HONOURED = 8

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}

Proposal = tuple[int, int]


def rank(proposal: Proposal) -> tuple[int, int]:
    """Return how much a proposal counts."""
    number, seconds = proposal
    return number, -(seconds or MAX_TIMER + 1)


def seconds_of(word: str) -> int:
    """Return the seconds that somebody typed: ``off`` (0), ``90``, ``10m``, ``2h``, ``1d``, ``4w``. UsageError."""
    if word == "off":
        return 0
    found = re.fullmatch(r"([0-9]{1,9}) ?([smhdw]?)", word)
    seconds = int(found[1]) * _UNITS[found[2]] if found and word.isascii() else -1
    if not MIN_TIMER <= seconds <= MAX_TIMER:
        raise UsageError("a timer must be from 5 seconds to 4 weeks, or 'off'",
                         remedy="Write it as 30, 10m, 2h, 1d or 4w. To answer a proposal, write 'accept' or 'refuse'.")
    return seconds


class Negotiation:
    """One side's view of what both have confirmed: what ``wish`` returns is sent, in the order of texts; ``heard`` is
    what came."""

    def __init__(self) -> None:
        self._agreed: Proposal = (0, 0)
        self._theirs: Proposal = (0, 0)
        self._ours: dict[Proposal, int] = {}  # with their tickets; what they confirm next is above all that is gone
        self._honoured: list[int] = []
        self._unanswered = 0

    @property
    def seconds(self) -> int:
        """The timer in force for what is sent here; 0: texts stay."""
        return self._agreed[1]

    @property
    def honoured(self) -> list[int]:
        """The timers, in force now or lately, that a text of theirs may name."""
        return self._honoured

    @property
    def loud(self) -> bool:
        """Whether what they propose is still to be told."""
        return self._unanswered <= MAX_TOLD

    def row(self) -> dict[str, Any]:
        """Return what is in force, and what is proposed and by whom ('us', 'them'), if it is something else."""
        top = self._top()
        if rank(top) <= rank(self._agreed) or top[1] == self.seconds:
            return {"seconds": self.seconds, "proposed": None, "by": None}
        return {"seconds": self.seconds, "proposed": top[1], "by": "us" if top in self._ours else "them"}

    def wish(self, word: str, cancel: Callable[[int], bool]) -> Timer | None:
        """Return what is to be said because somebody here typed ``word``, if anything.

        ``cancel(ticket)`` takes back what was not sent yet. Raises UsageError or QueueFull."""
        row = self.row()
        if word == "accept":
            if row["by"] != "them":
                raise UsageError("the other side has not proposed a timer" if row["by"] is None else
                                 "the proposed timer is your own, and only the other side can accept it",
                                 remedy="To see the timer in force and the proposed one, run 'whisperctl chat list'.")
            return self._confirm(self._theirs)
        if word == "refuse" and row["by"] is None:
            raise UsageError("no timer is proposed", remedy="To switch the timer off, run 'whisperctl chat timer CHAT "
                             "off'.")
        seconds = self.seconds if word == "refuse" else seconds_of(word)
        if row["by"] == "us" and row["proposed"] == seconds:
            return None
        self._take_back(cancel)
        return self._ask(seconds)

    def sent(self, said: Timer, ticket: int) -> None:
        """The channel gave ``ticket`` for what ``wish`` returned."""
        self._ours[said.number, said.seconds] = ticket

    def heard(self, said: Timer) -> None:
        """The other side confirmed a proposal; one that does not follow is not taken."""
        proposal = said.number, said.seconds
        if rank(proposal) <= rank(self._theirs) or said.number > self._top()[0] + 1:
            return
        self._theirs = proposal
        if proposal in self._ours:
            self._agree(proposal)
        else:
            self._unanswered = min(self._unanswered + 1, MAX_TOLD + 1)
        self._ours = {one: ticket for one, ticket in self._ours.items()
                      if one == self._agreed or rank(one) > rank(proposal)}

    def dump(self) -> TimerRecord:
        """Return all of it."""
        return TimerRecord(self._agreed, self._theirs, [(*one, ticket) for one, ticket in self._ours.items()],
                          self._honoured)

    @classmethod
    def load(cls, record: TimerRecord) -> Negotiation:
        """Return what was recorded."""
        found = cls()
        found._agreed, found._theirs, found._honoured = record.agreed, record.theirs, list(record.honoured)
        found._ours = {(number, seconds): ticket for number, seconds, ticket in record.ours}
        return found

    # -- inside ---------------------------------------------------------------------------------------------------

    def _top(self) -> Proposal:
        return max(self._agreed, self._theirs, *self._ours, key=rank)

    def _take_back(self, cancel: Callable[[int], bool]) -> None:
        """Forget proposals that the other side can never have heard of."""
        above = [one for one in self._ours if rank(one) > rank(self._agreed)]
        for one in sorted(above, key=rank, reverse=True):
            if not cancel(self._ours[one]):
                return
            del self._ours[one]

    def _ask(self, seconds: int) -> Timer | None:
        row = self.row()
        if seconds == (self.seconds if row["by"] is None else row["proposed"]):
            return self._confirm(self._theirs) if row["by"] == "them" else None
        if sum(rank(one) > rank(self._agreed) for one in self._ours) >= MAX_OPEN:
            raise QueueFull("the other side has not answered the proposed timer yet",
                            remedy="Wait for the answer, or ask the other person.")
        return self._confirm((self._top()[0] + 1, seconds))

    def _confirm(self, proposal: Proposal) -> Timer:
        self._ours[proposal] = 0
        self._unanswered = 0
        if proposal == self._theirs:
            self._agree(proposal)
        return Timer(*proposal)

    def _agree(self, proposal: Proposal) -> None:
        self._agreed = proposal  # which counts more than the one before: see above
        self._unanswered = 0
        if self.seconds:
            others = [seconds for seconds in self._honoured if seconds != self.seconds]
            self._honoured = [*others, self.seconds][-MAX_HONOURED:]


class DisappearingTimer:
    """The timer of the conversation ``chat``: it is negotiated, and ``messages`` go by it."""

    def __init__(self, chat: str, messages: Messages) -> None:
        self._chat = chat
        self._messages = messages
        self._negotiation = Negotiation()
        self._written: dict[str, Any] | None = None  # what a store has of it, where one has to have it

    def row(self) -> dict[str, Any]:
        """Return the timer in force in seconds, what is proposed, and by whom, as far as a store has it where one has
        to."""
        return self._written or self._negotiation.row()

    def set(self, wish: str, channel: Channel, now: float) -> tuple[list[Emit], list[ChannelEffect]]:
        """Propose, accept or refuse: a time as ``seconds_of`` reads it, 'accept' or 'refuse'; return what people are
        told, and what the channel wants. Raises UsageError or QueueFull."""
        before = self._negotiation.row()
        said = self._negotiation.wish(wish, channel.cancel)
        sending: list[ChannelEffect] = []
        if said is not None:
            ticket, sending = channel.send(Stream.TIMER, encode_timer(said), now)
            self._negotiation.sent(said, ticket)
        return self._changed(before), sending

    def received(self, payload: bytes) -> list[Emit]:
        """The other side said something of the timer; return what people are told. Raises ChannelBroken."""
        before = self._negotiation.row()
        self._negotiation.heard(decode_timer(payload))
        return self._changed(before)

    def written(self) -> None:
        """A store has it as it is now; from the first time on one has to have what is shown."""
        self._written = self._negotiation.row()

    def dump(self) -> TimerRecord:
        """Return all of it."""
        return self._negotiation.dump()

    def load(self, record: TimerRecord) -> None:
        """Begin with what was recorded."""
        self._negotiation = Negotiation.load(record)
        self._changed(self._negotiation.row())

    def _changed(self, before: dict[str, Any]) -> list[Emit]:
        """Let texts have the timer in force from now on, and tell what has changed."""
        self._messages.go_by(self._negotiation.seconds, self._negotiation.honoured)
        now = self._negotiation.row()
        told = now != before and (now["by"] != "them" or self._negotiation.loud)
        return [Emit("chat-timer", {"chat": self._chat, **now})] if told else []

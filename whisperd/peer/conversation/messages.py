"""Text messages of one conversation: their states, and what was said, in memory only and bounded.

A message is ``queued`` here, ``sent`` when it was handed to a link, ``delivered`` when the other side has it,
``failed`` when the conversation ended before, ``cancelled`` when it was taken back while it was queued; an incoming
one is ``received``. One with a timer ``disappears`` so many seconds after it was delivered or received: then nothing
of it is left here. Texts of the other side are passed on as they came: they may hold control characters, which
whoever shows them on a terminal has to strip.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Collection, Iterable, Set
from dataclasses import dataclass, field

from whisperd.errors import FileUnknown, MessageTooLarge, QueueFull, TooLate, UsageError
from whisperd.peer.effects import Emit
from whisperd.peer.records import MessagesRecord
from whisperd.wire.envelope import MAX_TEXT, DisappearingText, Text

#: Bounds of what is held of what was said, beside what waits for delivery or to be written to a store.
MAX_HELD_MESSAGES = 1_000
MAX_HELD_BYTES = 1 << 20
#: States of a message that waits for delivery.
_WAITING = ("queued", "sent")


@dataclass
class Message:
    """One text, with the number that it has in this conversation on this side.

    It disappears ``timer`` seconds after its delivery, or stays (0); once it is delivered, at ``disappears_at``."""

    id: int
    direction: str
    text: str = field(repr=False)
    state: str
    timer: int = 0
    disappears_at: float | None = None

    def row(self) -> dict[str, str | int]:
        return {"id": self.id, "direction": self.direction, "text": self.text, "state": self.state, "timer": self.timer}


class Messages:
    """The texts of the conversation ``name``; at most ``max_queue`` of them wait for delivery."""

    def __init__(self, name: str, max_queue: int) -> None:
        self._name = name
        self._max_queue = max_queue
        self._all: dict[int, Message] = {}
        self._done: OrderedDict[int, Message] = OrderedDict()  # what may be forgotten, the next one first
        self._done_bytes = 0
        self._unwritten: dict[int, Message] | None = None
        #: What a store has, where one has to have what is shown: the last number, the counts, and states that changed.
        self._written_id = 0
        self._written_counts: Counter[str] = Counter()
        self._written_states: dict[int, str] = {}
        self._undelivered: OrderedDict[int, Message] = OrderedDict()  # by ticket of the channel
        self._last_id = 0
        self._counts: Counter[str] = Counter()
        self._unread: set[int] = set()
        self._timer = 0
        self._honoured: Collection[int] = ()
        #: When ``disappearing`` is to be called, or None.
        self.disappears_next: float | None = None

    def go_by(self, timer: int, honoured: Collection[int]) -> None:
        """Have texts of ours that are accepted from now on disappear after ``timer`` seconds (0: stay), and those of
        the other side that name one of ``honoured``."""
        self._timer, self._honoured = timer, honoured

    def counts(self) -> dict[str, int]:
        """Return how many messages are queued or sent now, and were delivered or received so far."""
        counts = self._counts if self._unwritten is None else self._written_counts
        return {state: counts[state] for state in ("queued", "sent", "delivered", "received")}

    def history(self, after: int) -> list[dict[str, str | int]]:
        """Return what is held of the messages with a number above ``after``."""
        return [message.row() for message in self._all.values() if message.id > after]

    def written_history(self, after: int) -> list[dict[str, str | int]]:
        """Return the same as a store has it, where one has to have what is shown."""
        if self._unwritten is None:
            return self.history(after)
        return [{**message.row(), "state": self._written_states.get(message.id, message.state)}
                for message in self._all.values() if after < message.id <= self._written_id]

    def check(self, text: str) -> None:
        """Raise UsageError, MessageTooLarge or QueueFull when ``text`` cannot be accepted."""
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            raise UsageError("the message contains half of a surrogate pair, which is not text") from None
        if not size:
            raise UsageError("the message is empty")
        if size > MAX_TEXT:
            raise MessageTooLarge
        if len(self._undelivered) >= self._max_queue:
            raise QueueFull

    def form(self, text: str) -> Text | DisappearingText:
        """Return what is sent of an outgoing text."""
        return DisappearingText(text, self._timer) if self._timer else Text(text)

    def accepted(self, text: str, ticket: int) -> tuple[Message, list[Emit]]:
        """Hold an outgoing text for which the channel gave ``ticket``."""
        message = self._add("out", text, "queued", self._timer)
        self._undelivered[ticket] = message
        return message, [self._said(message), self._state_of(message)]

    def received(self, text: Text | DisappearingText, now: float) -> list[Emit]:
        """Hold an incoming text. One whose timer this side has not agreed to stays."""
        timer = text.seconds if isinstance(text, DisappearingText) and text.seconds in self._honoured else 0
        self._unread.add(self._last_id + 1)  # first, or it would be forgotten before those that are unread
        message = self._add("in", text.text, "received", timer)
        self._count_down(message, now)
        return [self._said(message)]

    @property
    def unread(self) -> Set[int]:
        """The numbers of the messages of the other side that nobody has been shown yet."""
        return self._unread & self._all.keys()

    def seen(self, last: int, first: int = 1) -> bool:
        """Somebody has been shown the messages ``first`` to ``last``; return whether that is news of any."""
        before = len(self._unread)
        self._unread = {number for number in self._unread if not first <= number <= last}
        return len(self._unread) < before

    def dump(self) -> MessagesRecord:
        """Return all but the texts."""
        self._unread &= self._all.keys()
        return MessagesRecord(self._last_id, dict(self._counts),
                        [(ticket, message.id) for ticket, message in self._undelivered.items()], sorted(self._unread))

    def held(self, *, everything: bool) -> list[Message]:
        """Return what is held of what was said, or only what nobody else has: undelivered and unread messages."""
        if everything:
            return list(self._all.values())
        unread = [self._all[number] for number in sorted(self._unread & self._all.keys())]
        return [*self._undelivered.values(), *unread]

    def load(self, record: MessagesRecord, messages: Iterable[Message]) -> None:
        """Begin with what was recorded; ``messages`` in the order of their numbers."""
        self._last_id, self._counts = record.last_id, Counter(record.counts)
        for message in messages:
            self._hold(message)
        known = self._all
        self._undelivered.update((ticket, known[number]) for ticket, number in record.undelivered if number in known)
        self._unread = set(record.unread) & known.keys()
        self._find_next()

    def written(self) -> None:
        """A store has everything as it is now. From the first time on nothing is forgotten, or shown, before that."""
        self._written_id, self._written_counts = self._last_id, self._counts.copy()
        self._written_states.clear()
        done, self._unwritten = self._unwritten or {}, {}
        for message in done.values():
            self._may_be_forgotten(message)

    def waiting(self, number: int) -> int:
        """Return the ticket of our message ``number`` if it is not delivered; raises FileUnknown or TooLate."""
        for ticket, message in self._undelivered.items():
            if message.id == number:
                return ticket
        if not 1 <= number <= self._last_id:
            raise FileUnknown
        raise TooLate("you can take back only your own messages, and only while they are queued")

    def cancelled(self, ticket: int) -> list[Emit]:
        """A queued message was taken back."""
        return [self._turn(self._undelivered.pop(ticket), "cancelled")]

    def sent(self, ticket: int) -> list[Emit]:
        """What has ``ticket`` was handed to a link."""
        message = self._undelivered.get(ticket)
        return [self._turn(message, "sent")] if message else []

    def acknowledged(self, ticket: int, now: float) -> list[Emit]:
        """The other side has everything up to ``ticket``."""
        events = []
        while self._undelivered and next(iter(self._undelivered)) <= ticket:
            message = self._undelivered.popitem(last=False)[1]
            events.append(self._turn(message, "delivered"))
            self._count_down(message, now)
        return events

    def disappearing(self, now: float) -> list[Emit]:
        """Forget the texts whose time is over."""
        if self.disappears_next is None or now < self.disappears_next:
            return []
        over = [message for message in self._all.values()
                if message.disappears_at is not None and message.disappears_at <= now]
        for message in over:
            del self._all[message.id]
            if self._done.pop(message.id, None):
                self._done_bytes -= len(message.text.encode())
            if self._unwritten:
                self._unwritten.pop(message.id, None)
            self._unread.discard(message.id)
            message.text, message.state = "", "disappeared"
        self._find_next()
        return [self._state_of(message) for message in over]

    def fail(self) -> list[Emit]:
        """Give up on what was not delivered."""
        waiting = list(self._undelivered.values())
        self._undelivered.clear()
        return [self._turn(message, "failed") for message in waiting]

    def wipe(self) -> None:
        """Forget everything that was said."""
        self._undelivered.clear()
        self._all.clear()
        self._done.clear()
        self._done_bytes = 0
        self._unwritten = {} if self._unwritten is not None else None
        self.disappears_next = None

    def _count_down(self, message: Message, now: float) -> None:
        """A text is where it has to be; its time begins."""
        if message.timer:
            message.disappears_at = now + message.timer
            self.disappears_next = min(message.disappears_at, self.disappears_next or message.disappears_at)

    def _find_next(self) -> None:
        times = (message.disappears_at for message in self._all.values())
        self.disappears_next = min((time for time in times if time is not None), default=None)

    def _add(self, direction: str, text: str, state: str, timer: int) -> Message:
        self._last_id += 1
        message = Message(self._last_id, direction, text, state, timer)
        self._counts[state] += 1
        self._hold(message)
        return message

    def _hold(self, message: Message) -> None:
        self._all[message.id] = message
        if message.state in _WAITING:
            return
        if self._unwritten is not None:
            self._unwritten[message.id] = message
        else:
            self._may_be_forgotten(message)

    def _may_be_forgotten(self, message: Message) -> None:
        self._done[message.id] = message
        self._done_bytes += len(message.text.encode())
        while len(self._done) > MAX_HELD_MESSAGES or self._done_bytes > MAX_HELD_BYTES:
            # of those that somebody has been shown, or else of all
            number = next((number for number in self._done if number not in self._unread), next(iter(self._done)))
            self._done_bytes -= len(self._done.pop(number).text.encode())
            del self._all[number]

    def _turn(self, message: Message, state: str) -> Emit:
        self._counts[message.state] -= 1
        self._counts[state] += 1
        if self._unwritten is not None:
            self._written_states.setdefault(message.id, message.state)
        message.state = state
        if message.id in self._all:
            self._hold(message)
        return self._state_of(message)

    def _said(self, message: Message) -> Emit:
        return Emit("chat-message", {"chat": self._name, "id": message.id, "direction": message.direction,
                                     "text": message.text, "timer": message.timer})

    def _state_of(self, message: Message) -> Emit:
        return Emit("message-state", {"chat": self._name, "id": message.id, "state": message.state})

"""The channel: payloads that arrive exactly once and in order, over links that come, go and lose frames.

[whisperd-protocol(7), CHANNEL] It numbers what it sends, encrypts it by the conversation's ratchet, pads it, and holds
it until it is acknowledged. What was not acknowledged is sent again, freshly encrypted, after something was heard
on a new link, or after a time without progress on a link that seems to live; then one frame at a time, so that a
silent peer cannot make the ratchet skip too many keys.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from whisperd.errors import ChannelBroken
from whisperd.peer.effects import SendFrame
from whisperd.peer.handshake.plugins import RatchetSession
from whisperd.peer.records import ChannelRecord
from whisperd.wire.envelope import CHANNEL_FRAME, ChannelFrame, Kind
from whisperd.wire.resume import Counters

#: Maximum number of data frames in flight.
WINDOW = 64
#: Seconds without progress after which the first frame in flight is sent again, doubled each time up to the maximum.
PATIENCE = 10.0
MAX_PATIENCE = 300.0

_HEAD = bytes([CHANNEL_FRAME])


@dataclass(frozen=True)
class Received:
    """The next payload of the other side, for the reader of ``stream``."""

    stream: int
    payload: bytes = field(repr=False)


@dataclass(frozen=True)
class Sent:
    """The payload of ``ticket`` was handed to a link for the first time."""

    ticket: int


@dataclass(frozen=True)
class Acknowledged:
    """The other side has everything that was sent up to ``ticket``."""

    ticket: int


ChannelEffect = SendFrame | Received | Sent | Acknowledged


@dataclass(frozen=True)
class _Waiting:
    stream: int
    payload: bytes = field(repr=False)


@dataclass(frozen=True)
class _Outgoing:
    seq: int
    ticket: int
    stream: int
    payload: bytes = field(repr=False)


class Channel:
    """One side of one channel; ``associated_data`` (32 bytes) binds its frames to the handshake."""

    def __init__(self, session: RatchetSession, associated_data: bytes) -> None:
        self._session = session
        self._associated_data = associated_data
        self._unacknowledged: deque[_Outgoing] = deque()
        self._waiting: OrderedDict[int, _Waiting] = OrderedDict()
        self._urgent: deque[_Waiting] = deque()
        self._holds = False
        self._last_ticket = 0
        self._last_sent = 0
        self._last_received = 0
        self._encrypted = 0
        self._decrypted = 0
        self._up = False
        self._heard = False
        self._greeted = False
        #: Whether the last frame that was received was a greeting.
        self.was_greeted = False
        self._probing = False
        self._next = 1
        self._patience = PATIENCE
        self._deadline: float | None = None

    @property
    def heard(self) -> bool:
        """Whether the other side was heard on the link that is up."""
        return self._heard

    @property
    def wake_at(self) -> float | None:
        """When ``tick`` has something to do; None: not before something else happens."""
        return self._deadline

    def link_up(self, now: float, *, heard: bool = False) -> list[ChannelEffect]:
        """Greet the other side on a new link; nothing else is sent before it is heard.

        Where it was ``heard`` already, it is answered, and what it has not acknowledged is sent at once."""
        self.link_down()
        self._up = True
        self._patience = PATIENCE
        self._next = self._unacknowledged[0].seq if self._unacknowledged else self._last_sent + 1
        if not heard or not self._session.can_encrypt:
            return self._greet(now)
        self._heard = self._greeted = True
        return [*self._transmit(ChannelFrame(Kind.ACK, self._last_received)), *self._pump(now)]

    def greeting(self) -> list[ChannelEffect]:
        """Return a greeting for a link that is not the one that is up."""
        greets = self._session.can_encrypt
        return self._transmit(ChannelFrame(Kind.HELLO, self._last_received)) if greets else []

    def link_down(self) -> None:
        """Frames no longer reach the other side."""
        self._up = self._heard = self._greeted = self._probing = False
        self._deadline = None

    def send(self, stream: int, payload: bytes, now: float) -> tuple[int, list[ChannelEffect]]:
        """Accept ``payload``, at most MAX_PAYLOAD bytes; return its ticket and what can be done at once.

        Tickets grow; by them the channel tells what became of a payload. A number it gets when it is sent.
        """
        return self.put(stream, payload), self._pump(now)

    def put(self, stream: int, payload: bytes) -> int:
        """Accept ``payload`` as ``send`` does, but let it wait for what is sent next, or for ``pump``."""
        self._last_ticket += 1
        self._waiting[self._last_ticket] = _Waiting(stream, payload)
        return self._last_ticket

    def pump(self, now: float) -> list[ChannelEffect]:
        """Send what waits, as far as it may be sent."""
        return self._pump(now)

    def send_first(self, stream: int, payload: bytes, now: float) -> list[ChannelEffect]:
        """Accept ``payload`` and send it before all that waits, also while the rest is held; it has no ticket."""
        self._urgent.append(_Waiting(stream, payload))
        return self._pump(now)

    def hold(self, on: bool, now: float) -> list[ChannelEffect]:
        """Let what waits go on waiting, or not any more."""
        self._holds = on
        return self._pump(now)

    def drop_held(self) -> None:
        """Forget what is held, as if it had not been accepted, and hold no more."""
        if self._holds:
            self._waiting.clear()
            self._holds = False

    def cancel(self, ticket: int) -> bool:
        """Take back a payload that was not handed to a link yet; return whether that was so."""
        return self._waiting.pop(ticket, None) is not None

    def receive(self, frame: bytes, now: float) -> list[ChannelEffect]:
        """Take one channel frame of the other side.

        Raises MessageRejected when it does not decrypt, ChannelBroken when it does not follow the protocol; then it
        is as if it had not come (but for the ratchet, which has used its key).
        """
        plaintext = self._session.decrypt(frame[len(_HEAD):], self._associated_data)
        self._decrypted += 1
        message = ChannelFrame.decode(plaintext)
        if message.ack > self._last_sent:
            raise ChannelBroken("the other side acknowledged a frame that was never sent")
        again, self.was_greeted = self._heard, message.kind is Kind.HELLO
        self._heard = self._up
        effects = self._take_ack(message.ack, now)
        effects += self._greet(now) if self._up and not self._greeted else []
        if message.kind is Kind.DATA:
            effects += self._take_data(message)
        elif self.was_greeted and again:  # it has not heard our greeting
            effects += self._transmit(ChannelFrame(Kind.ACK, self._last_received))
        return effects + self._pump(now)

    def tick(self, now: float) -> list[ChannelEffect]:
        """Try again when nothing moved for too long."""
        if self._deadline is None or now < self._deadline:
            return []
        self._patience = min(2 * self._patience, MAX_PATIENCE)
        self._deadline = None
        if not self._heard:
            return self._greet(now)
        if self._unacknowledged:
            self._probing = True
            self._next = self._unacknowledged[0].seq
        return self._pump(now)

    @property
    def counters(self) -> Counters:
        """How far this side is."""
        return Counters(self._encrypted, self._decrypted, self._last_sent, self._last_received)

    def dump(self) -> ChannelRecord:
        """Return all but the payloads; what is urgent speaks of links that end with the process."""
        return ChannelRecord(
            self._session.dump(), self._last_ticket, self._last_sent, self._last_received, self._encrypted,
            self._decrypted, [(data.ticket, data.stream) for data in self._unacknowledged],
            [(ticket, waiting.stream) for ticket, waiting in self._waiting.items()])

    def payloads(self) -> dict[int, tuple[int, bytes]]:
        """Return stream and payload of all that has a ticket and is not acknowledged."""
        sent = {data.ticket: (data.stream, data.payload) for data in self._unacknowledged if data.ticket}
        return sent | {ticket: (waiting.stream, waiting.payload) for ticket, waiting in self._waiting.items()}

    @classmethod
    def load(cls, record: ChannelRecord, payloads: Mapping[int, bytes], session: RatchetSession,
             associated_data: bytes) -> Channel:
        """Return the channel that was recorded, with no link. What was sent and has no payload any more is sent empty,
        so that the numbers stay; what only waited and has none is gone."""
        channel = cls(session, associated_data)
        channel._last_ticket, channel._last_sent = record.last_ticket, record.last_sent
        channel._last_received = record.last_received
        channel._encrypted, channel._decrypted = record.encrypted, record.decrypted
        first = record.last_sent - len(record.unacknowledged) + 1
        channel._unacknowledged.extend(_Outgoing(seq, ticket, stream, payloads.get(ticket, b""))
                                       for seq, (ticket, stream) in enumerate(record.unacknowledged, first))
        channel._waiting.update((ticket, _Waiting(stream, payloads[ticket])) for ticket, stream in record.waiting
                                if ticket in payloads)
        return channel

    def wipe(self) -> None:
        """Destroy the keys and forget what waits."""
        self.link_down()
        self._unacknowledged.clear()
        self._waiting.clear()
        self._urgent.clear()
        self._session.wipe()

    def _greet(self, now: float) -> list[ChannelEffect]:
        if not self._session.can_encrypt:
            return []
        self._greeted = True
        self._deadline = now + self._patience
        return self._transmit(ChannelFrame(Kind.HELLO, self._last_received))

    def _take_ack(self, ack: int, now: float) -> list[ChannelEffect]:
        ticket, before = 0, len(self._unacknowledged)
        while self._unacknowledged and self._unacknowledged[0].seq <= ack:
            ticket = max(ticket, self._unacknowledged.popleft().ticket)
        if len(self._unacknowledged) == before:
            return []
        self._probing = False
        self._patience = PATIENCE
        self._deadline = now + self._patience
        self._next = max(self._next, ack + 1)
        return [Acknowledged(ticket)] if ticket else []

    def _take_data(self, message: ChannelFrame) -> list[ChannelEffect]:
        effects: list[ChannelEffect] = []
        if message.seq == self._last_received + 1:
            self._last_received = message.seq
            effects.append(Received(message.stream, message.payload))
        return effects + self._transmit(ChannelFrame(Kind.ACK, self._last_received))

    def _pump(self, now: float) -> list[ChannelEffect]:
        """Send what the window lets through."""
        if not self._up or not self._heard:
            return []
        effects: list[ChannelEffect] = []
        while self._next <= self._last_sent and self._may_send():
            effects += self._send_data(self._unacknowledged[self._next - self._unacknowledged[0].seq])
        while self._next > self._last_sent and self._may_send() and self._has_next():
            effects += self._send_next()
        if not self._unacknowledged:
            self._deadline = None
        elif self._deadline is None:
            self._deadline = now + self._patience
        return effects

    def _has_next(self) -> bool:
        return bool(self._urgent or (self._waiting and not self._holds))

    def _may_send(self) -> bool:
        first = self._unacknowledged[0].seq if self._unacknowledged else self._next
        return self._next < first + (1 if self._probing else WINDOW)

    def _send_next(self) -> list[ChannelEffect]:
        ticket, waiting = (0, self._urgent.popleft()) if self._urgent else self._waiting.popitem(last=False)
        self._last_sent += 1
        data = _Outgoing(self._last_sent, ticket, waiting.stream, waiting.payload)
        self._unacknowledged.append(data)
        return [*self._send_data(data), *([Sent(ticket)] if ticket else [])]

    def _send_data(self, data: _Outgoing) -> list[ChannelEffect]:
        self._next = data.seq + 1
        return self._transmit(ChannelFrame(Kind.DATA, self._last_received, data.seq, data.stream, data.payload))

    def _transmit(self, frame: ChannelFrame) -> list[ChannelEffect]:
        self._encrypted += 1
        return [SendFrame(_HEAD + self._session.encrypt(frame.encode(), self._associated_data))]

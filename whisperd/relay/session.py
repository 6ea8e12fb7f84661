"""One connection's side of the protocol: frames in, calls of the rooms, frames out; and the dialect ``whisperd.1``.

A session never sees a transport, only a Wire; which dialect it speaks is its class. What all sessions share is the
Relay: its limits, its rooms, and who has no seat yet. [whisperd-protocol(7), RELAY]
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from hashlib import sha256
from typing import ClassVar, Protocol

from whisperd.relay.limits import Denial, LimitScope, RelayLimits
from whisperd.relay.rooms import Effect, Paired, PartnerGone, Refuse, Rooms, Seated
from whisperd.wire import frames

UNCHARGED_FRAMES, UNCHARGED_BYTES = 32, 32_768  # of a session, that may come until the limits are asked
READY = frames.encode_server(frames.Ready())


class Wire(Protocol):
    """What a session needs of its connection. All of it may be called after the connection is gone."""

    def send(self, payload: bytes, binary: bool) -> None:
        """Send one message."""

    def close(self, code: int, reason: str) -> None:
        """Close with a WebSocket close code; nothing that still comes in is handed to the session."""

    def hold(self, seconds: float) -> None:
        """Hand over nothing for so long, and read nothing."""

    def probe(self, answer: Callable[[bool], None]) -> None:
        """Ask the client for a sign of life, and call ``answer``; with False after its session is lost."""


class Admission(Protocol):
    """What an access code has admitted: ``left`` are its joins, of which ``spend`` takes one."""

    @property
    def left(self) -> int: ...
    def spend(self) -> None: ...


#: Returns what an access code admits to, or why it does not; None where none is needed. [relay.access_codes]
Access = Callable[[str, LimitScope], Admission | Denial | None]


class Relay:
    """One relay. ``now`` returns seconds of any clock that does not go back. ``salt`` makes what is stored of a seat
    token good for nothing elsewhere. ``log`` is told each error that a client is told."""

    def __init__(self, limits: RelayLimits, access: Access, salt: bytes, now: Callable[[], float],
                 log: Callable[[str], None]) -> None:
        self.limits = limits
        self.access = access
        self.now = now
        self.log = log
        self.rooms: Rooms[Session] = Rooms()
        self.seatless: dict[Session, float] = {}  # since when; who has been without a seat for longest comes first
        self._salt = salt

    def digest(self, token: str) -> bytes:
        """Return what the relay stores of a seat token: SHA-256(salt ‖ token), 32 bytes."""
        return sha256(self._salt + token.encode()).digest()

    def admit(self, source: LimitScope, name: Hashable, token: bytes | None, code: str) -> Admission | Denial | None:
        """Return what a join uses up, or why it may not be. Who takes a seat back by its token needs no code again."""
        denial = self.limits.join(source, self.now(), opens=name not in self.rooms, give_up=self.rooms.give_up)
        if denial is not None or self.rooms.takes_back(name, token):
            return denial
        return self.access(code, source)

    def perform(self, effects: Iterable[Effect[Session]]) -> None:
        """Carry out what the rooms have decided."""
        for effect in effects:
            effect.client.tell(effect)


class Session:
    """One WebSocket connection, from its opening to its end. ``source`` is what it is counted for. A dialect says how
    it handles a message, what it sends for an effect and for an error with a time to wait, and whether what its clients
    send each other is binary."""

    handle: Callable[[bytes, bool], None]
    tell: Callable[[Effect[Session]], None]
    encode_error: ClassVar[staticmethod[[str, int | None], bytes]]
    opaque = False

    def __init__(self, relay: Relay, wire: Wire, source: LimitScope) -> None:
        self.relay = relay
        self.wire = wire
        self.source = source
        self._frames = self._bytes = 0
        self._admission: Admission | None = None
        relay.seatless[self] = relay.now()

    def received(self, payload: bytes, binary: bool) -> None:
        """Take one whole message; text is valid UTF-8 and no message is larger than the limit."""
        self._frames += 1
        self._bytes += len(payload)
        if (self._frames < UNCHARGED_FRAMES and self._bytes < UNCHARGED_BYTES) or self._within():
            self.handle(payload, binary)

    def charge(self, size: int, frames: int = 1) -> bool:
        """Count a frame of ``size`` bytes, or one that counts as several; return whether the session goes on."""
        self._frames += frames
        self._bytes += size
        return (self._frames < UNCHARGED_FRAMES and self._bytes < UNCHARGED_BYTES) or self._within()

    def _within(self) -> bool:
        """Ask the limits about what was counted."""
        verdict = self._settle()
        if isinstance(verdict, Denial):
            self.refuse(verdict.code, verdict.retry_after)
            return False
        if verdict > 0:
            self.wire.hold(verdict)
        return True

    def _forward(self, payload: bytes, binary: bool, name: Hashable = None) -> None:
        partner = self.relay.rooms.partner(self, name)
        if type(partner) is not Refuse:  # three times as fast as isinstance
            partner.wire.send(payload, binary)  # type: ignore[union-attr]
        else:
            self.tell(partner)

    def refuse(self, code: str, retry_after: int | None = None) -> None:
        """Tell the client of an error; a fatal one ends the session, and the partner hears that it is gone."""
        self.relay.limits.refused[code] += 1
        self.relay.log(code)
        self.wire.send(self.encode_error(code, retry_after), False)
        close = frames.ERRORS[code].close
        if close is not None:
            self.wire.close(close, code)
            self.lost()

    def lost(self) -> None:
        """Take note that the connection is gone; may be called more than once."""
        self.relay.seatless.pop(self, None)
        self.relay.perform(self.relay.rooms.lost(self, self.relay.now()))
        self._settle()

    def _settle(self) -> float | Denial:
        count, size, self._frames, self._bytes = self._frames, self._bytes, 0, 0
        return self.relay.limits.spend(self.source, count, size, self.relay.now()) if count else 0.0

    def _join(self, name: Hashable, code: str, *, token: bytes | None = None, seat: int | None = None) -> None:
        if not self.relay.rooms.seated(self):
            verdict = self.relay.admit(self.source, name, token, code)
            if isinstance(verdict, Denial):
                self.refuse(verdict.code, verdict.retry_after)
                return
            self._admission = verdict
        self._take(name, token=token, seat=seat)

    def _take(self, name: Hashable, *, token: bytes | None = None, seat: int | None = None) -> None:
        relay = self.relay
        relay.perform(relay.rooms.join(self, name, relay.now(), token=token, seat=seat, owner=self.source))
        if relay.rooms.seated(self):
            relay.seatless.pop(self, None)
            admission, self._admission = self._admission, None
            if admission is not None:
                admission.spend()


class WhisperdSession(Session):
    """The dialect ``whisperd.1``."""

    opaque = True
    encode_error = staticmethod(lambda code, wait: frames.encode_server(frames.RelayError.of(code, wait)))

    def handle(self, payload: bytes, binary: bool) -> None:
        if binary:
            self._forward(payload, True)
            return
        try:
            frame = frames.decode_client(payload)
        except frames.FrameError as error:
            self.refuse(error.code)
            return
        if isinstance(frame, frames.Join):
            self._join((frames.SUBPROTOCOL, frame.room), frame.code, token=self.relay.digest(frame.token))
        else:
            self._leave()

    def tell(self, effect: Effect[Session]) -> None:
        if isinstance(effect, Seated):
            bounds = self.relay.limits.bounds
            announced = frames.AnnouncedLimits(bounds.max_frame, bounds.room_expiry)
            self.wire.send(frames.encode_server(frames.Joined(effect.seat, effect.peer, announced)), False)
        elif isinstance(effect, Paired):
            self.wire.send(READY, False)
        elif isinstance(effect, PartnerGone):
            self.wire.send(frames.encode_server(frames.PeerLeft(effect.reason)), False)
        else:
            self.refuse(effect.code)

    def _leave(self) -> None:
        relay, now = self.relay, self.relay.now()
        if relay.rooms.seated(self):
            relay.seatless[self] = now
        relay.perform(relay.rooms.leave(self, now))

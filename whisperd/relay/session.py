"""One connection's side of the protocol: frames in, calls of the rooms, frames out; and the dialect ``whisperd.1``.

A session never sees a transport, only a Wire; which dialect it speaks is its class. [whisperd-protocol(7), RELAY]
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cache
from typing import Protocol

from whisperd.logs import note
from whisperd.relay.access import Grant
from whisperd.relay.buckets import Scope
from whisperd.relay.effects import Effect, Paired, PartnerGone, Refuse, Seated
from whisperd.relay.limits import Denial
from whisperd.relay.relay import Relay
from whisperd.wire import frames

#: A session's frames, or bytes of frames, that may go uncharged until the limits are asked.
UNCHARGED_FRAMES, UNCHARGED_BYTES = 32, 32_768


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


class Session:
    """One WebSocket connection, from its opening to its end. ``source`` is what it is counted for."""

    def __init__(self, relay: Relay, wire: Wire, source: Scope) -> None:
        self.relay = relay
        self.wire = wire
        self.source = source
        self._frames = self._bytes = 0
        self._grant: Grant | None = None
        relay.seatless[self] = relay.now()

    def received(self, payload: bytes, binary: bool) -> None:
        """Take one whole message; text is valid UTF-8 and no message is larger than the limit."""
        self._frames += 1
        self._bytes += len(payload)
        if (self._frames < UNCHARGED_FRAMES and self._bytes < UNCHARGED_BYTES) or self._within():
            self.handle(payload, binary)

    def charge(self, size: int, frames: int = 1) -> bool:
        """Count a frame of ``size`` bytes, or one that counts as several; False: it was too much, and the session is
        over."""
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

    def handle(self, payload: bytes, binary: bool) -> None:
        """Do what a message asks for."""
        raise NotImplementedError

    def _forward(self, payload: bytes, binary: bool, name: Hashable = None) -> None:
        partner = self.relay.rooms.partner(self, name)
        if type(partner) is Refuse:
            self.tell(partner)
        else:
            partner.wire.send(payload, binary)  # type: ignore[attr-defined]

    def tell(self, effect: Effect) -> None:
        """Send the client what an effect means in its dialect."""
        raise NotImplementedError

    def encode_error(self, code: str, retry_after: int | None) -> bytes:
        raise NotImplementedError

    def refuse(self, code: str, retry_after: int | None = None) -> None:
        """Tell the client of an error; a fatal one ends the session, and the partner hears that it is gone."""
        self.relay.limits.refused[code] += 1
        note("relay-refused", code=code)
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
        frames, size, self._frames, self._bytes = self._frames, self._bytes, 0, 0
        return self.relay.limits.spend(self.source, frames, size, self.relay.now()) if frames else 0.0

    def _join(self, name: Hashable, code: str, *, token: bytes | None = None, seat: int | None = None) -> None:
        if not self.relay.rooms.seated(self):
            verdict = self.relay.admit(self.source, name, token, code)
            if isinstance(verdict, Denial):
                self.refuse(verdict.code, verdict.retry_after)
                return
            self._grant = verdict
        self._take(name, token=token, seat=seat)

    def _take(self, name: Hashable, *, token: bytes | None = None, seat: int | None = None) -> None:
        relay = self.relay
        relay.perform(relay.rooms.join(self, name, relay.now(), token=token, seat=seat, owner=self.source))
        if relay.rooms.seated(self):
            relay.seatless.pop(self, None)
            grant, self._grant = self._grant, None
            if grant is not None:
                relay.access.spend(grant)

    def _leave(self) -> None:
        relay, now = self.relay, self.relay.now()
        if relay.rooms.seated(self):
            relay.seatless[self] = now
        relay.perform(relay.rooms.leave(self, now))


class WhisperdSession(Session):
    """The dialect ``whisperd.1``."""

    def handle(self, payload: bytes, binary: bool) -> None:
        relay = self.relay
        if binary:
            self._forward(payload, True)
            return
        try:
            frame = frames.decode_client(payload)
        except frames.FrameError as error:
            self.refuse(error.code)
            return
        if isinstance(frame, frames.Join):
            self._join((frames.SUBPROTOCOL, frame.room), frame.code, token=relay.digest(frame.token))
        else:
            self._leave()

    def tell(self, effect: Effect) -> None:
        if isinstance(effect, Seated):
            bounds = self.relay.limits.bounds
            self.wire.send(_joined(effect.seat, effect.peer, bounds.max_frame, bounds.room_expiry), False)
        elif isinstance(effect, Paired):
            self.wire.send(READY, False)
        elif isinstance(effect, PartnerGone):
            self.wire.send(_peer_left(effect.reason), False)
        else:
            self.refuse(effect.code)

    def encode_error(self, code: str, retry_after: int | None) -> bytes:
        return frames.encode_server(frames.RelayError.of(code, retry_after))


@cache
def _joined(seat: int, peer: bool, largest: int, expiry: int) -> bytes:
    return frames.encode_server(frames.Joined(seat, peer, frames.AnnouncedLimits(largest, expiry)))


@cache
def _peer_left(reason: str) -> bytes:
    return frames.encode_server(frames.PeerLeft(reason))

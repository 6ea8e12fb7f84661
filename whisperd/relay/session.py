"""One connection's side of the protocol: frames in, calls of the rooms, frames out, in either dialect.

A session never sees a transport, only a Wire; which dialect it speaks is its class. [whisperd-protocol(7), RELAY]
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from hashlib import sha256
from typing import Protocol

from whisperd.logs import note
from whisperd.relay.limits import Limits
from whisperd.relay.rooms import Deliver, Effect, Paired, PartnerGone, Refuse, Rooms, Seated
from whisperd.wire import frames, whisper


class Wire(Protocol):
    """What a session needs of its connection. All three may be called after the connection is gone."""

    def send(self, payload: bytes, binary: bool) -> None:
        """Send one message."""

    def close(self, code: int, reason: str) -> None:
        """Close with a WebSocket close code; nothing that still comes in is handed to the session."""


class Relay:
    """What all connections of one relay share. ``now`` returns seconds of any clock that does not go back; ``salt``
    makes what is kept of a seat token good for nothing elsewhere."""

    def __init__(self, limits: Limits, now: Callable[[], float], salt: bytes) -> None:
        self.limits = limits
        self.now = now
        self.rooms = Rooms(limits.room_expiry)
        self._salt = salt

    def digest(self, token: str) -> bytes:
        """Return what the relay keeps of a seat token: SHA-256(salt ‖ token), 32 bytes."""
        return sha256(self._salt + token.encode()).digest()

    def perform(self, effects: Iterable[Effect]) -> None:
        """Carry out what the rooms have decided; their clients are sessions."""
        for effect in effects:
            session: Session = effect.client  # type: ignore[assignment]
            if type(effect) is Deliver:
                session.wire.send(effect.payload, effect.binary)
            else:
                session.tell(effect)

    def expire(self) -> None:
        """Forget the rooms whose time is over."""
        before = len(self.rooms)
        self.perform(self.rooms.expire(self.now()))
        for _ in range(before - len(self.rooms)):
            note("relay-room-expired")


class Session:
    """One WebSocket connection, from its opening to its end."""

    def __init__(self, relay: Relay, wire: Wire) -> None:
        self.relay = relay
        self.wire = wire

    def received(self, payload: bytes, binary: bool) -> None:
        """Take one whole message; text is valid UTF-8 and no message is larger than the limit."""
        raise NotImplementedError

    def tell(self, effect: Effect) -> None:
        """Send the client what an effect means in its dialect."""
        raise NotImplementedError

    def encode_error(self, code: str) -> bytes:
        raise NotImplementedError

    def refuse(self, code: str) -> None:
        """Tell the client of an error; a fatal one ends the session, and the partner hears that it is gone."""
        self.relay.limits.refused[code] += 1
        note("relay-refused", code=code)
        self.wire.send(self.encode_error(code), False)
        close = frames.ERRORS[code].close
        if close is not None:
            self.wire.close(close, code)
            self.lost()

    def lost(self) -> None:
        """Take note that the connection is gone; may be called more than once."""
        self.relay.perform(self.relay.rooms.lost(self, self.relay.now()))

    def _join(self, name: Hashable, *, token: bytes | None = None, seat: int | None = None) -> None:
        relay = self.relay
        relay.perform(relay.rooms.join(self, name, relay.now(), token=token, seat=seat,
                                       may_open=relay.limits.room_allowed(len(relay.rooms))))


class WhisperdSession(Session):
    """The dialect ``whisperd.1``."""

    def received(self, payload: bytes, binary: bool) -> None:
        relay = self.relay
        if binary:
            relay.perform(relay.rooms.forward(self, payload, True))
            return
        try:
            frame = frames.decode_client(payload)
        except frames.FrameError as error:
            self.refuse(error.code)
            return
        if isinstance(frame, frames.Join):
            self._join((frames.SUBPROTOCOL, frame.room), token=relay.digest(frame.token))
        else:
            relay.perform(relay.rooms.leave(self, relay.now()))

    def tell(self, effect: Effect) -> None:
        limits = self.relay.limits
        frame: frames.ServerFrame
        match effect:
            case Refuse():
                self.refuse(effect.code)
                return
            case Seated():
                frame = frames.Joined(effect.seat, effect.peer, frames.Limits(limits.max_frame, limits.room_expiry))
            case Paired():
                frame = frames.Ready()
            case PartnerGone():
                frame = frames.PeerLeft(effect.reason)
        self.wire.send(frames.encode_server(frame), False)

    def encode_error(self, code: str) -> bytes:
        return frames.encode_server(frames.RelayError.of(code))


class WhisperSession(Session):
    """WH15P3R's dialect: a room is told of ``ready`` and of errors, and hears nothing of who leaves."""

    def received(self, payload: bytes, binary: bool) -> None:
        if binary:
            self.refuse("bad-frame")
            return
        try:
            frame = whisper.decode_whisper(payload)
        except frames.FrameError as error:
            self.refuse(error.code)
            return
        name = ("wh15p3r", frame.session_code)
        if isinstance(frame, whisper.WhisperJoin):
            self._join(name, seat=0 if frame.is_initiator else 1)
        else:
            self.relay.perform(self.relay.rooms.forward(self, payload, False, name))

    def tell(self, effect: Effect) -> None:
        if isinstance(effect, Refuse):
            self.refuse(effect.code)
        elif isinstance(effect, Paired):
            self.wire.send(frames.encode_server(frames.Ready()), False)

    def encode_error(self, code: str) -> bytes:
        return whisper.encode_whisper_error(code)

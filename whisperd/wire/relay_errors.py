"""Every error that the relay can tell a client of, in either dialect. [whisperd-protocol(7), RELAY ERRORS]"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ErrorKind:
    """What stands behind an error code: its text, the WebSocket close code that follows (None: not fatal), and the
    seconds after which trying again makes sense (None: it does not, or at once)."""

    message: str
    close: int | None = None
    retry_after: int | None = None

    @property
    def fatal(self) -> bool:
        return self.close is not None


#: Every code that the relay sends, in either dialect.
ERRORS: dict[str, ErrorKind] = {
    "room-full": ErrorKind("both seats of this room are taken", 4001),
    "expired": ErrorKind("nobody came and nothing happened: the room has expired", 4002),
    "replaced": ErrorKind("this seat was taken again by a newer connection", 4003),
    "bad-frame": ErrorKind("the frame lacks a field, or a field does not fit", 4004),
    "bad-json": ErrorKind("the frame is not JSON", 4005),
    "unknown-type": ErrorKind("there is no frame of this type"),
    "not-joined": ErrorKind("this connection has no seat in that room"),
    "already-joined": ErrorKind("this connection has a seat already"),
    "peer-absent": ErrorKind("the other seat is empty; the frame was dropped"),
    "frame-too-large": ErrorKind("the frame is larger than the relay accepts", 1009),
    "not-text-utf8": ErrorKind("the text frame is not UTF-8", 1007),
    "too-many-rooms": ErrorKind("the relay has as many rooms as it takes", 4008, 30),
    "too-many-waiting": ErrorKind("too many rooms wait for a second one already", 4009, 30),
    "too-many-joins": ErrorKind("there are too many joins at the moment", 4010, 5),
    "too-many-frames": ErrorKind("the frames came much faster than the relay takes them", 4011, 5),
    "too-many-bytes": ErrorKind("the bytes came much faster than the relay takes them", 4012, 5),
    "slow-reader": ErrorKind("too much waits for this connection to be read", 4013, 5),
    "join-timeout": ErrorKind("no seat was taken in time", 4014, 5),
    "handshake-timeout": ErrorKind("the request did not come in time", 4015, 5),
    "draining": ErrorKind("the relay opens no rooms any more: it is about to stop", 4016, 60),
    "code-needed": ErrorKind("this relay takes those only who have an access code", 4017),
    "code-refused": ErrorKind("the access code is wrong, used up or expired", 4018),
    "too-many-guesses": ErrorKind("too many wrong access codes came, and none is looked at for a while", 4019, 60),
    "too-many-connections": ErrorKind("the relay has as many connections as it takes", 1013, 30),
    "shutting-down": ErrorKind("the relay is going away", 1001, 5),
}

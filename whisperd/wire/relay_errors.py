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


ERRORS: dict[str, ErrorKind] = {
    "room-full": ErrorKind("both seats of this room are taken", 4001),
    "expired": ErrorKind("the room has expired: nobody joined, or nothing happened in it", 4002),
    "replaced": ErrorKind("a newer connection took this seat", 4003),
    "bad-frame": ErrorKind("a field of the frame is missing or invalid", 4004),
    "bad-json": ErrorKind("the frame is not JSON", 4005),
    "unknown-type": ErrorKind("unknown type of frame"),
    "not-joined": ErrorKind("this connection has no seat in that room"),
    "already-joined": ErrorKind("this connection already has a seat"),
    "peer-absent": ErrorKind("the other seat is empty; the frame was dropped"),
    "frame-too-large": ErrorKind("the frame is larger than the relay accepts", 1009),
    "not-text-utf8": ErrorKind("the text frame is not UTF-8", 1007),
    "too-many-rooms": ErrorKind("the relay has reached its maximum number of rooms", 4008, 30),
    "too-many-waiting": ErrorKind("the relay has reached its maximum number of waiting rooms", 4009, 30),
    "too-many-joins": ErrorKind("too many joins at the moment", 4010, 5),
    "too-many-frames": ErrorKind("frames arrived much faster than the relay permits", 4011, 5),
    "too-many-bytes": ErrorKind("bytes arrived much faster than the relay permits", 4012, 5),
    "slow-reader": ErrorKind("this connection does not read fast enough", 4013, 5),
    "join-timeout": ErrorKind("this connection did not join a room in time", 4014, 5),
    "handshake-timeout": ErrorKind("the request did not arrive in time", 4015, 5),
    "draining": ErrorKind("the relay opens no new rooms: it is about to stop", 4016, 60),
    "code-needed": ErrorKind("this relay requires an access code", 4017),
    "code-refused": ErrorKind("the access code is wrong, used up or expired", 4018),
    "too-many-guesses": ErrorKind("too many wrong access codes; for a while, the relay refuses all of them", 4019, 60),
    "too-many-connections": ErrorKind("the relay has reached its maximum number of connections", 1013, 30),
    "shutting-down": ErrorKind("the relay is shutting down", 1001, 5),
}

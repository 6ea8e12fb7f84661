"""What a side that comes back from its store asks the other: frames <-> typed values. [whisperd-protocol(7), RESUME]

Encryption is not done here.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum

from whisperd.errors import ChannelBroken

#: First byte of a frame that is neither the handshake's nor the channel's.
RESUME_FRAME = 0x03
CHALLENGE_SIZE = 32
_LAYOUT = struct.Struct(f">B{CHALLENGE_SIZE}sQQQQ")
#: Bytes of the plaintext, padded.
SIZE = 256


class Turn(IntEnum):
    """What a frame is for."""

    ASK = 1
    ANSWER = 2
    REFUSE = 3


@dataclass(frozen=True)
class Counters:
    """How far a side is: frames that it encrypted and decrypted, data frames that it numbered and received."""

    encrypted: int
    decrypted: int
    sent: int
    received: int

    def ahead_of(self, other: Counters) -> bool:
        """Whether this side has had more from the other one than that knows to have made."""
        return self.decrypted > other.encrypted or self.received > other.sent


@dataclass(frozen=True)
class Resume:
    """The plaintext of one frame. ``challenge`` (32) is random in what asks, and comes back in what answers."""

    turn: Turn
    challenge: bytes = field(repr=False)
    counters: Counters

    def encode(self) -> bytes:
        counters = self.counters
        return _LAYOUT.pack(self.turn, self.challenge, counters.encrypted, counters.decrypted, counters.sent,
                            counters.received).ljust(SIZE, b"\0")

    @classmethod
    def decode(cls, plaintext: bytes) -> Resume:
        """Return what the bytes say; raises ChannelBroken."""
        if len(plaintext) != SIZE or any(plaintext[_LAYOUT.size :]):
            raise ChannelBroken
        turn, challenge, *counters = _LAYOUT.unpack_from(plaintext)
        if turn not in _TURNS:
            raise ChannelBroken
        return cls(Turn(turn), challenge, Counters(*counters))


_TURNS = frozenset(Turn)

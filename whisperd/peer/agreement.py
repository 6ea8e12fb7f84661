"""What a handshake led to: the suite, the keys that people compare, and the channel that it opened."""

from __future__ import annotations

from typing import Any

from whisperd.interfaces import Level
from whisperd.peer.channel import Channel
from whisperd.peer.effects import Established


class Agreement:
    """One established session; it counts once the other side has used it."""

    def __init__(self, established: Established) -> None:
        self.channel = Channel(established.session, established.keys.associated_data)
        self._keys = established.keys
        self._kex = established.kex
        self._ratchet = established.ratchet

    @property
    def level(self) -> str:
        """The lower one of the levels of the key exchange and the ratchet, as the configuration spells it."""
        return level_word(min(self._kex.level, self._ratchet.level))

    @property
    def suite(self) -> dict[str, str]:
        """The ids of the plug-ins in force."""
        return {"kex": self._kex.id, "ratchet": self._ratchet.id}

    @property
    def verification(self) -> bytearray:
        """The 32-byte key that what people compare, and the secret of contacts, are made of."""
        return self._keys.verification

    def comparison(self) -> dict[str, Any]:
        """Return the six words and the number that have to be the same on both sides."""
        return {"words": self._keys.words(), "number": self._keys.number()}

    def wipe(self) -> None:
        """Destroy the keys as far as the language allows."""
        self.channel.wipe()
        self._keys.wipe()


def level_word(level: int) -> str:
    """Return a level as the configuration spells it: ``quantum-resistant``."""
    return Level(level).name.lower().replace("_", "-")


def level_number(word: str) -> int:
    """Return the level that ``level_word`` spells."""
    return Level[word.upper().replace("-", "_")]

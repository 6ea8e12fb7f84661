"""What a handshake led to: the suite, the keys that people compare, and the channel that it opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whisperd.errors import PluginRefused, PluginUnknown
from whisperd.interfaces import Level, Random
from whisperd.peer.conversation.channel import Channel
from whisperd.peer.conversation.resume import Resuming
from whisperd.peer.effects import Established
from whisperd.peer.handshake.keys import SessionKeys
from whisperd.peer.records import SessionRecord
from whisperd.wire.envelope import SuiteOffer


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

    def resuming(self, *, inviter: bool, random: Random) -> Resuming:
        """Return what asks and answers when one side comes back from its store."""
        return Resuming(self._keys.verification, self._keys.associated_data, inviter=inviter, random=random)

    def dump(self) -> SessionRecord:
        """Return all but the payloads of the channel."""
        kex, ratchet = ((offer.id, offer.version, int(offer.level)) for offer in (self._kex, self._ratchet))
        return SessionRecord(kex, ratchet, bytes(self._keys.verification), self._keys.associated_data,
                             self.channel.dump())

    @classmethod
    def load(cls, kept: SessionRecord, payloads: Mapping[int, bytes], plugins: Any, random: Random) -> Agreement:
        """Return the agreement that was kept; raises PluginUnknown or ValueError when its ratchet is not to be had,
        or only in another version, for the other side still has that one; PluginRefused when the ratchet fails."""
        name, version, _ = kept.ratchet
        ratchet = plugins.ratchet(name)
        if ratchet.version != version:
            raise PluginUnknown(f"the ratchet {name} has version {ratchet.version} here, but the stored conversation "
                                f"needs version {version}")
        try:
            session = ratchet.load(kept.channel.session, random)
        except ValueError:
            raise
        except Exception as error:  # code of whoever wrote the plug-in: other conversations must come back all the same
            raise PluginRefused(f"the ratchet {name} could not read its own saved state: "
                                f"{type(error).__name__}") from error
        spent = bytearray(32)  # what the session and the confirmation have used up
        keys = SessionKeys(spent, spent, spent, bytearray(kept.verification), kept.associated_data)
        agreed = cls(Established(session, keys, SuiteOffer(*kept.kex), SuiteOffer(*kept.ratchet)))
        agreed.channel = Channel.load(kept.channel, payloads, session, kept.associated_data)
        return agreed

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

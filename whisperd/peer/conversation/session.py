"""What a handshake led to: the suite, the keys that people compare, and the channel that it opened."""

from __future__ import annotations

from collections.abc import Mapping

from whisperd.errors import PluginRefused, PluginUnknown
from whisperd.interfaces import Level, Random
from whisperd.peer.conversation.channel import Channel
from whisperd.peer.handshake.established import Established
from whisperd.peer.handshake.keys import SessionKeys
from whisperd.peer.handshake.plugins import Plugins
from whisperd.peer.records import SessionRecord
from whisperd.wire.envelope import SuiteOffer


class Session:
    """One established session; it counts once the other side has used it."""

    def __init__(self, established: Established, channel: Channel | None = None) -> None:
        self.channel = channel or Channel(established.session, established.keys.associated_data)
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

    @property
    def associated_data(self) -> bytes:
        """The 32 bytes that bind frames to this session."""
        return self._keys.associated_data

    def comparison(self) -> dict[str, str | list[str]]:
        """Return the six words and the number that have to be the same on both sides."""
        return {"words": self._keys.words(), "number": self._keys.number()}

    def dump(self) -> SessionRecord:
        """Return all but the payloads of the channel."""
        kex, ratchet = ((offer.id, offer.version, int(offer.level)) for offer in (self._kex, self._ratchet))
        return SessionRecord(kex, ratchet, bytes(self._keys.verification), self._keys.associated_data,
                             self.channel.dump())

    @classmethod
    def load(cls, record: SessionRecord, payloads: Mapping[int, bytes], plugins: Plugins, random: Random) -> Session:
        """Return the session that was recorded. Raises PluginUnknown or ValueError when its ratchet is not to be had,
        or only in another version, for the other side still has that one; PluginRefused when the ratchet fails."""
        name, version, _ = record.ratchet
        ratchet = plugins.ratchet(name)
        if ratchet.version != version:
            raise PluginUnknown(f"the ratchet {name} has version {ratchet.version} here, but the stored conversation "
                                f"needs version {version}")
        try:
            session = ratchet.load(record.channel.session, random)
        except ValueError:
            raise
        except Exception as error:  # code of whoever wrote the plug-in: other conversations must come back all the same
            raise PluginRefused(f"the ratchet {name} could not read its own saved state: "
                                f"{type(error).__name__}") from error
        spent = bytearray(32)  # what the session and the confirmation have used up
        keys = SessionKeys(spent, spent, spent, bytearray(record.verification), record.associated_data)
        channel = Channel.load(record.channel, payloads, session, record.associated_data)
        return cls(Established(session, keys, SuiteOffer(*record.kex), SuiteOffer(*record.ratchet)), channel)

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

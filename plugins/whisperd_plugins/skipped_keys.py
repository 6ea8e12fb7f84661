"""Message keys of messages that have not arrived: bounded, oldest dropped first [Double Ratchet, 4.6 and 8.4].

Whoever carries messages can hold one back, so that its key stays here, and hope to get hold of the state later. So a
key is destroyed when MAX_MISSING later messages of its chain have arrived, or when the other side has turned MAX_CHAINS
times since; what was lost on the way is sent again under another key long before.
"""

from __future__ import annotations

import struct
from collections import deque
from itertools import takewhile

from whisperd_plugins.sodium import KEY, wipe

#: Maximum number of message keys that one message may skip in one chain [Double Ratchet, 3.1, MAX_SKIP].
MAX_SKIP = 2000
#: Maximum number of message keys that are held in total.
MAX_MISSING = 256
#: Turns for which an earlier chain with keys is held, and so the maximum number of them: each costs one header trial
#: for every forged message.
MAX_CHAINS = 16

Keys = dict[int, bytearray]
_COUNT = struct.Struct(">H")
_TURNS = struct.Struct(">B")
_NUMBER = struct.Struct(">I")
_ENTRY = _NUMBER.size + KEY


class EarlierChain:
    """A chain that the other side has gone on from: its header key, its keys, and how many turns it has been there."""

    __slots__ = ("header", "keys", "turns")

    def __init__(self, header: bytearray, keys: Keys, turns: int = 0) -> None:
        self.header = header
        self.keys = keys
        self.turns = turns


class SkippedKeys:
    """The message keys, by number, of the chain that is being received and of earlier ones with their header keys."""

    __slots__ = ("current", "earlier", "total")

    def __init__(self) -> None:
        self.current: Keys = {}
        self.earlier: deque[EarlierChain] = deque()
        self.total = 0

    def add(self, keys: Keys) -> None:
        """Hold keys of the current chain; the oldest of all are dropped when there are more than MAX_MISSING."""
        self.current.update(keys)
        self.total += len(keys)
        while self.total > MAX_MISSING:
            self._drop_oldest()

    def expire(self, number: int) -> None:
        """Destroy the keys of the current chain that are too old after the message of this number."""
        for old in list(takewhile(lambda each: each < number - MAX_MISSING, self.current)):
            self.remove(self.current, old)

    def turn(self, header_key: bytearray) -> None:
        """The current chain, with this header key, becomes an earlier one, or is forgotten when nothing is missing;
        the earlier ones age."""
        for chain in self.earlier:
            chain.turns += 1
        while self.earlier and self.earlier[0].turns >= MAX_CHAINS:
            self._forget(self.earlier.popleft())
        if not self.current:
            wipe(header_key)
            return
        self.earlier.append(EarlierChain(header_key, self.current))
        self.current = {}

    def remove(self, keys: Keys, number: int) -> None:
        """Destroy one message key; an earlier chain whose last key this was is forgotten."""
        wipe(keys.pop(number))
        self.total -= 1
        if not keys and keys is not self.current:
            self._forget_empty()

    def wipe(self) -> None:
        """Destroy everything."""
        while self.earlier:
            self._forget(self.earlier.popleft())
        wipe(*self.current.values())
        self.current.clear()
        self.total = 0

    def dump(self) -> bytes:
        """Return count(2) and entries number(4) ‖ key(32) of the current chain, then count(2) of earlier chains, each
        turns(1) ‖ header key(32) and the same, in the order in which they would be dropped."""
        parts = [_dump_keys(self.current), _COUNT.pack(len(self.earlier))]
        for chain in self.earlier:
            parts.append(_TURNS.pack(chain.turns) + bytes(chain.header) + _dump_keys(chain.keys))
        return b"".join(parts)

    @classmethod
    def load(cls, data: bytes) -> SkippedKeys:
        """Return what ``dump`` described; raises ValueError for any other bytes."""
        try:
            found = cls._read(data)
        except struct.error:
            raise ValueError("the skipped message keys are cut off") from None
        if found.total > MAX_MISSING or len(found.earlier) > MAX_CHAINS:
            raise ValueError("more skipped message keys than are ever held")
        return found

    @classmethod
    def _read(cls, data: bytes) -> SkippedKeys:
        found = cls()
        found.current, place = _load_keys(data, 0)
        (chains,) = _COUNT.unpack_from(data, place)
        place += _COUNT.size
        for _ in range(chains):
            (turns,) = _TURNS.unpack_from(data, place)
            place += _TURNS.size
            header_key = bytearray(data[place : place + KEY])
            keys, place = _load_keys(data, place + KEY)
            if not keys or turns >= MAX_CHAINS:
                raise ValueError("an earlier chain without skipped message keys, or too old")
            found.earlier.append(EarlierChain(header_key, keys, turns))
        if place != len(data):
            raise ValueError("bytes follow the skipped message keys")
        found.total = len(found.current) + sum(len(chain.keys) for chain in found.earlier)
        return found

    def _drop_oldest(self) -> None:
        keys = self.earlier[0].keys if self.earlier else self.current
        self.remove(keys, next(iter(keys)))

    def _forget(self, chain: EarlierChain) -> None:
        self.total -= len(chain.keys)
        wipe(chain.header, *chain.keys.values())

    def _forget_empty(self) -> None:
        for chain in self.earlier:
            if not chain.keys:
                wipe(chain.header)
        self.earlier = deque(chain for chain in self.earlier if chain.keys)


def _dump_keys(keys: Keys) -> bytes:
    return _COUNT.pack(len(keys)) + b"".join(_NUMBER.pack(number) + key for number, key in keys.items())


def _load_keys(data: bytes, place: int) -> tuple[Keys, int]:
    (count,) = _COUNT.unpack_from(data, place)
    place += _COUNT.size
    end = place + count * _ENTRY
    if end > len(data):
        raise ValueError("the skipped message keys are cut off")
    keys = {
        _NUMBER.unpack_from(data, start)[0]: bytearray(data[start + _NUMBER.size : start + _ENTRY])
        for start in range(place, end, _ENTRY)
    }
    if len(keys) != count:
        raise ValueError("a skipped message key stands twice")
    return keys, end

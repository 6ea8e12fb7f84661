"""One digest over all records of a store: a hash tree of two levels, so that a change costs a 256th of them.

A record is a place(32) and a version(8). Its bucket is the first byte of its place; a bucket's digest is the keyed hash
of its records in the order of their places, and the root that of the 256 digests.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

_ENTRY = struct.Struct(">32sQ")
_BUCKETS = 256


class Tree:
    """The versions by place. ``digest`` is a keyed hash of 32 bytes."""

    def __init__(self, digest: Callable[[bytes], bytes]) -> None:
        self._digest = digest
        self._buckets: list[dict[bytes, int]] = [{} for _ in range(_BUCKETS)]
        self._digests: list[bytes | None] = [None] * _BUCKETS

    def __len__(self) -> int:
        return sum(map(len, self._buckets))

    def get(self, place: bytes) -> int | None:
        """Return the version of the record at a place."""
        return self._buckets[place[0]].get(place)

    def set(self, place: bytes, version: int | None) -> None:
        """Put a record, or take it away with None."""
        bucket = self._buckets[place[0]]
        if version is None:
            bucket.pop(place, None)
        else:
            bucket[place] = version
        self._digests[place[0]] = None

    def root(self) -> bytes:
        """Return the digest of everything, 32 bytes."""
        for number, known in enumerate(self._digests):
            if known is None:
                entries = sorted(self._buckets[number].items())
                self._digests[number] = self._digest(b"".join(_ENTRY.pack(*entry) for entry in entries))
        return self._digest(b"".join(digest or b"" for digest in self._digests))

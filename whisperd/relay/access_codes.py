"""Access codes: who may take a seat where ``relay.access`` is ``code``. [whisperd-protocol(7), RELAY ACCESS]

A code has 12 characters out of 32 that look like no other, 60 bits, and is shown once, when it is issued; what stays is
a hash of it under a random key. It is good for a number of joins until it expires. Wrong codes are counted for the
circuit that they came by and for the whole relay, and beyond a number a minute no code is looked at.

``now`` is in seconds since 1970: a code's expiry has to outlive the process where codes are persisted.
"""

from __future__ import annotations

import math
from collections import Counter
from hashlib import blake2b
from typing import Protocol

from msgspec import Struct

from whisperd.errors import AccessFull, AccessUnknown, ConfigError
from whisperd.interfaces import Random
from whisperd.logs import note
from whisperd.relay.buckets import TokenBucket
from whisperd.relay.limits import Denial, LimitScope
from whisperd.wire.hidden import hidden

#: Without I, O, 0 and 1. 32 characters: five bits of a random byte each.
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
LENGTH = 12
MAX_CODES = 10_000
#: Circuits whose wrong codes are remembered, for at most three minutes.
MAX_GUESSERS = 4_096
_MINUTE = 60.0


class Grant(Struct):
    """What is stored of one code: its name for the operator, its hash, the joins that are left, and its end."""

    name: str
    digest: bytes
    uses: int
    left: int
    expires: float

    __repr__ = hidden


class AccessRecord(Struct):
    """What is persisted of all codes: the key of their hashes, 32 bytes, and the codes."""

    key: bytes
    grants: list[Grant]

    __repr__ = hidden


class AccessStore(Protocol):
    """Where the codes outlive the relay. Both raise ConfigError."""

    def read(self) -> AccessRecord | None:
        """Return what was written last, None when nothing was."""

    def write(self, record: AccessRecord) -> None:
        """Replace it."""


class CodeAdmission:
    """What a code has admitted: a join, which is spent when a seat is taken."""

    def __init__(self, codes: AccessCodes, grant: Grant) -> None:
        self._codes = codes
        self._grant = grant

    @property
    def left(self) -> int:
        """Return how many joins the code is still good for."""
        return self._grant.left

    def spend(self) -> None:
        """Take note of a join."""
        self._codes.spend(self._grant)


class AccessCodes:
    """The codes of one relay."""

    def __init__(self, random: Random, *, max_codes: int = MAX_CODES, max_guessers: int = MAX_GUESSERS) -> None:
        self._random = random
        self._max_codes, self._max_guessers = max_codes, max_guessers
        self._key = random(32)
        self._grants: dict[bytes, Grant] = {}
        self._store: AccessStore | None = None
        self._until: dict[LimitScope | None, float] = {}  # None: of all together
        self.refused: Counter[str] = Counter()  # joins that were refused unseen, by whose guesses were used up
        self.apply(required=False, guesses=0, circuit_guesses=0)

    def apply(self, *, required: bool, guesses: int, circuit_guesses: int) -> None:
        """Put these rules into force: whether a join needs a code, and how many wrong ones there may be a minute, in
        total and of one circuit; 0 for any number."""
        self.required, self.guesses, self.circuit_guesses = required, guesses, circuit_guesses
        self._all, self._one = TokenBucket(guesses / _MINUTE, _MINUTE), TokenBucket(circuit_guesses / _MINUTE, _MINUTE)

    def persist(self, store: AccessStore) -> None:
        """Go on with the codes of ``store``, and write each change there; raises ConfigError."""
        found = store.read()
        if found is None:
            store.write(self._record())
        else:
            self._key, self._grants = found.key, {grant.digest: grant for grant in found.grants}
        self._store = store

    def __len__(self) -> int:
        return len(self._grants)

    def issue(self, uses: int, hours: float, now: float) -> dict[str, object]:
        """Return a new code, the only time that it is shown; raises AccessFull, ConfigError."""
        self.forget(now)
        if len(self._grants) >= self._max_codes:
            raise AccessFull
        code = "".join(ALPHABET[byte & 31] for byte in self._random(LENGTH))
        grant = Grant(self._random(4).hex(), self._digest(code), uses, uses, now + hours * 3_600)
        self._grants[grant.digest] = grant
        self._persist()
        shown = "-".join(code[start:start + 4] for start in range(0, LENGTH, 4))
        return {"code": shown, **_row(grant, now)}

    def list(self, now: float) -> list[dict[str, object]]:
        """Return what is known of each code that is still good."""
        self.forget(now)
        return [_row(grant, now) for grant in self._grants.values()]

    def revoke(self, name: str) -> None:
        """Make the code of this name worth nothing; raises AccessUnknown, ConfigError."""
        found = next((grant for grant in self._grants.values() if grant.name == name), None)
        if found is None:
            raise AccessUnknown
        del self._grants[found.digest]
        found.left = 0
        self._persist()

    def admit(self, code: str, source: LimitScope, now: float) -> CodeAdmission | Denial | None:
        """Return what ``code`` admits to, or why it does not; None where none is needed."""
        return self.find(code, source, now) if self.required else None

    def find(self, code: str, source: LimitScope, now: float) -> CodeAdmission | Denial:
        """Return what ``code`` admits to, or why it does not."""
        if not code:
            return Denial("code-needed")
        own = self._one.wait(self._until.get(source, 0.0), now)
        total = self._all.wait(self._until.get(None, 0.0), now)
        if own > 0 or total > 0:
            self.refused["circuit" if own > total else "total"] += 1
            return Denial("too-many-guesses", math.ceil(max(own, total)))
        grant = self._grants.get(self._digest(code))
        if grant is None or not grant.left or grant.expires <= now:
            self._charge(source, self._one, now)
            self._charge(None, self._all, now)
            return Denial("code-refused")
        return CodeAdmission(self, grant)

    def spend(self, grant: Grant) -> None:
        """Take note of a join by a code."""
        grant.left -= 1
        if grant.left <= 0:
            self._grants.pop(grant.digest, None)
        self._persist_unasked()

    def guessed(self, now: float) -> int:
        """Return how many of the wrong codes that there may be a minute are used up, in total."""
        return round(self._all.spent(self._until.get(None, 0.0), now) * self._all.rate)

    def forget(self, now: float) -> None:
        """Forget codes that have expired, and guesses of long ago."""
        over = [grant.digest for grant in self._grants.values() if grant.expires <= now]
        for digest in over:
            del self._grants[digest]
        if over:
            self._persist_unasked()
        self._until = {source: until for source, until in self._until.items() if self._one.spent(until, now)}

    def _record(self) -> AccessRecord:
        return AccessRecord(self._key, list(self._grants.values()))

    def _persist(self) -> None:
        if self._store is not None:
            self._store.write(self._record())

    def _persist_unasked(self) -> None:
        """Persist a change that no operator waits for the result of."""
        try:
            self._persist()
        except ConfigError:
            note("relay-access-not-written")

    def _digest(self, code: str) -> bytes:
        plain = code.upper().replace("-", "").replace(" ", "")
        return blake2b(plain.encode(), key=self._key, digest_size=32, person=b"whisperd access").digest()

    def _charge(self, source: LimitScope | None, bucket: TokenBucket, now: float) -> None:
        if not bucket.rate:
            return
        spent = bucket.charge(self._until.pop(source, 0.0), 1, now)
        if len(self._until) >= self._max_guessers:
            del self._until[next(each for each in self._until if each is not None)]
        self._until[source] = now + spent


def _row(grant: Grant, now: float) -> dict[str, object]:
    return {"id": grant.name, "uses": grant.uses, "left": grant.left, "expires_in": max(round(grant.expires - now), 0)}

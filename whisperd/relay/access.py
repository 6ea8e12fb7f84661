"""Access codes: who may take a seat where ``relay.access`` is ``code``. [whisperd-protocol(7), RELAY ACCESS]

A code has 12 characters out of 32 that look like no other, 60 bits, and is shown once, when it is issued; what stays is
a hash of it under a random key. It is good for a number of joins until it expires. Wrong codes are counted for the
circuit that they came by and for the whole relay, and beyond a number a minute no code is looked at.

``now`` is in seconds since 1970: a code's expiry has to outlive the process where codes are kept.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from hashlib import blake2b

from msgspec import Struct

from whisperd.errors import AccessFull, AccessUnknown, ConfigError
from whisperd.interfaces import Random
from whisperd.logs import note
from whisperd.relay.buckets import Scope
from whisperd.relay.limits import Denial

#: Without I, O, 0 and 1. 32 characters: five bits of a random byte each.
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
LENGTH = 12
MAX_CODES = 10_000
#: Circuits whose wrong codes are remembered, for at most two minutes.
MAX_GUESSERS = 4_096
_MINUTE = 60.0


class Grant(Struct):
    """What is kept of one code: its name for the operator, its hash, the joins that are left, and its end."""

    name: str
    digest: bytes
    uses: int
    left: int
    expires: float


class AccessCodes:
    """The codes of one relay. ``changed`` is called after each change, with this; it may raise ConfigError."""

    def __init__(self, random: Random, *, key: bytes | None = None, grants: Iterable[Grant] = (),
                 changed: Callable[[AccessCodes], None] = lambda access: None) -> None:
        self._random = random
        self._changed = changed
        self.key = key or random(32)
        self.grants: dict[bytes, Grant] = {grant.digest: grant for grant in grants}
        self.required = False
        self.guesses = self.circuit_guesses = 0  # wrong codes a minute, in total and of one circuit; 0: any number
        self.refused: Counter[str] = Counter()  # joins that were refused unseen, by whose guesses were used up
        self._locked: dict[Scope | None, float] = {}

    def issue(self, uses: int, hours: float, now: float) -> dict[str, object]:
        """Return a new code, the only time that it is shown; raises AccessFull."""
        self.forget(now)
        if len(self.grants) >= MAX_CODES:
            raise AccessFull
        code = "".join(ALPHABET[byte & 31] for byte in self._random(LENGTH))
        grant = Grant(self._random(4).hex(), self._digest(code), uses, uses, now + hours * 3_600)
        self.grants[grant.digest] = grant
        self._changed(self)
        shown = "-".join(code[start:start + 4] for start in range(0, LENGTH, 4))
        return {"code": shown, **_row(grant, now)}

    def list(self, now: float) -> list[dict[str, object]]:
        """Return what is known of each code that is still good."""
        self.forget(now)
        return [_row(grant, now) for grant in self.grants.values()]

    def revoke(self, name: str) -> None:
        """Make the code of this name worth nothing; raises AccessUnknown."""
        found = next((grant for grant in self.grants.values() if grant.name == name), None)
        if found is None:
            raise AccessUnknown
        del self.grants[found.digest]
        found.left = 0
        self._changed(self)

    def find(self, code: str, source: Scope, now: float) -> Grant | Denial:
        """Return what ``code`` stands for, or why there is nothing."""
        if not code:
            return Denial("code-needed")
        own, all_ = self._wait(source, self.circuit_guesses, now), self._wait(None, self.guesses, now)
        if own > 0 or all_ > 0:
            self.refused["circuit" if own > all_ else "total"] += 1
            return Denial("too-many-guesses", math.ceil(max(own, all_)))
        grant = self.grants.get(self._digest(code))
        if grant is None or not grant.left or grant.expires <= now:
            self._guessed(source, self.circuit_guesses, now)
            self._guessed(None, self.guesses, now)
            return Denial("code-refused")
        return grant

    def spend(self, grant: Grant) -> None:
        """Take note of a join by a code."""
        grant.left -= 1
        if grant.left <= 0:
            self.grants.pop(grant.digest, None)
        self._keep()

    def guessed(self, now: float) -> int:
        """Return how many of the wrong codes that there may be a minute are used up, in total."""
        return round(self._spent(None, now) * self.guesses / _MINUTE)

    def forget(self, now: float) -> None:
        """Forget codes that have expired, and guesses of long ago."""
        over = [grant.digest for grant in self.grants.values() if grant.expires <= now]
        for digest in over:
            del self.grants[digest]
        if over:
            self._keep()
        self._locked = {source: until for source, until in self._locked.items() if 0 < until - now <= 2 * _MINUTE}

    def _keep(self) -> None:
        """Tell of a change that no operator waits for the result of."""
        try:
            self._changed(self)
        except ConfigError:
            note("relay-access-not-kept")

    def _digest(self, code: str) -> bytes:
        plain = code.upper().replace("-", "").replace(" ", "")
        return blake2b(plain.encode(), key=self.key, digest_size=32, person=b"whisperd access").digest()

    def _spent(self, source: Scope | None, now: float) -> float:
        ahead = self._locked.get(source, 0.0) - now
        return ahead if 0 < ahead <= 2 * _MINUTE else 0.0

    def _wait(self, source: Scope | None, most: int, now: float) -> float:
        return max(self._spent(source, now) - _MINUTE + _MINUTE / most, 0.0) if most else 0.0

    def _guessed(self, source: Scope | None, most: int, now: float) -> None:
        if not most:
            return
        spent = self._spent(source, now)
        self._locked.pop(source, None)
        if len(self._locked) >= MAX_GUESSERS:
            del self._locked[next(each for each in self._locked if each is not None)]
        self._locked[source] = now + spent + _MINUTE / most


def _row(grant: Grant, now: float) -> dict[str, object]:
    return {"id": grant.name, "uses": grant.uses, "left": grant.left, "expires_in": max(round(grant.expires - now), 0)}

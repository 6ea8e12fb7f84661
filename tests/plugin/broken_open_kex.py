"""Key exchanges that leave out one precaution each, by the name of the check that has to find it."""

from __future__ import annotations

import os
from typing import Any

from whisperd_plugins import mlkem

from tests.plugin.broken_kex import BROKEN, breaks
from tests.plugin.open_kex import HEAD, OpenKex, waste
from whisperd.errors import KeyExchangeRefused
from whisperd.interfaces import Random
from whisperd.plugin.conformance.cost import MAX_EXCHANGE

__all__ = ["BROKEN"]

MASK = bytes(32)


@breaks("non-canonical-points")
class AnyEncoding(OpenKex):
    def check_point(self, public: bytes) -> None:
        pass


@breaks("non-canonical-prekeys")
class AnyPrekeyEncoding(OpenKex):
    """Looks at the first key of a record only, which is the identity's."""

    def read(self, record: bytes, first: int) -> bytes:
        canonical = super().read(record[:65] + record[33:65] + record[97:], first)
        return canonical[:65] + record[65:97] + canonical[97:]


@breaks("cut-and-extended", "garbage", "roles-swapped")
class SpentByAnything(OpenKex):
    """Destroys its prekeys, whatever comes for them."""

    def refuse_reuse(self, message: bytes, private: Any) -> None:
        super().refuse_reuse(message, private)
        private.seen.append(message)


@breaks("low-order-prekeys")
class TakesZeroForASecret(OpenKex):
    def agree(self, private: bytearray, public: bytes) -> bytes | bytearray:
        try:
            return super().agree(private, public)
        except KeyExchangeRefused:
            return bytes(32)

    def agree_by(self, identity: Any, public: bytes) -> bytes:
        try:
            return super().agree_by(identity, public)
        except KeyExchangeRefused:
            return bytes(32)


@breaks("invalid-kem-prekeys")
class AnyKemKey(OpenKex):
    def encapsulate(self, public: bytes) -> tuple[bytes, bytes]:
        try:
            return super().encapsulate(public)
        except KeyExchangeRefused:
            return bytes(mlkem.CIPHERTEXT), os.urandom(32)


@breaks("key-confusion")
class EitherOrder(OpenKex):
    """Signs the set of its keys, and takes them in whatever order the signature is right for."""

    def read(self, record: bytes, first: int) -> bytes:
        record = super().read(record, first)
        swapped = record[:33] + record[65:97] + record[33:65] + record[97:]
        try:
            if first == 1:
                self.verify(swapped, b"bundle" + swapped[:HEAD])
                return swapped
        except KeyExchangeRefused:
            pass
        return record


@breaks("spliced")
class CiphertextOfAnother(OpenKex):
    """Binds neither the ciphertext nor what is in it."""

    def signed(self, bundle: bytes, head: bytes) -> bytes:
        return super().signed(bundle, head[:97])

    def context(self, record: bytes) -> bytes:
        return record[:97]

    def derive(self, parts: list[Any], bundle: bytes, message: bytes) -> bytes:
        return super().derive(parts[:3], bundle, message)


class UnboundIdentity(OpenKex):
    """The secret does not depend on who signed."""

    def context(self, record: bytes) -> bytes:
        return record[:1] + MASK + record[33:HEAD]


breaks("unknown-key-share")(UnboundIdentity)


@breaks("identity-substitution")
class AnySigner(UnboundIdentity):
    def verify(self, record: bytes, signed: bytes) -> None:
        pass


@breaks("key-compromise-impersonation")
class AnonymousJoiner(OpenKex):
    """Authenticates the inviter only."""

    def verify(self, record: bytes, signed: bytes) -> None:
        if record[0] == 1:
            super().verify(record, signed)

    def derive(self, parts: list[Any], bundle: bytes, message: bytes) -> bytes:
        return super().derive(parts[1:], bundle, message)


@breaks("key-compromise-impersonation")
class AnonymousInviter(OpenKex):
    """Authenticates the inviter by nothing that takes a key of theirs."""

    def verify(self, record: bytes, signed: bytes) -> None:
        if record[0] == 2:
            super().verify(record, signed)

    def derive(self, parts: list[Any], bundle: bytes, message: bytes) -> bytes:
        return super().derive([parts[0], *parts[2:]], bundle, message)


@breaks("self-session")
class TalksToItself(OpenKex):
    def refuse_self(self, record: bytes, identity: Any) -> None:
        pass


@breaks("exchanges-apart", "simultaneous-start")
class OneBundleAtATime(OpenKex):
    """Keeps the last private half in the plug-in."""

    def prekeys(self, identity: Any, random: Random, *, lasting: bool = False) -> Any:
        bundle, self.last = super().prekeys(identity, random, lasting=lasting)
        return bundle, self.last

    def accept(self, message: bytes, private: Any, identity: Any) -> bytes:
        return super().accept(message, self.last, identity)


@breaks("exhaustion")
class ForgetsThatItServed(OpenKex):
    """Remembers the last refusals only."""

    refused = 0

    def refuse_reuse(self, message: bytes, private: Any) -> None:
        try:
            super().refuse_reuse(message, private)
        except KeyExchangeRefused:
            self.refused += 1
            if self.refused < 16:
                raise


@breaks("exhaustion")
class NoReplayRecord(OpenKex):
    def refuse_reuse(self, message: bytes, private: Any) -> None:
        if not (private.lasting and private.bundle):
            super().refuse_reuse(message, private)


@breaks("exhaustion")
class LastsForEver(OpenKex):
    """Goes on with last-resort prekeys that were wiped."""

    def prekeys(self, identity: Any, random: Random, *, lasting: bool = False) -> Any:
        bundle, private = super().prekeys(identity, random, lasting=lasting)
        if lasting:
            private.wipe = lambda: None
        return bundle, private


@breaks("cpu-budget")
class Slow(OpenKex):
    def derive(self, parts: list[Any], bundle: bytes, message: bytes) -> bytes:
        waste(MAX_EXCHANGE)
        return super().derive(parts, bundle, message)


@breaks("two-processes")
class PerProcess(OpenKex):
    """Both halves have to be in one process."""

    def context(self, record: bytes) -> bytes:
        return record + str(os.getpid()).encode()

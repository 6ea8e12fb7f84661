"""Key exchanges that break one promise each, by the name of the check that has to find it."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from whisperd_plugins import pqxdh, sodium
from whisperd_plugins.pqxdh import PqxdhMlkem1024

from whisperd.errors import KeyExchangeRefused

BROKEN: dict[str, list[Any]] = {}


def breaks(*names: str) -> Any:
    """Note a class as one that the checks of these names have to find broken."""

    def note(broken: Any) -> Any:
        for name in names:
            BROKEN.setdefault(name, []).append(broken)
        return broken

    return note


@breaks("interface")
class OldApi(PqxdhMlkem1024):
    api = 0


@breaks("self-test")
class FailsItself(PqxdhMlkem1024):
    def self_test(self) -> None:
        raise ArithmeticError


@breaks("agreement")
class Disagrees(PqxdhMlkem1024):
    def accept(self, message: bytes, private: Any, identity: Any) -> bytes:
        return hashlib.sha256(super().accept(message, private, identity)).digest()


@breaks("agreement")
class ShortSecret(PqxdhMlkem1024):
    def initiate(self, bundle: bytes, identity: Any, random: Any) -> tuple[bytes, bytes]:
        message, secret = super().initiate(bundle, identity, random)
        return message, secret[:16]

    def accept(self, message: bytes, private: Any, identity: Any) -> bytes:
        return super().accept(message, private, identity)[:16]


@breaks("freshness")
class SameBundle(PqxdhMlkem1024):
    def prekeys(self, identity: Any, random: Any) -> Any:
        return super().prekeys(identity, lambda size: b"\7" * size)


@breaks("exchanges-apart")
class KeepsOneState(PqxdhMlkem1024):
    """Keeps the last prekeys in the plug-in and forgets which were asked for."""

    def prekeys(self, identity: Any, random: Any) -> Any:
        bundle, self.last = super().prekeys(identity, random)
        return bundle, self.last

    def accept(self, message: bytes, private: Any, identity: Any) -> bytes:
        return super().accept(message, self.last, identity)


class Guarded(PqxdhMlkem1024):
    """Passes on every call; to be given a fault at one place."""

    def initiate(self, bundle: bytes, identity: Any, random: Any) -> Any:
        return super().initiate(self.mend_bundle(bundle), identity, random)

    def accept(self, message: bytes, private: Any, identity: Any) -> Any:
        return super().accept(self.mend_message(message), private, identity)

    def mend_bundle(self, bundle: bytes) -> bytes:
        return bundle

    def mend_message(self, message: bytes) -> bytes:
        return message


@breaks("tampered-bundle")
class MalleableBundle(Guarded):
    """Does not look at the first byte of a bundle that is long enough."""

    def mend_bundle(self, bundle: bytes) -> bytes:
        return b"\1" + bundle[1:] if len(bundle) > 1_000 else bundle


@breaks("tampered-message")
class MalleableMessage(Guarded):
    """Does not look at the first byte of a message that is long enough."""

    def mend_message(self, message: bytes) -> bytes:
        return b"\x10" + message[1:] if len(message) > 1_000 else message


@breaks("tampered-message")
class Traceback(Guarded):
    """Lets an exception out that nobody expects."""

    def mend_message(self, message: bytes) -> bytes:
        if message[0] != 0x10:
            raise IndexError
        return message


@breaks("cut-and-extended")
class IgnoresTheRest(Guarded):
    def mend_bundle(self, bundle: bytes) -> bytes:
        return bundle[: pqxdh.ONE_TIME_BUNDLE.size]


@breaks("cut-and-extended")
class TracebackWhenCut(Guarded):
    def mend_message(self, message: bytes) -> bytes:
        message[pqxdh.MESSAGE.size - 1]
        return message


@breaks("garbage")
class LooksAtThePast(Guarded):
    """Falls over bytes that are not a message of any kind."""

    def mend_message(self, message: bytes) -> bytes:
        if len(message) > 5_000:
            raise MemoryError
        return message


@breaks("roles-swapped")
class FallsOverItsOwnBundle(Guarded):
    def mend_message(self, message: bytes) -> bytes:
        if message[0] == 0x01:
            raise TypeError
        return message


class Unconfirmed(PqxdhMlkem1024):
    """Leaves out the checks of ``accept`` that a subclass names, and returns whatever secret comes of it."""

    def initiate(self, bundle: bytes, identity: Any, random: Any) -> tuple[bytes, bytes]:
        message, _ = super().initiate(bundle, identity, random)
        return message, hashlib.sha256(message).digest()

    def accept(self, message: bytes, private: Any, identity: Any) -> bytes:
        private.refuse_reuse(message)
        private.use(message)
        return hashlib.sha256(message).digest()


@breaks("wrong-identity")
class AnyIdentity(Unconfirmed):
    """The secret does not depend on who accepts."""


@breaks("wrong-prekeys")
class AnyPrekeys(Unconfirmed):
    """The secret does not depend on the prekeys."""


@breaks("spent-prekeys")
class ServesForEver(PqxdhMlkem1024):
    def accept(self, message: bytes, private: Any, identity: Any) -> bytes:
        kept = bytearray(private.signed), bytearray(private.one_time), private.kem, private.spent, set(private._seen)
        secret = super().accept(message, private, identity)
        private.signed, private.one_time, private.kem, private.spent, private._seen = kept
        return secret


@breaks("spent-prekeys")
class IgnoresWipe(PqxdhMlkem1024):
    def prekeys(self, identity: Any, random: Any) -> Any:
        bundle, private = super().prekeys(identity, random)
        really = private.wipe
        private.use, private.wipe = lambda message: really(), lambda: None
        return bundle, private


@breaks("low-order-points")
class AnyPoint(PqxdhMlkem1024):
    """Takes an identity of low order for one that was not there."""

    def initiate(self, bundle: bytes, identity: Any, random: Any) -> Any:
        try:
            return super().initiate(bundle, identity, random)
        except KeyExchangeRefused as error:
            if "low order" in str(error):
                return b"message", os.urandom(32)
            raise


@breaks("agreement-refused")
class ValueErrorFromTheHandle(PqxdhMlkem1024):
    def initiate(self, bundle: bytes, identity: Any, random: Any) -> Any:
        identity.agree(sodium.public_key(bytearray(random(32))))
        return super().initiate(bundle, identity, random)


@breaks("tampered-bundle")
class UnsignedBundle(PqxdhMlkem1024):
    """Does not verify, and derives a secret that the bundle has no part in."""

    def initiate(self, bundle: bytes, identity: Any, random: Any) -> Any:
        if len(bundle) != pqxdh.ONE_TIME_BUNDLE.size:
            raise KeyExchangeRefused
        return identity.public("x25519"), hashlib.sha256(identity.public("x25519")).digest()

    def accept(self, message: bytes, private: Any, identity: Any) -> bytes:
        return hashlib.sha256(message).digest()



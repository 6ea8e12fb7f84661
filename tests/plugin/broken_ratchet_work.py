"""Ratchets that nobody could work with, by the name of the check that has to find it."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from whisperd_plugins.double_he import Session

from tests.plugin.broken_ratchet import BROKEN, SharedKey, WithSession, breaks
from tests.plugin.open_kex import waste
from whisperd.errors import MessageRejected
from whisperd.plugin.conformance.cost import MOST_MESSAGE

__all__ = ["BROKEN"]

breaks("rollback")(SharedKey)


@breaks("rollback")
class OnlyForward(WithSession):
    """Does not go on from the dump of a session that has gone on since."""

    def load(self, dump: bytes, random: Any) -> Session:
        session = super().load(dump, random)
        if hashlib.sha256(dump).digest() in PASSED:
            session._state.next_receiving = bytearray(32)
            session._state.receiving = None
        return session

    class session(Session):
        def decrypt(self, message: bytes, ad: bytes) -> bytes:
            PASSED.add(hashlib.sha256(self.dump()).digest())
            return super().decrypt(message, ad)


PASSED: set[bytes] = set()


@breaks("two-processes")
class PerProcess(WithSession):
    class session(Session):
        def encrypt(self, plaintext: bytes, ad: bytes) -> bytes:
            return super().encrypt(plaintext, ad + str(os.getpid()).encode())

        def decrypt(self, message: bytes, ad: bytes) -> bytes:
            return super().decrypt(message, ad + str(os.getpid()).encode())


@breaks("sizes")
class LongMessages(WithSession):
    class session(Session):
        def encrypt(self, plaintext: bytes, ad: bytes) -> bytes:
            return bytes(10_000) + super().encrypt(plaintext, ad)

        def decrypt(self, message: bytes, ad: bytes) -> bytes:
            if message[:10_000] != bytes(10_000):
                raise MessageRejected
            return super().decrypt(message[10_000:], ad)


@breaks("sizes")
class LargeState(WithSession):
    class session(Session):
        def dump(self) -> bytes:
            return super().dump() + bytes(1_000_000)


@breaks("cpu-budget")
class SlowMessages(WithSession):
    class session(Session):
        def encrypt(self, plaintext: bytes, ad: bytes) -> bytes:
            waste(2 * MOST_MESSAGE)
            return super().encrypt(plaintext, ad)


@breaks("cpu-budget")
class SlowRefusals(WithSession):
    class session(Session):
        def decrypt(self, message: bytes, ad: bytes) -> bytes:
            try:
                return super().decrypt(message, ad)
            except MessageRejected:
                waste(2 * MOST_MESSAGE)
                raise

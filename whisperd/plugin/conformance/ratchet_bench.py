"""How the checks of ratchets let two sides talk, and what they demand of each delivery."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from whisperd.errors import MessageRejected
from whisperd.interfaces import Random
from whisperd.plugin.conformance.report import Broken, Checks

CHECKS = Checks()
AD = b"associated data"
#: The least that the bounds may be: what two links do to the order of messages has to be borne.
MIN_BOUNDS = {"max_skip": 16, "max_kept": 64, "max_chains": 4}


class RatchetBench:
    """One plug-in with a random source of its own, and how to let two sides talk."""

    def __init__(self, plugin: Any, random: Random, thorough: bool) -> None:
        self.plugin = plugin
        self.random = random
        self.max_places = 1 << 20 if thorough else 128
        self.walk_steps = 4_000 if thorough else 600

    def pair(self) -> tuple[Any, Any]:
        """Return the two sides of a fresh session, initiator first."""
        offer, private = self.plugin.offer(self.random)
        secret = self.random(32)
        return (self.plugin.initiator(secret, offer, self.random),
                self.plugin.responder(secret, private, self.random))

    def talking(self) -> tuple[Any, Any]:
        """Return two sides that have both spoken and heard."""
        one, other = self.pair()
        self.tell(one, other, b"hello")
        self.tell(other, one, b"hello to you")
        return one, other

    def tell(self, sender: Any, receiver: Any, plaintext: bytes, ad: bytes = AD) -> None:
        """Send one message; raise Broken unless it arrives as it was."""
        self.hear(receiver, sender.encrypt(plaintext, ad), plaintext, ad)

    def hear(self, receiver: Any, message: bytes, plaintext: bytes, ad: bytes = AD) -> None:
        """Deliver one message; raise Broken unless it is read as ``plaintext``."""
        try:
            found = receiver.decrypt(message, ad)
        except MessageRejected as error:
            raise Broken(f"a good message was rejected: {error}") from error
        if type(found) is not bytes or found != plaintext:
            raise Broken("a message was read as something else")

    def rejected(self, receiver: Any, message: bytes, what: str, ad: bytes = AD) -> None:
        """Deliver one bad message; raise Broken unless it is rejected and the state stays byte for byte the same."""
        before = receiver.dump()
        try:
            receiver.decrypt(message, ad)
        except MessageRejected:
            if receiver.dump() != before:
                raise Broken(f"{what}: rejected, but the state has changed") from None
            return
        except Exception as error:
            raise Broken(f"{what}: raised {error!r}, not MessageRejected") from error
        raise Broken(f"{what}: was accepted")

    def expect(self, held: bool, fault: str) -> None:
        """Raise Broken with ``fault`` unless ``held``."""
        if not held:
            raise Broken(fault)

    def raises(self, kind: type[Exception], what: str, call: Callable[[], Any]) -> None:
        """Raise Broken unless ``call`` raises an exception of this kind."""
        try:
            call()
        except kind:
            return
        except Exception as error:
            raise Broken(f"{what}: raised {error!r}, not {kind.__name__}") from error
        raise Broken(f"{what}: went through")

"""How the checks of key exchanges let two sides exchange, and the identities of those who do not keep to the rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from whisperd.errors import KeyExchangeRefused
from whisperd.interfaces import Random
from whisperd.plugin.conformance.bad_keys import found
from whisperd.plugin.conformance.report import Broken, Checks, NotApplicable
from whisperd.plugin.identity import MemoryIdentity

CHECKS = Checks()


@dataclass
class KexExchange:
    """One exchange up to the message: what both sides have."""

    inviter: Any
    joiner: Any
    bundle: bytes = field(repr=False)
    private: Any
    message: bytes = field(repr=False)
    secret: bytes = field(repr=False)


class ShownIdentity:
    """An identity that shows another X25519 key than it has, and signs all the same."""

    def __init__(self, identity: Any, shown: bytes) -> None:
        self._identity = identity
        self._shown = shown

    def public(self, kind: str) -> bytes:
        return self._shown if kind == "x25519" else self._identity.public(kind)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._identity, name)


class RecordingSigner:
    """An identity that remembers what it signed, so that a record can be signed anew after something in it changed."""

    def __init__(self, identity: Any) -> None:
        self._identity = identity
        self.signed: list[tuple[str, bytes, bytes]] = []

    def sign(self, kind: str, message: bytes) -> bytes:
        signature: bytes = self._identity.sign(kind, message)
        self.signed.append((kind, message, signature))
        return signature

    def signed_anew(self, record: bytes, changes: dict[bytes, bytes], by: Any = None,
                    kinds: tuple[str, ...] = ()) -> bytes:
        """Return ``record`` with these changes and new signatures over them: all of them by this identity, or those
        of ``kinds`` by another one."""
        changes = dict(changes)
        for kind, message, signature in self.signed:
            if signature in record and (by is None or kind in kinds):
                changes[signature] = (by or self._identity).sign(kind, _with(message, changes))
        return _with(record, changes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._identity, name)


class Impostor:
    """Somebody who shows the public keys of ``victim``, has other private keys, and repeats what the victim signed."""

    def __init__(self, victim: RecordingSigner, own: Any) -> None:
        self._victim = victim
        self._own = own

    def public(self, kind: str) -> bytes:
        shown: bytes = self._victim.public(kind)
        return shown

    def sign(self, kind: str, message: bytes) -> bytes:
        repeated = {(kind, message): signature for kind, message, signature in self._victim.signed}
        return repeated.get((kind, message)) or self._own.sign(kind, message)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)


class RefusingIdentity(ShownIdentity):
    """An identity that finds every point to be of low order."""

    def __init__(self, identity: Any) -> None:
        super().__init__(identity, identity.public("x25519"))

    def agree(self, public: bytes) -> bytes:
        raise ValueError("an X25519 public key of low order")


class KexBench:
    """One plug-in with a random source of its own, and how to let it exchange."""

    def __init__(self, plugin: Any, random: Random, thorough: bool) -> None:
        self.plugin = plugin
        self.random = random
        self.max_places = 1 << 20 if thorough else 128

    def identity(self) -> Any:
        """Return a new identity with the keys that the plug-in uses."""
        return MemoryIdentity(self.plugin.identity_kinds, self.random)

    @cached_property
    def contacts(self) -> tuple[Any, Any]:
        """An inviter and a joiner, the same ones for the whole check: some keys take long to make."""
        return self.identity(), self.identity()

    def identity_keys(self, identity: Any, record: bytes) -> list[bytes]:
        """Return the public identity keys that stand in ``record`` in clear."""
        return found(record, (identity.public(kind) for kind in self.plugin.identity_kinds))

    def needs_identity(self, kind: str = "") -> None:
        """Raise NotApplicable unless the plug-in uses identities, or those of ``kind``."""
        if kind not in ("", *self.plugin.identity_kinds) or not self.plugin.identity_kinds:
            raise NotApplicable(f"it uses no {kind or 'identity'} key")

    def exchange(self) -> KexExchange:
        """Let the two people exchange up to the message."""
        inviter, joiner = self.contacts
        bundle, private = self.plugin.prekeys(inviter, self.random)
        message, secret = self.plugin.initiate(bundle, joiner, self.random)
        return KexExchange(inviter, joiner, bundle, private, message, secret)

    def refused(self, what: str, call: Callable[[], Any]) -> None:
        """Raise Broken unless ``call`` raises KeyExchangeRefused."""
        if self.attempt(what, call) is not None:
            raise Broken(f"{what}: was accepted")

    def accepted(self, what: str, made: KexExchange) -> None:
        """Raise Broken unless the inviter accepts the message, and arrives at the joiner's secret."""
        if self.attempt(what, lambda: self.plugin.accept(made.message, made.private, made.inviter)) != made.secret:
            raise Broken(f"{what}: was refused, or led to another secret")

    def refused_between(self, inviter: Any, joiner: Any, what: str) -> None:
        """Raise Broken unless one of the two refuses the other."""
        bundle, private = self.plugin.prekeys(inviter, self.random)
        made = self.attempt(what, lambda: self.plugin.initiate(bundle, joiner, self.random))
        if made is not None:
            self.refused(what, lambda: self.plugin.accept(made[0], private, inviter))

    def no_common_secret(self, what: str, bundle: bytes, private: Any, inviter: Any, joiner: Any) -> None:
        """Raise Broken when ``joiner`` takes the bundle and arrives at the same secret as ``inviter``."""
        made = self.attempt(what, lambda: self.plugin.initiate(bundle, joiner, self.random))
        if made is not None:
            self.useless(what, made[1], lambda: self.plugin.accept(made[0], private, inviter))

    def attempt(self, what: str, call: Callable[[], Any]) -> Any:
        """Return what ``call`` returns, or None when it raises KeyExchangeRefused; Broken when anything else."""
        try:
            return call()
        except KeyExchangeRefused:
            return None
        except Exception as error:
            raise Broken(f"{what}: raised {error!r}, not KeyExchangeRefused") from error

    def useless(self, what: str, secret: bytes, call: Callable[[], bytes]) -> None:
        """Raise Broken when ``call`` returns the other side's secret, or raises anything but KeyExchangeRefused."""
        if self.attempt(what, call) == secret:
            raise Broken(f"{what}: led to the same secret")


def _with(data: bytes, changes: dict[bytes, bytes]) -> bytes:
    for before, after in changes.items():
        data = data.replace(before, after)
    return data

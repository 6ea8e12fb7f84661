"""What is used of plug-ins, for the type checker; their contract is ``whisperd.interfaces``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from whisperd.interfaces import Random


class Wipeable(Protocol):
    """A secret that only its maker can read, and that anybody who holds it can destroy."""

    def wipe(self) -> None:
        """Destroy it as far as the language allows."""


class Identity(Wipeable, Protocol):
    """An IIdentity, as far as it is not handed on to a plug-in."""


class KeyExchange(Protocol):
    """An IKeyExchange."""

    @property
    def identity_kinds(self) -> Sequence[str]:
        """The kinds of identity keys that it uses."""

    def prekeys(self, identity: Identity, random: Random) -> tuple[bytes, Wipeable]:
        """Return a bundle and its private half."""

    def initiate(self, bundle: bytes, identity: Identity, random: Random) -> tuple[bytes, bytes]:
        """Return a message for the holder of the bundle, and the secret (32 bytes)."""

    def accept(self, message: bytes, private: Wipeable, identity: Identity) -> bytes:
        """Return the secret of a message (32 bytes)."""


class RatchetSession(Wipeable, Protocol):
    """An IRatchetSession."""

    @property
    def can_encrypt(self) -> bool:
        """Whether it can, which a responder can after its first ``decrypt`` only."""

    def encrypt(self, plaintext: bytes, ad: bytes) -> bytes:
        """Return a message that is bound to the associated data."""

    def decrypt(self, message: bytes, ad: bytes) -> bytes:
        """Return the plaintext. Raises MessageRejected."""

    def dump(self) -> bytes:
        """Return the whole state, secrets included."""


class Ratchet(Protocol):
    """An IRatchet."""

    @property
    def version(self) -> int:
        """The version of its wire format."""

    def offer(self, random: Random) -> tuple[bytes, Wipeable]:
        """Return the responder's first public key or keys, and the private half."""

    def initiator(self, secret: bytes, offer: bytes, random: Random) -> RatchetSession:
        """Return the session of the side that speaks first."""

    def responder(self, secret: bytes, private: Wipeable, random: Random) -> RatchetSession:
        """Return the session of the side that made the offer."""

    def load(self, dump: bytes, random: Random) -> RatchetSession:
        """Return the session that was dumped. Raises ValueError."""


class Plugins(Protocol):
    """Where the suites come from: ``whisperd.plugin.registry`` has the shape. An offer is an id, a version and a level.
    """

    def kex(self, plugin_id: str) -> KeyExchange:
        """Return a key exchange. Raises PluginUnknown."""

    def ratchet(self, plugin_id: str) -> Ratchet:
        """Return a ratchet. Raises PluginUnknown."""

    def offers_kex(self) -> Sequence[tuple[str, int, int]]:
        """Return the key exchanges that may be used, best first."""

    def offers_ratchet(self) -> Sequence[tuple[str, int, int]]:
        """Return the ratchets that may be used, best first."""


class CodeKeyExchange(KeyExchange, Protocol):
    """An ICodeKeyExchange."""

    @property
    def runs_left(self) -> int:
        """How many more runs the code is good for."""

    def for_code(self, code: str, runs: int) -> CodeKeyExchange:
        """Return the key exchange of a code, good for so many runs."""


class AllPlugins(Plugins, Protocol):
    """All plug-ins of a daemon, those for spoken codes among them."""

    def offers_code_kex(self) -> Sequence[tuple[str, int, int]]:
        """Return the key exchanges over a spoken code that may be used, best first; each is a CodeKeyExchange."""


#: Makes an identity with keys of these kinds, for one handshake.
NewIdentity = Callable[[Sequence[str], Random], Identity]

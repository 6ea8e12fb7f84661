"""The public contract between whisperd and its parts: what a plug-in, a store or a tor has to provide.

Every method of a plug-in and of a store is synchronous and pure unless it says otherwise: bytes in, bytes out, no
clock, no socket, no file. Randomness comes in as ``random``, a callable that takes a number of bytes and returns that
many; it is ``os.urandom`` in the daemon and a seeded stream in tests. Sizes are in bytes. ``whisperd-plugins(7)`` is
the manual.
"""

# mypy: disable-error-code="misc"
# (the methods of a zope.interface are written without ``self``)

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from enum import IntEnum
from typing import Protocol, TypedDict, TypeVar

from zope.interface import Attribute, Interface

#: The version of this contract. A plug-in states the one it was written for as ``api``.
API_VERSION = 1

#: ``random(n)`` returns ``n`` unpredictable bytes.
Random = Callable[[int], bytes]

#: The protocol of a connection.
Built = TypeVar("Built")
_Built = TypeVar("_Built", covariant=True)


class Level(IntEnum):
    """The security level of an algorithm. A larger number is stronger; the numbers are sent on the wire."""

    STANDARD = 1
    ENHANCED = 2
    QUANTUM_RESISTANT = 3


class IPlugin(Interface):
    """What every plug-in provides: its name, its versions, its security level and a self-test."""

    id = Attribute("str: its name on the wire, 1 to 48 characters of a-z, 0-9 and '-'")
    version = Attribute("int: the version of its wire format, 1 to 255; both sides must have the same")
    api = Attribute("int: the API_VERSION it was written for")
    level = Attribute("Level: its security level")

    def self_test():
        """Check the implementation against its own known answers; raise any exception when they differ."""


class IIdentity(Interface):
    """A handle on long-term private keys. The keys may live in another process; a plug-in never holds them."""

    def public(kind):
        """Return the public key of ``kind``: ``"ed25519"`` (32), ``"x25519"`` (32), ``"mldsa87"`` (2592),
        ``"falcon1024"`` (1793), ``"p256"`` (65), ``"mlkem1024"`` (1568). Raises KeyError for a kind that this identity
        does not have."""

    def sign(kind, message):
        """Return a signature over ``message``: Ed25519 (64), ML-DSA-87 (4627), padded Falcon-1024 (1280),
        ECDSA with P-256 and SHA-256 as r ‖ s (64)."""

    def agree(public):
        """Return X25519(identity private key, ``public``), 32 bytes; raises ValueError for a low-order point."""

    def decapsulate(ciphertext):
        """Return the 32-byte secret of an ML-KEM-1024 ciphertext (1568) for the identity's ``"mlkem1024"`` key; a
        different secret if the ciphertext was changed. Raises ValueError for a ciphertext of another size."""

    def wipe():
        """Destroy the private keys, as far as Python allows; any later use raises KeyError."""


class IKeyExchange(IPlugin):
    """A one-message asynchronous key exchange. The inviter publishes prekeys, the joiner initiates.

    One instance serves the whole daemon and has no state of any conversation.
    """

    identity_kinds = Attribute("tuple[str, ...]: the kinds of identity keys that it uses, see IIdentity.public")

    def prekeys(identity, random):
        """Return ``(bundle, private)``: the public prekey bundle to send, and an opaque object, to be given to
        ``accept``, that has a ``wipe()`` method. ``bundle`` is bytes, at most 16384."""

    def initiate(bundle, identity, random):
        """Return ``(message, secret)`` for the holder of ``bundle``: ``message`` at most 16384 bytes, ``secret`` 32.

        Raises KeyExchangeRefused when a signature does not verify, a key is not valid, or the bundle is of ``identity``
        itself."""

    def accept(message, private, identity):
        """Return the 32-byte secret that ``initiate`` returned on the other side. Each ``private`` can be used once;
        a malformed message does not use it up.

        Raises KeyExchangeRefused when the message is malformed, a key is not valid or ``private`` is used up or
        wiped. A message that was changed is refused, or yields a secret that the other side does not have."""


class ICodeKeyExchange(IKeyExchange):
    """A key exchange between two people who share a short code. ``for_code`` returns one that has the code.

    ``prekeys``, ``initiate`` and ``accept`` raise KeyExchangeRefused without a code, and when no runs are left."""

    runs_left = Attribute("int: how many runs the code still allows; in each the other side can test one guess")

    def for_code(code, runs=5):
        """Return an ICodeKeyExchange for ``code``, a str, that allows so many runs; raises ValueError for an
        invalid code.

        Only the returned object has state: it counts the runs of one conversation."""


class IRatchet(IPlugin):
    """A factory of ratchet sessions. The responder (the inviter) makes an offer; the initiator answers it."""

    max_skip = Attribute("int: maximum number of messages of one chain that one message may overtake, at least 16; a "
                         "message further ahead is rejected")
    max_kept = Attribute("int: maximum number of keys of missing messages in a session, at least 64; beyond that the "
                         "oldest are dropped, and a key is dropped after so many later messages of its chain")
    max_chains = Attribute("int: maximum number of earlier chains whose keys a session holds, at least 4; a forged "
                           "message costs one trial for each, and the keys of a chain are dropped after so many turns")

    def offer(random):
        """Return ``(public, private)``: the responder's first ratchet key(s), public at most 4096 bytes, and the
        private half, an opaque object with ``wipe()``, for ``responder``."""

    def initiator(secret, offer, random):
        """Return the IRatchetSession of the side that sends first. ``secret`` is 32 bytes and uniform.

        Raises KeyExchangeRefused when ``offer`` is not valid."""

    def responder(secret, private, random):
        """Return the IRatchetSession of the side that made the offer. It can encrypt after its first decrypt.

        Each ``private`` can be used once; raises ValueError if it is used up or wiped."""

    def load(dump, random):
        """Return the session from the bytes of ``IRatchetSession.dump``; raises ValueError for any other bytes."""


class IRatchetSession(Interface):
    """One side of a ratchet session."""

    can_encrypt = Attribute("bool: False only for a responder that has decrypted nothing yet")

    def encrypt(plaintext, ad):
        """Return a message that only the other side can decrypt, bound to the associated data ``ad``.

        Raises ValueError while ``can_encrypt`` is False."""

    def decrypt(message, ad):
        """Return the plaintext. Raises MessageRejected for anything that is not a fresh, authentic message; the
        state is then byte for byte the same as before."""

    def dump():
        """Return the whole state as versioned bytes. They contain secrets."""

    def wipe():
        """Destroy the keys, as far as Python allows; any later use raises ValueError."""


class IStore(Interface):
    """Where a peer stores what must outlive the objects of a conversation. The default store is in memory."""

    name = Attribute("str: 'memory' or 'sealed'")

    durable = Attribute("bool: whether the contents outlive the process")

    def get(collection, key):
        """Return the bytes stored under ``key`` in ``collection``, or None."""

    def put(collection, key, value):
        """Store ``value`` (bytes). A durable store has written it to the disk when this returns."""

    def delete(collection, key):
        """Delete ``key``; no error if it does not exist."""

    def keys(collection):
        """Return the keys of a collection as a list of str."""

    def wipe():
        """Delete everything."""

    def together():
        """Return a context manager: all puts and deletes inside take effect together, or none does."""

    def undo(step):
        """Call ``step()`` if the surrounding ``together`` fails and stores nothing."""

    def make_room():
        """Release the space that is reserved for deletions on a full disk; return whether there was any."""


class Store(Protocol):
    """IStore, as its callers see it."""

    @property
    def durable(self) -> bool:
        """Whether the contents outlive the process."""

    def get(self, collection: str, key: str) -> bytes | None:
        """Return the bytes under ``key`` in ``collection``, or None."""

    def put(self, collection: str, key: str, value: bytes) -> None:
        """Store ``value``; it replaces an earlier value."""

    def delete(self, collection: str, key: str) -> None:
        """Delete ``key``; no error if it does not exist."""

    def keys(self, collection: str) -> list[str]:
        """Return the keys of a collection."""

    def together(self) -> AbstractContextManager[None]:
        """Return a context manager: all puts and deletes inside take effect together, or none does."""

    def undo(self, step: Callable[[], None]) -> None:
        """Call ``step()`` if the surrounding ``together`` fails and stores nothing."""

    def make_room(self) -> bool:
        """Release the space that is reserved for deletions on a full disk; return whether there was any."""


# -- tor, as the daemon, its control socket and its peers use it, whatever its mode ---------------------------------


class ErrorRow(TypedDict):
    """A WhisperdError: its code, its message and its remedy."""

    code: str
    message: str
    remedy: str


class RetiringRow(TypedDict):
    """The onion address that the last rotation replaced; it works for ``seconds`` more."""

    address: str | None
    state: str
    seconds: int


class OnionRow(TypedDict):
    """The state of the relay's onion service. ``state`` is absent, adding, publishing, up or lost; the ages are seconds
    since it was published and since it was reached through Tor. None means unknown, or not yet."""

    state: str
    address: str | None
    published_age: int | None
    private: bool | None
    pow: bool | None
    circuits: bool
    retiring: RetiringRow | None
    reached_age: int | None


class TorRow(TypedDict):
    """The state of tor. ``state`` is off, starting, bootstrapping, up, lost or unknown."""

    mode: str
    state: str
    percent: int
    summary: str
    version: str
    error: ErrorRow | None
    onion: OnionRow


class RotatedRow(TypedDict):
    """A rotation: the new address, and the old one, which works for ``seconds`` more."""

    address: str
    old: str
    seconds: int


class ClientRow(TypedDict):
    """A new client of the private onion service. ``line`` is its credential, which is not shown again."""

    name: str
    address: str
    line: str


class IOnionClients(Protocol):
    """The clients of the private onion service. Each method raises RoleDisabled if the service is not private,
    TorManaged if torrc lists the clients, and OnionKeyUnusable if the list cannot be read or written."""

    def add(self, name: str) -> ClientRow:
        """Give a new client access; raises UsageError."""

    def names(self) -> list[str]:
        """Return the names of the clients."""

    def remove(self, name: str) -> None:
        """Remove a client's access; raises UsageError."""


class ProtocolFactory(Protocol[_Built]):
    """Builds the protocol of a connection. [twisted.internet.interfaces.IProtocolFactory]"""

    def buildProtocol(self, addr: object, /) -> _Built | None:
        """Return a protocol that is not connected yet, or None to refuse the connection."""


class IDialer(Protocol):
    """Opens outgoing connections."""

    async def connect(self, host: str, port: int, factory: ProtocolFactory[Built], *, isolation: str = "",
                      direct: bool = False, timeout: float = 60.0) -> Built:
        """Return the protocol that ``factory`` built, connected to ``host``:``port`` within ``timeout`` seconds.

        Requests with different words of ``isolation`` never share a circuit; ``direct`` allows an address of this
        machine. Raises DialRefused for an address that may not be dialled, TorUnavailable without a tor, and
        DialFailed with the reason."""
        raise NotImplementedError


class IDirectOnion(Protocol):
    """The onion service of one conversation."""

    @property
    def address(self) -> str:
        """Its onion name."""

    async def close(self) -> None:
        """Withdraw it for good."""


class IDirectOnions(Protocol):
    """The onion services of single conversations, on whatever tor there is."""

    def open(self, inside: int, client: bytes, told: Callable[[str], None]) -> IDirectOnion:
        """Publish the listener on 127.0.0.1:``inside``, for the holder of the private key of ``client`` (32) only.

        ``told`` is called with each change: publishing, up, lost (until tor is back) or refused (by this tor)."""

    async def admit(self, address: str, secret: bytes) -> None:
        """Let this daemon reach ``address`` by the x25519 key ``secret`` (32); raises DialRefused, TorCommandFailed."""

    async def forget(self, address: str) -> None:
        """Remove the key for ``address``; nothing happens if there is none."""


class ITor(Protocol):
    """A tor that this daemon goes through: launched, attached to, or managed by the operator's torrc.

    Where there is no control port, what needs one raises TorManaged, with what to do instead."""

    @property
    def direct(self) -> IDirectOnions | None:
        """The onion services of single conversations; None if this tor cannot have any."""

    @property
    def private(self) -> IOnionClients:
        "Clients of the private onion service."

    def start(self) -> None:
        """Begin in the background; never raises."""

    async def stop(self) -> None:
        """Withdraw the onion services, end a launched tor, and wait for both; may be called twice."""

    def publish(self, port: int, circuits: int = 0) -> None:
        """Publish the listener on 127.0.0.1:``port`` as the onion service, on this tor and every later one.

        If ``circuits`` is not 0, a tor that names circuits connects to that port instead, in the PROXY protocol."""

    async def address(self, timeout: float) -> str:
        """Return the onion name once it is published, within ``timeout`` seconds.

        Raises the error of tor or of the onion service that prevents it, otherwise OnionNotPublished."""

    async def republish(self, wait: float = 0) -> None:
        """Publish the onion service again, and wait up to ``wait`` seconds for it.

        Raises TorUnavailable, and the errors of ``address``."""

    async def rotate(self, overlap: float, wait: float = 0) -> RotatedRow:
        """Switch to a new address; the old one works for ``overlap`` more seconds. Wait up to ``wait`` seconds for the
        new one to be published.

        Raises RotationRefused, OnionKeyUnusable, and the errors of ``address``."""

    def retire(self) -> str:
        """Withdraw the address that the last rotation replaced; return it. Raises RotationRefused, OnionKeyUnusable."""

    async def newnym(self) -> None:
        """Make tor use new circuits for all new connections; raises TorUnavailable, TorCommandFailed."""

    async def add_credential(self, line: str) -> str:
        """Add the credential in ``line``, for this tor and every later one; return the address that it is for.

        Raises CredentialMalformed, TorCommandFailed."""

    async def remove_credential(self, address: str) -> None:
        """Delete the credential for ``address``; raises UsageError."""

    def credentials(self) -> list[str]:
        """Return the addresses of the credentials."""

    def status(self) -> TorRow:
        """Return the state of tor and of the onion service, ready for JSON."""

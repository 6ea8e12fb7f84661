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
    """How much an algorithm withstands; a larger number is stronger, and the numbers are what goes on the wire."""

    STANDARD = 1
    ENHANCED = 2
    QUANTUM_RESISTANT = 3


class IPlugin(Interface):
    """What every plug-in says of itself."""

    id = Attribute("str: its name on the wire, 1 to 48 characters of a-z, 0-9 and '-'")
    version = Attribute("int: of its wire format, 1 to 255; two sides must have the same")
    api = Attribute("int: the API_VERSION it was written for")
    level = Attribute("Level: what it withstands")

    def self_test():
        """Check the implementation against its own known answers; raise any exception when they differ."""


class IIdentity(Interface):
    """A handle on long-term private keys, which may live in another process: a plug-in never holds the keys."""

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
        """Return the 32-byte secret of an ML-KEM-1024 ciphertext (1568) for the identity's ``"mlkem1024"`` key; another
        secret when the ciphertext was changed. Raises ValueError for one of another size."""

    def wipe():
        """Destroy the private keys as far as the language allows; every later use raises KeyError."""


class IKeyExchange(IPlugin):
    """A one-message asynchronous key exchange. The inviter publishes prekeys, the joiner initiates.

    One instance serves the whole daemon and keeps no state of any conversation.
    """

    identity_kinds = Attribute("tuple[str, ...]: the identity key kinds that it uses, see IIdentity.public")

    def prekeys(identity, random):
        """Return ``(bundle, private)``: the public prekey bundle to send, and an opaque object, to be given to
        ``accept``, that has a ``wipe()`` method. ``bundle`` is bytes, at most 16384."""

    def initiate(bundle, identity, random):
        """Return ``(message, secret)`` for the holder of ``bundle``: ``message`` at most 16384 bytes, ``secret`` 32.

        Raises KeyExchangeRefused when a signature does not verify, a key is not valid, or the bundle is of ``identity``
        itself."""

    def accept(message, private, identity):
        """Return the 32-byte secret that ``initiate`` returned on the other side. A ``private`` serves once, and
        what is no message at all does not spend it.

        Raises KeyExchangeRefused when the message is malformed, a key is not valid or ``private`` is spent or wiped.
        A message that was changed is refused, or leads to a secret that the other side does not have."""


class ICodeKeyExchange(IKeyExchange):
    """A key exchange of people who share a short code. What is made without one exchanges nothing.

    Raises KeyExchangeRefused from ``prekeys``, ``initiate`` and ``accept`` when it has no code or no run left."""

    runs_left = Attribute("int: how many more runs the code is good for; in each the other side can test one guess")

    def for_code(code, runs=5):
        """Return the ICodeKeyExchange of ``code``, a str, good for so many runs; ValueError when it is no code.

        Only this one keeps state: it counts the runs of one conversation."""


class IRatchet(IPlugin):
    """A factory of ratchet sessions. The responder (the inviter) makes an offer, the initiator answers to it."""

    max_skip = Attribute("int: most messages of one chain that one message may overtake, at least 16; one further "
                         "ahead is rejected")
    max_kept = Attribute("int: most keys of missing messages that a session keeps, at least max_skip; beyond that the "
                         "oldest are dropped")
    max_chains = Attribute("int: most earlier chains whose keys are kept, at least 4; a forged message costs a trial "
                           "of each")

    def offer(random):
        """Return ``(public, private)``: the responder's first ratchet key(s), public at most 4096 bytes, and the
        private half, an opaque object with ``wipe()``, for ``responder``."""

    def initiator(secret, offer, random):
        """Return the IRatchetSession of the side that speaks first. ``secret`` is 32 bytes and uniform.

        Raises KeyExchangeRefused when ``offer`` is not valid."""

    def responder(secret, private, random):
        """Return the IRatchetSession of the side that made the offer. It can encrypt after its first decrypt.

        A ``private`` serves once; raises ValueError when it is spent or wiped."""

    def load(dump, random):
        """Return the session that ``IRatchetSession.dump`` described; raises ValueError for any other bytes."""


class IRatchetSession(Interface):
    """One side of one ratcheted session."""

    can_encrypt = Attribute("bool: False only for a responder that has decrypted nothing yet")

    def encrypt(plaintext, ad):
        """Return a message that only the other side can read, bound to the associated data ``ad``.

        Raises ValueError while ``can_encrypt`` is False."""

    def decrypt(message, ad):
        """Return the plaintext. Raises MessageRejected for anything that is not a fresh, authentic message, and
        then the state is byte for byte what it was before."""

    def dump():
        """Return the whole state as versioned bytes, secrets included."""

    def wipe():
        """Destroy the keys as far as the language allows; every later use raises ValueError."""


class IStore(Interface):
    """Where a peer keeps what must outlive a conversation's objects. The default keeps it in RAM."""

    name = Attribute("str: 'memory' or 'sealed'")

    durable = Attribute("bool: whether what is put outlives the process")

    def get(collection, key):
        """Return the bytes kept under ``key`` in ``collection``, or None."""

    def put(collection, key, value):
        """Keep ``value`` (bytes); durable when this returns, as far as this store is durable at all."""

    def delete(collection, key):
        """Forget ``key``; no error when it is not there."""

    def keys(collection):
        """Return the keys of a collection as a list of str."""

    def wipe():
        """Forget everything."""

    def together():
        """Return a context manager: what is put and deleted inside is kept as one, or not at all."""

    def undo(step):
        """Have ``step()`` called if the ``together`` that this is in keeps nothing."""

    def make_room():
        """Give up what is held back for deletions where there is no room; return whether that was anything."""


class Store(Protocol):
    """IStore, as those see it who are given one."""

    @property
    def durable(self) -> bool:
        """Whether what is put outlives the process."""

    def get(self, collection: str, key: str) -> bytes | None:
        """Return the bytes under ``key`` in ``collection``, or None."""

    def put(self, collection: str, key: str, value: bytes) -> None:
        """Store ``value`` in place of what was there."""

    def delete(self, collection: str, key: str) -> None:
        """Forget ``key``; no error when it is not there."""

    def keys(self, collection: str) -> list[str]:
        """Return the keys of a collection."""

    def together(self) -> AbstractContextManager[None]:
        """Return a context manager: what is put and deleted inside is stored as one, or not at all."""

    def undo(self, step: Callable[[], None]) -> None:
        """Have ``step()`` called if the ``together`` that this is in stores nothing."""

    def make_room(self) -> bool:
        """Give up what is held back for deletions where there is no room; return whether that was anything."""


# -- tor, as the daemon, its control socket and its peers use it, whatever its mode ---------------------------------


class ErrorRow(TypedDict):
    """A WhisperdError: its code, what is wrong, and what mends it."""

    code: str
    message: str
    remedy: str


class RetiringRow(TypedDict):
    """The onion address before the last rotation, which answers for ``seconds`` more."""

    address: str | None
    state: str
    seconds: int


class OnionRow(TypedDict):
    """How the relay's onion service stands: ``state`` is absent, adding, publishing, up or lost; the ages are seconds
    since it was published and since it was reached through Tor. None: not known, or not so yet."""

    state: str
    address: str | None
    published_age: int | None
    private: bool | None
    pow: bool | None
    circuits: bool
    retiring: RetiringRow | None
    reached_age: int | None


class TorRow(TypedDict):
    """How tor stands: ``state`` is off, starting, bootstrapping, up, lost or unknown."""

    mode: str
    state: str
    percent: int
    summary: str
    version: str
    error: ErrorRow | None
    onion: OnionRow


class RotatedRow(TypedDict):
    """A rotation: the address in force, and the one before, which answers for ``seconds`` more."""

    address: str
    old: str
    seconds: int


class ClientRow(TypedDict):
    """Somebody who may reach the private onion service: ``line`` is the credential, shown this once."""

    name: str
    address: str
    line: str


class IOnionClients(Protocol):
    """Who may reach the private onion service. Each raises RoleDisabled where it is not private, and TorManaged where
    torrc says who; OnionKeyUnusable when the list cannot be read or written."""

    def add(self, name: str) -> ClientRow:
        """Let one more in; raises UsageError."""

    def names(self) -> list[str]:
        """Return their names."""

    def remove(self, name: str) -> None:
        """Let one in no more; raises UsageError."""


class ProtocolFactory(Protocol[_Built]):
    """Builds the protocol of a connection. [twisted.internet.interfaces.IProtocolFactory]"""

    def buildProtocol(self, addr: object, /) -> _Built | None:
        """Return a protocol that is not connected yet; None: the connection is not wanted."""


class IDialer(Protocol):
    """What opens connections."""

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
        """Publish what listens on 127.0.0.1:``inside`` for the holder of the key that belongs to ``client`` (32).

        ``told`` hears each change: publishing, up, lost (until there is a tor again) or refused by this tor."""

    async def admit(self, address: str, secret: bytes) -> None:
        """Let this daemon reach ``address`` by the x25519 key ``secret`` (32); raises DialRefused, TorCommandFailed."""

    async def forget(self, address: str) -> None:
        """Reach ``address`` no more; nothing happens when it was not admitted."""


class ITor(Protocol):
    """A tor that this daemon goes through: launched, attached to, or managed by the operator's torrc.

    Where there is no control port, what needs one raises TorManaged, with what to do instead."""

    @property
    def direct(self) -> IDirectOnions | None:
        """The onion services of single conversations; None: this tor has none."""

    @property
    def private(self) -> IOnionClients:
        "Clients of the private onion service."

    def start(self) -> None:
        """Begin in the background; never raises."""

    async def stop(self) -> None:
        """Withdraw what is published, end what was launched, and wait for it; may be called twice."""

    def publish(self, port: int, circuits: int = 0) -> None:
        """Have what listens on 127.0.0.1:``port`` published as the onion service, on every tor from now on.

        A tor that names circuits is led to ``circuits``, if that is not 0, in the PROXY protocol."""

    async def address(self, timeout: float) -> str:
        """Return the onion name once it is published, within ``timeout`` seconds.

        Raises what stands in the way: an error of tor, of the onion service, or OnionNotPublished."""

    async def republish(self, wait: float = 0) -> None:
        """Have the onion service published anew, and wait at most ``wait`` seconds until it is.

        Raises TorUnavailable, and as ``address``."""

    async def rotate(self, overlap: float, wait: float = 0) -> RotatedRow:
        """Put a new address into force; the one before answers for ``overlap`` more seconds. Wait at most ``wait``
        seconds until the new one is published.

        Raises RotationRefused, OnionKeyUnusable, and as ``address``."""

    def retire(self) -> str:
        """Let the address before the last rotation go; return it. Raises RotationRefused, OnionKeyUnusable."""

    async def newnym(self) -> None:
        """Have tor use new circuits for every connection from now on; raises TorUnavailable, TorCommandFailed."""

    async def add_credential(self, line: str) -> str:
        """Hold the credential in ``line``, for this tor and every later one; return the address that it opens.

        Raises CredentialMalformed, TorCommandFailed."""

    async def remove_credential(self, address: str) -> None:
        """Forget the credential for ``address``; raises UsageError."""

    def credentials(self) -> list[str]:
        """Return the addresses that the credentials held here open."""

    def status(self) -> TorRow:
        """Return how tor and the onion service stand, ready for JSON."""

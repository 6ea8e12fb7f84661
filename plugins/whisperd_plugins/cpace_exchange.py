"""CPace over a short spoken code, with the hybrid exchange bound to it: ``cpace-25519``.

For people who can only speak to each other. The code authenticates by CPace [draft-irtf-cfrg-cpace-21, suite
CPACE-X25519-SHA512, initiator and responder], in which the inviter is the initiator; the secret comes from CPace's key
and from an exchange of ``pqxdh`` whose bundle and message are CPace's associated data. So somebody in the middle needs
the code at the time of the exchange, and who records it needs to break ML-KEM as well as X25519 later.

Who does not know the code can test one guess in a run with a side that does, so a side counts: each message that it
makes as joiner, and each that it finds to be of another code as inviter. A bundle serves for one guess only. When the
runs are used up the code is dead, and whoever spoke it has to think of another one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from typing import Any

from zope.interface import implementer

from whisperd.errors import KeyExchangeRefused
from whisperd.interfaces import ICodeKeyExchange, Level, Random
from whisperd_plugins import cpace, selftest, sodium
from whisperd_plugins.encoding import Layout
from whisperd_plugins.kdf import hkdf
from whisperd_plugins.pqxdh import PqxdhMlkem1024
from whisperd_plugins.prekey_exchange import Prekeys

INFO = b"whisperd/1_CPACE-X25519-SHA512"
CHANNEL = b"whisperd/1 cpace-25519"
SESSION = 16
#: How many runs a code is good for, unless told otherwise, and its most bytes.
RUNS = 5
MAX = 128

#: 1819 bytes.
BUNDLE = Layout("code bundle", 0x04, (
    ("session", "session id"),
    ("share", "cpace share"),
    ("exchange", "pqxdh bundle"),
))
#: 1868 bytes.
MESSAGE = Layout("code message", 0x12, (
    ("share", "cpace share"),
    ("exchange", "pqxdh message"),
    ("confirmation", "confirmation"),
))


def normalised(code: str) -> bytes:
    """Return a code as both sides have to have it: its words in lower case with hyphens between them, in UTF-8.

    Spelling, spaces and punctuation do not matter [RFC 8265, 4.2, goes less far]. Raises ValueError for a code without
    a letter or a digit, and for one of more than 128 bytes.
    """
    words = "-".join(re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", code).casefold())).encode()
    if not 0 < len(words) <= MAX:
        raise ValueError(f"a code has letters or digits, and at most {MAX} bytes")
    return words


class CodePrekeys:
    """The private half of a bundle: good for one message that was made by somebody who has a code, right or wrong."""

    def __init__(self, exchange: Prekeys, share: bytearray) -> None:
        self.exchange = exchange
        self.share = share
        self.bundle = b""

    @property
    def spent(self) -> bool:
        return self.exchange.spent

    def wipe(self) -> None:
        """Destroy the private keys."""
        sodium.wipe(self.share)
        self.exchange.wipe()


@implementer(ICodeKeyExchange)
class Cpace25519:
    """The plug-in ``cpace-25519``: bundle 1819 bytes, message 1868 bytes. Without a code it refuses to exchange."""

    id = "cpace-25519"
    version = 1
    api = 1
    level = Level.ENHANCED
    identity_kinds = PqxdhMlkem1024.identity_kinds

    def __init__(self, code: bytes = b"", runs: int = 0) -> None:
        self._code = code
        self._exchange = PqxdhMlkem1024()
        self.runs_left = runs

    def for_code(self, code: str, runs: int = RUNS) -> Cpace25519:
        """Return the exchange of the people who know ``code``, which is good for so many runs; see ``normalised``."""
        return Cpace25519(normalised(code), runs)

    def prekeys(self, identity: Any, random: Random) -> tuple[bytes, CodePrekeys]:
        """Return a bundle and its private half.

        Draws what ``pqxdh`` draws, then 16 bytes for the session and 32 for the share.
        """
        self._refuse_without_runs()
        exchange, inner = self._exchange.prekeys(identity, random)
        session, private = random(SESSION), CodePrekeys(inner, bytearray(random(sodium.KEY)))
        head = BUNDLE.head({"session": session, "share": cpace.share(self._code, CHANNEL, session, private.share)})
        private.bundle = BUNDLE.finish(head, exchange)
        return private.bundle, private

    def initiate(self, bundle: bytes, identity: Any, random: Random) -> tuple[bytes, bytes]:
        """Return the message and the 32-byte secret; draws what ``pqxdh`` draws, then 32 bytes for the share.

        This counts as a run: whoever made the bundle can now test one guess.
        """
        self._refuse_without_runs()
        theirs = BUNDLE.split(bundle)
        exchange, hybrid = self._exchange.initiate(theirs["exchange"], identity, random)
        private = bytearray(random(sodium.KEY))
        ours = {"share": cpace.share(self._code, CHANNEL, theirs["session"], private), "exchange": exchange}
        key = _intermediate_key(private, theirs["share"], theirs, ours)
        self.runs_left -= 1
        head = MESSAGE.head(ours)
        secret, confirmation = _derive(hybrid, key, bundle, head)
        return MESSAGE.finish(head, confirmation), secret

    def accept(self, message: bytes, private: CodePrekeys, identity: Any) -> bytes:
        """Return the 32-byte secret of a message.

        One that was made with another code counts as a run, and spends the prekeys; one that is malformed does not.
        """
        self._refuse_without_runs()
        if private.spent:
            raise KeyExchangeRefused("these prekeys have been used")
        theirs, ours = MESSAGE.split(message), BUNDLE.split(private.bundle)
        key = _intermediate_key(private.share, theirs["share"], ours, theirs)
        hybrid = self._exchange.accept(theirs["exchange"], private.exchange, identity)
        private.wipe()
        secret, confirmation = _derive(hybrid, key, private.bundle, message[: MESSAGE.head_size])
        if not hmac.compare_digest(confirmation, theirs["confirmation"]):
            self.runs_left -= 1
            raise KeyExchangeRefused(f"the other side has another code; runs left for this one: {self.runs_left}",
                                     remedy="Say the code again; if it was right, somebody else is trying to guess it.")
        return secret

    def self_test(self) -> None:
        """Compare with the draft's vectors, and let two sides agree that have the same code, and no others."""
        first, second = (bytearray.fromhex(key) for key in _DRAFT_PRIVATE)
        shares = [cpace.share(b"Password", _DRAFT_CHANNEL, _DRAFT_SESSION, key) for key in (first, second)]
        key = cpace.intermediate_key(_DRAFT_SESSION, first, shares[1], (shares[0], b"ADa"), (shares[1], b"ADb"))
        selftest.expect("the key of the draft", bytes(key), "75bf7a67845afcdedd921dee19f2641e")
        random = selftest.stream(self.id)
        inviter, joiner = (selftest.KnownIdentity(self.identity_kinds, random) for _ in range(2))
        one, other = self.for_code("7 Crossover"), self.for_code("7-crossover")
        bundle, private = one.prekeys(inviter, random)
        selftest.expect("the bundle", bundle, "ef80a107ed7322a003cf929bba2b04f2")
        message, secret = other.initiate(bundle, joiner, random)
        if one.accept(message, private, inviter) != secret:
            raise selftest.KnownAnswerWrong("two sides do not agree")

    def _refuse_without_runs(self) -> None:
        if not self._code:
            raise KeyExchangeRefused("this exchange needs a code that both sides know")
        if self.runs_left <= 0:
            raise KeyExchangeRefused("the code has been tried too often", remedy="Agree on another code.")


def _intermediate_key(private: bytearray, theirs: bytes, bundle: dict[str, bytes],
                      message: dict[str, bytes]) -> bytearray:
    """Return CPace's key; raises KeyExchangeRefused for a share that is of low order or not canonical."""
    try:
        sodium.check_public_key(theirs)
        return cpace.intermediate_key(bundle["session"], private, theirs, (bundle["share"], bundle["exchange"]),
                                      (message["share"], message["exchange"]))
    except ValueError as error:
        raise KeyExchangeRefused(f"the share is not valid: {error}") from error


def _derive(hybrid: bytes, key: bytearray, bundle: bytes, message: bytes) -> tuple[bytes, bytes]:
    """Return the secret and the confirmation, 32 bytes each, and wipe ``key``."""
    material = bytearray(hybrid) + key
    info = INFO + hashlib.sha512(bundle).digest() + hashlib.sha512(message).digest()
    derived = hkdf(material, None, info, 64)
    secret, confirmation = bytes(derived[:32]), bytes(derived[32:])
    sodium.wipe(material, derived, key)
    return secret, confirmation


#: [draft-irtf-cfrg-cpace-21, Test vectors] The inputs of the vectors of CPACE-X25519-SHA512.
_DRAFT_CHANNEL = b"\x0bA_initiator\x0bB_responder"
_DRAFT_SESSION = bytes.fromhex("7e4b4791d6a8ef019b936c79fb7f2c57")
_DRAFT_PRIVATE = (
    "21b4f4bd9e64ed355c3eb676a28ebedaf6d8f17bdc365995b319097153044080",
    "848b0779ff415f0af4ea14df9dd1d3c29ac41d836c7808896c4eba19c51ac40a",
)

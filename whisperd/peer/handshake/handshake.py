"""The handshake, both roles: sealed frames in, sealed frames and at last a confirmed session out.

[whisperd-protocol(7), HANDSHAKE] The joiner says hello on every link until it is done; the inviter answers. A frame
that does not belong to the step at hand, and a repetition of an earlier one, are dropped: links break in the middle.
Whatever is wrong in a frame that does belong raises its own error, and the attempt is forgotten: there is no second
try at a lower level, and the invite stays good.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar, TypeVar

from whisperd.errors import ConfirmationFailed, OffersStripped, PluginRefused, WhisperdError, catalogue
from whisperd.interfaces import Random
from whisperd.peer.effects import SendFrame
from whisperd.peer.handshake.established import Established
from whisperd.peer.handshake.keys import InviteKeys, Seal, SessionKeys, transcript, wipe
from whisperd.peer.handshake.negotiation import choose, own_offers
from whisperd.peer.handshake.plugins import Identity, NewIdentity, Plugins, RatchetSession, Wipeable
from whisperd.peer.handshake.prekeys import PrekeyStock, Rotation
from whisperd.wire.envelope import (
    Abort,
    Confirm,
    HandshakeAnswer,
    HandshakeExchange,
    HandshakeMessage,
    Hello,
    SuiteOffer,
    decode_message,
    encode_message,
)
from whisperd.wire.invite import VERSION

#: Maximum number of earlier messages whose repetition is recognised.
REMEMBERED = 64
#: The prekeys of one answer: one bundle for one message, which has to come within ten minutes.
PREKEYS = Rotation(stock=1, outstanding=1, grace=600.0, last_resort=False)
_NONCE_SIZE = 32


@dataclass(frozen=True)
class Terms:
    """What one side brings to a handshake. ``floor`` is its own, ``invite_floor`` that of the link;
    ``new_identity(kinds, random)`` returns an IIdentity for this handshake only."""

    keys: InviteKeys
    invite_floor: int
    floor: int
    plugins: Plugins
    new_identity: NewIdentity
    random: Random

    def floor_with(self, other: int) -> int:
        """Return the floor in force when the other side asks for ``other``."""
        return max(self.invite_floor, self.floor, other)


@dataclass(frozen=True)
class Aborted:
    """The other side says that it stopped, and why."""

    error: WhisperdError


_Offer = TypeVar("_Offer")

HandshakeEffect = SendFrame | Established | Aborted


class _Recent:
    """The digests of the last messages of one kind."""

    def __init__(self) -> None:
        self._digests: dict[bytes, None] = {}

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._digests

    def add(self, digest: bytes) -> None:
        self._digests[digest] = None
        if len(self._digests) > REMEMBERED:
            del self._digests[next(iter(self._digests))]


class Handshake:
    """What both roles share: opening, decoding, and the table of what may come when."""

    #: (attempt at hand, message) -> method; what is not in it is dropped.
    STEPS: ClassVar[dict[tuple[type, type], str]] = {}
    is_inviter: ClassVar[bool]

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._attempt: Wipeable | None = None
        self._now = 0.0
        self._earlier = _Recent()

    def receive(self, frame: bytes, now: float = 0.0) -> list[HandshakeEffect]:
        """Take one sealed frame of the other side; ``now`` is in seconds, and prekeys age by it.

        Raises WrongSecret, HandshakeTampered, OffersStripped, FloorNotMet, ConfirmationFailed, KeyExchangeRefused or
        PluginRefused; the attempt is forgotten then, and ``abort`` gives the frame that says why.
        """
        self._now = now
        try:
            data = self._seal.open(frame)
            message = decode_message(data)
            if isinstance(message, Abort):
                self.forget()
                return [Aborted(_reported(message.code))]
            step = self.STEPS.get((type(self._attempt), type(message)))
            return getattr(self, step)(message, data) if step else []
        except WhisperdError:
            self.forget()
            raise

    @property
    def _seal(self) -> Seal:
        return Seal.for_role(self._terms.keys, inviter=self.is_inviter)

    def abort(self, code: str) -> SendFrame:
        """Return the frame that tells the other side that this one stopped."""
        return self._send(Abort(_ABORT_CODES.get(code, code)))[0]

    def forget(self) -> None:
        """Destroy what there is of the attempt at hand."""
        if self._attempt is not None:
            self._attempt.wipe()
        self._attempt = None

    def _send(self, message: HandshakeMessage) -> tuple[SendFrame, bytes]:
        data = encode_message(message)
        return SendFrame(self._seal.close(data, self._terms.random)), data

    def _session_keys(self, hello: bytes, answer: bytes, message: bytes, secret: bytes) -> SessionKeys:
        agreed = transcript(VERSION, self._terms.invite_floor, hello, answer, message)
        return SessionKeys.derive(secret, self._terms.keys.psk, agreed)


@dataclass
class _Answered:
    """The inviter sent its answer."""

    hello: bytes = field(repr=False)
    answer: bytes = field(repr=False)
    kex: SuiteOffer
    ratchet: SuiteOffer
    identity: Identity
    prekeys: PrekeyStock
    ratchet_key: Wipeable

    def wipe(self) -> None:
        self.identity.wipe()
        self.prekeys.wipe()
        self.ratchet_key.wipe()


class InviterHandshake(Handshake):
    """The side that made the link: it chooses the suite and confirms last."""

    is_inviter = True
    STEPS: ClassVar[dict[tuple[type, type], str]] = {
        (type(None), Hello): "_answer",
        (_Answered, Hello): "_answer",
        (_Answered, HandshakeExchange): "_confirm",
    }

    def __init__(self, terms: Terms) -> None:
        super().__init__(terms)
        self._hellos = _Recent()

    def _answer(self, hello: Hello, data: bytes) -> list[HandshakeEffect]:
        digest = _sha256(data)
        if digest in self._hellos:
            return []
        self._hellos.add(digest)
        self.forget()
        attempt, answer = self._prepare(hello, data)
        frame, attempt.answer = self._send(answer)
        self._earlier.add(_sha256(attempt.answer))
        self._attempt = attempt
        return [frame]

    def _prepare(self, hello: Hello, data: bytes) -> tuple[_Answered, HandshakeAnswer]:
        terms = self._terms
        floor = terms.floor_with(hello.floor)
        kex_offers, ratchet_offers = own_offers(terms.plugins)
        kex, ratchet = choose(kex_offers, hello.kex, floor), choose(ratchet_offers, hello.ratchet, floor)
        with _plugin_code():
            plugin = terms.plugins.kex(kex.id)
            identity = terms.new_identity(plugin.identity_kinds, terms.random)
            prekeys = PrekeyStock(plugin, identity, terms.random, PREKEYS)
            prekeys.refill(self._now)
            bundle = prekeys.publish(self._now)
            offer, ratchet_key = terms.plugins.ratchet(ratchet.id).offer(terms.random)
        answer = HandshakeAnswer(kex=kex_offers, ratchet=ratchet_offers, floor=terms.floor,
                                 nonce=terms.random(_NONCE_SIZE), seen=_sha256(data), choice=(kex.id, ratchet.id),
                                 bundle=bundle, offer=offer)
        return _Answered(data, b"", kex, ratchet, identity, prekeys, ratchet_key), answer

    def _confirm(self, exchange: HandshakeExchange, data: bytes) -> list[HandshakeEffect]:
        attempt = self._attempt
        assert isinstance(attempt, _Answered)  # by STEPS
        if not hmac.compare_digest(exchange.seen, _sha256(attempt.answer)):
            return _stale(exchange.seen, self._earlier)
        with _plugin_code():
            secret = attempt.prekeys.accept(exchange.message, self._now)
        keys = self._session_keys(attempt.hello, attempt.answer, exchange.message, secret)
        if not hmac.compare_digest(exchange.confirm, keys.confirm_joiner):
            keys.wipe()
            raise ConfirmationFailed
        ratchet = self._terms.plugins.ratchet(attempt.ratchet.id)
        session = _ratcheted(keys, ratchet.responder, attempt.ratchet_key, self._terms.random)
        self.forget()
        established = Established(session, keys, attempt.kex, attempt.ratchet)
        return [self._send(Confirm(bytes(keys.confirm_inviter)))[0], established]


@dataclass
class _Greeted:
    """The joiner sent its hello."""

    hello: bytes = field(repr=False)

    def wipe(self) -> None:
        """Nothing in it is secret."""


@dataclass
class _Exchanged:
    """The joiner sent its key exchange message, and waits for the inviter's confirmation."""

    session: RatchetSession
    keys: SessionKeys
    kex: SuiteOffer
    ratchet: SuiteOffer

    def wipe(self) -> None:
        self.session.wipe()
        self.keys.wipe()


class JoinerHandshake(Handshake):
    """The side that was given the link: it speaks first."""

    is_inviter = False
    STEPS: ClassVar[dict[tuple[type, type], str]] = {
        (_Greeted, HandshakeAnswer): "_exchange",
        (_Exchanged, Confirm): "_finish",
    }

    def begin(self) -> list[HandshakeEffect]:
        """Say hello, with a fresh nonce; an attempt that was under way is forgotten."""
        self.forget()
        terms = self._terms
        kex, ratchet = own_offers(terms.plugins)
        frame, data = self._send(Hello(kex=kex, ratchet=ratchet, floor=terms.floor, nonce=terms.random(_NONCE_SIZE)))
        self._attempt = _Greeted(data)
        self._earlier.add(_sha256(data))
        return [frame]

    def forget(self) -> None:
        """Destroy what there is of the attempt at hand, but recognise its confirmation if that comes late."""
        if isinstance(self._attempt, _Exchanged):
            self._earlier.add(_sha256(self._attempt.keys.confirm_inviter))
        super().forget()

    def _exchange(self, answer: HandshakeAnswer, data: bytes) -> list[HandshakeEffect]:
        assert isinstance(self._attempt, _Greeted)  # by STEPS
        hello = self._attempt.hello
        if not hmac.compare_digest(answer.seen, _sha256(hello)):
            return _stale(answer.seen, self._earlier)
        kex, ratchet = self._check_choice(answer)
        message, secret = self._initiate(kex, answer.bundle)
        keys = self._session_keys(hello, data, message, secret)
        session = _ratcheted(keys, self._terms.plugins.ratchet(ratchet.id).initiator, answer.offer, self._terms.random)
        self._attempt = _Exchanged(session, keys, kex, ratchet)
        exchange = HandshakeExchange(seen=_sha256(data), message=message, confirm=bytes(keys.confirm_joiner))
        return [self._send(exchange)[0]]

    def _check_choice(self, answer: HandshakeAnswer) -> tuple[SuiteOffer, SuiteOffer]:
        """Compute the choice again; raises OffersStripped when the inviter came to another one."""
        floor = self._terms.floor_with(answer.floor)
        own_kex, own_ratchet = own_offers(self._terms.plugins)
        kex, ratchet = choose(answer.kex, own_kex, floor), choose(answer.ratchet, own_ratchet, floor)
        if (kex.id, ratchet.id) != answer.choice:
            raise OffersStripped
        return kex, ratchet

    def _initiate(self, kex: SuiteOffer, bundle: bytes) -> tuple[bytes, bytes]:
        with _plugin_code():
            plugin = self._terms.plugins.kex(kex.id)
            identity = self._terms.new_identity(plugin.identity_kinds, self._terms.random)
            try:
                message, secret = plugin.initiate(bundle, identity, self._terms.random)
                return message, secret
            finally:
                identity.wipe()

    def _finish(self, confirm: Confirm, data: bytes) -> list[HandshakeEffect]:
        attempt = self._attempt
        assert isinstance(attempt, _Exchanged)  # by STEPS
        if not hmac.compare_digest(confirm.confirm, attempt.keys.confirm_inviter):
            if _sha256(confirm.confirm) in self._earlier:
                return []
            raise ConfirmationFailed
        self._attempt = None
        return [Established(attempt.session, attempt.keys, attempt.kex, attempt.ratchet)]


def _sha256(data: bytes | bytearray) -> bytes:
    return hashlib.sha256(data).digest()


def _stale(seen: bytes, earlier: _Recent) -> list[HandshakeEffect]:
    """Drop an answer to something that was sent on an earlier link; raises OffersStripped for anything else."""
    if seen not in earlier:
        raise OffersStripped
    return []


def _ratcheted(keys: SessionKeys, start: Callable[[bytes, _Offer, Random], RatchetSession], offer: _Offer,
               random: Random) -> RatchetSession:
    """Return the session that ``start`` makes of the ratchet key, which only the session knows from then on."""
    try:
        with _plugin_code():
            return start(bytes(keys.ratchet), offer, random)
    except WhisperdError:
        keys.wipe()
        raise
    finally:
        wipe(keys.ratchet)


@contextmanager
def _plugin_code() -> Iterator[None]:
    """Turn whatever a plug-in raises that its contract does not name into PluginRefused."""
    try:
        yield
    except WhisperdError:
        raise
    except Exception as error:
        raise PluginRefused(f"a plug-in failed in the handshake: {type(error).__name__}") from error


#: Error codes that an abort frame carries under another name. [whisperd-protocol(7), SPOKEN CODES]
_ABORT_CODES = {"spoken-code-wrong": "code-wrong", "spoken-code-used-up": "code-spent"}
_FROM_ABORT = {wire: code for code, wire in _ABORT_CODES.items()}


def _reported(code: str) -> WhisperdError:
    """Return the error that the other side names, in our own words."""
    kind = catalogue().get(_FROM_ABORT.get(code, code), WhisperdError)
    return kind(f"the other side stopped the handshake: {kind.summary}")

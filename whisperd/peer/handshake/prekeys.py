"""The prekeys that one identity has given out, or will: a stock of one-time bundles, one of last resort, and rotation.

[PQXDH, 3.2 and 4.9] It stands over any IKeyExchange. Every bundle has a signed prekey of its
own, so that to rotate signed prekeys is to rotate bundles: one is not handed out any more when it is old or has served
often enough, answers what is still under way to it for a time of grace, and is destroyed then, its record of messages
that were accepted with it. What is held is bounded, whoever asks for bundles, and whoever answers them.

A core: ``now`` is in seconds of any clock that does not go back.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from whisperd.errors import KeyExchangeRefused
from whisperd.interfaces import Random
from whisperd.peer.handshake.plugins import Identity, KeyExchange, Wipeable


@dataclass(frozen=True)
class Rotation:
    """How many prekeys there are, and when they are replaced; times in seconds."""

    #: One-time bundles that are made in advance.
    stock: int = 8
    #: One-time bundles that may be handed out and not answered; the oldest are destroyed beyond that.
    outstanding: int = 64
    #: How old a bundle may be when it is handed out.
    age: float = 7 * 86_400.0
    #: How many messages a bundle of last resort accepts before it is replaced.
    uses: int = 256
    #: Bundles of last resort that were replaced and still answer; the oldest are destroyed beyond that.
    replaced: int = 8
    #: How long a bundle accepts messages after it was handed out, or, one of last resort, replaced.
    grace: float = 2 * 86_400.0
    #: Whether there is a bundle of last resort, where the exchange has one.
    last_resort: bool = True


@dataclass
class _Bundle:
    """A bundle, its private half, when it was made, and since when it is not handed out any more."""

    public: bytes = field(repr=False)
    private: Wipeable = field(repr=False)
    made: float
    retired: float = 0.0
    uses: int = 0

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.public).digest()


class PrekeyStock:
    """The prekeys of ``identity`` for ``exchange``, an IKeyExchange. ``refill`` is to be called now and then, and at
    first; without a bundle of last resort, which not every exchange has, a stock can be used up."""

    def __init__(self, exchange: KeyExchange, identity: Identity, random: Random,
                 rotation: Rotation | None = None) -> None:
        self._exchange = exchange
        self._identity = identity
        self._random = random
        self._rotation = rotation or Rotation()
        #: One-time bundles in the order in which they were made; those handed out, in the order in which they were.
        self._ready: deque[_Bundle] = deque()
        self._handed_out: deque[_Bundle] = deque()
        self._last_resort: _Bundle | None = None
        self._replaced: deque[_Bundle] = deque()

    @property
    def ready(self) -> int:
        """How many one-time bundles there are to hand out."""
        return len(self._ready)

    @property
    def outstanding(self) -> int:
        """How many one-time bundles have been handed out and not answered."""
        return len(self._handed_out)

    def refill(self, now: float) -> None:
        """Destroy what is too old, and make what is missing."""
        self._expire(now)
        self._renew_last_resort(now)
        while len(self._ready) < self._rotation.stock:
            public, private = self._exchange.prekeys(self._identity, self._random)
            self._ready.append(_Bundle(public, private, now))

    def publish(self, now: float) -> bytes:
        """Return a bundle to hand out, a one-time one while there are any, else that of last resort.

        Raises KeyExchangeRefused when there is neither."""
        self._expire(now)
        if self._ready:
            bundle = self._ready.popleft()
            bundle.retired = now
            self._handed_out.append(bundle)
            if len(self._handed_out) > self._rotation.outstanding:
                self._handed_out.popleft().private.wipe()
            return bundle.public
        self._renew_last_resort(now)
        if self._last_resort is None:
            raise KeyExchangeRefused("there are no prekeys left")
        return self._last_resort.public

    def accept(self, message: bytes, now: float) -> bytes:
        """Return the 32-byte secret of an initial message; a one-time bundle is destroyed with it.

        Raises KeyExchangeRefused when the message is for no bundle that is held, or was accepted before."""
        self._expire(now)
        refusal = KeyExchangeRefused("the message was made for prekeys that no longer exist")
        for bundle in self._candidates(message):
            try:
                secret = self._exchange.accept(message, bundle.private, self._identity)
            except KeyExchangeRefused as error:
                refusal = error
                continue
            self._used(bundle, now)
            return secret
        raise refusal

    def wipe(self) -> None:
        """Destroy all private halves; the identity is its owner's to destroy."""
        for bundle in self._held():
            bundle.private.wipe()
        for bundles in (self._ready, self._handed_out, self._replaced):
            bundles.clear()
        self._last_resort = None

    def _held(self) -> Iterator[_Bundle]:
        yield from self._ready
        yield from self._answerable()

    def _answerable(self) -> Iterator[_Bundle]:
        yield from self._handed_out
        if self._last_resort is not None:
            yield self._last_resort
        yield from self._replaced

    def _candidates(self, message: bytes) -> list[_Bundle]:
        """Return the bundles that a message may be for: those that it names by their digest, else all."""
        answerable = list(self._answerable())
        return [bundle for bundle in answerable if bundle.digest in message] or answerable

    def _used(self, bundle: _Bundle, now: float) -> None:
        bundle.uses += 1
        if bundle in self._handed_out:
            self._handed_out.remove(bundle)
            bundle.private.wipe()
        elif bundle is self._last_resort and bundle.uses >= self._rotation.uses:
            self._renew_last_resort(now)

    def _renew_last_resort(self, now: float) -> None:
        make = getattr(self._exchange, "last_resort_prekeys", None)
        if make is None or not self._rotation.last_resort:
            return
        held = self._last_resort
        if held is not None:
            if now - held.made < self._rotation.age and held.uses < self._rotation.uses:
                return
            held.retired = now
            self._replaced.append(held)
            if len(self._replaced) > self._rotation.replaced:
                self._replaced.popleft().private.wipe()
        public, private = make(self._identity, self._random)
        self._last_resort = _Bundle(public, private, now)

    def _expire(self, now: float) -> None:
        for bundles, since, most in ((self._ready, "made", self._rotation.age),
                                     (self._handed_out, "retired", self._rotation.grace),
                                     (self._replaced, "retired", self._rotation.grace)):
            while bundles and now - getattr(bundles[0], since) >= most:
                bundles.popleft().private.wipe()

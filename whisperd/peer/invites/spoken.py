"""Conversations that begin with a spoken code: what is exchanged over it, and the room that its number names.

[whisperd-protocol(7), SPOKEN CODES] The number of a spoken code, its nameplate, gives the room and the seals of the
handshake, so they hide nothing; the words go into the key exchange and nowhere else. Somebody who does not know them
can test one guess per run. Both sides count the runs; when they are used up, the spoken code is no longer valid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime

from whisperd.errors import (
    InviteUsed,
    KeyExchangeRefused,
    NameplatesTaken,
    PluginUnknown,
    RoomFull,
    SpokenCodeUsedUp,
    SpokenCodeWrong,
    TimedOut,
    WhisperdError,
)
from whisperd.interfaces import Level, Random
from whisperd.peer.conversation.beginning import Beginning
from whisperd.peer.conversation.origin import Origin
from whisperd.peer.handshake.handshake import Terms
from whisperd.peer.handshake.keys import InviteKeys
from whisperd.peer.handshake.plugins import AllPlugins, CodeKeyExchange, Identity, Plugins, Ratchet, Wipeable
from whisperd.peer.handshake.suites import Suites
from whisperd.peer.links.configured import ConfiguredRelays
from whisperd.peer.links.link import NOT_THEIRS, Link, LinkOwner, Verdict
from whisperd.peer.links.routes import TOKEN_SIZE, Host
from whisperd.timers import Clock
from whisperd.wire.spoken import MAX_NAMEPLATE, WORDS_SIZE, SpokenCode

#: Bundles that an inviter makes before it counts as a failed handshake that nobody answered to them: a stranger can ask
#: for one at no cost.
MAX_BUNDLES = 16
#: The largest nameplate of each try; short ones are easier to say, long ones are likelier to be free.
TRIES = (99, 99, 9_999, 9_999, 9_999, *[MAX_NAMEPLATE] * 3)


@dataclass(frozen=True)
class SpokenTuning:
    """What has no key in the configuration."""

    #: Runs that a code is good for on each side; in each the other side can test one guess.
    runs: int = 5
    #: Seconds to wait for a seat before a code can be told.
    claim: float = 60.0


TUNING = SpokenTuning()


class CodeExchange:
    """One conversation's key exchange over a code: what the handshake uses of an ICodeKeyExchange, with its errors."""

    def __init__(self, exchange: CodeKeyExchange) -> None:
        self._exchange = exchange
        self._bundles = 0
        self.identity_kinds: Sequence[str] = exchange.identity_kinds

    def prekeys(self, identity: Identity, random: Random) -> tuple[bytes, Wipeable]:
        """As IKeyExchange; KeyExchangeRefused for one that asks too often."""
        self._refuse_without_runs()
        self._bundles += 1
        if self._bundles > MAX_BUNDLES:
            self._bundles = 0
            raise KeyExchangeRefused("somebody keeps starting exchanges with this spoken code and completes none",
                                     remedy="Wait. If it continues, make another spoken code, or send an invite link.")
        return self._exchange.prekeys(identity, random)

    def initiate(self, bundle: bytes, identity: Identity, random: Random) -> tuple[bytes, bytes]:
        """As IKeyExchange, and SpokenCodeUsedUp; this is a run."""
        self._refuse_without_runs()
        return self._exchange.initiate(bundle, identity, random)

    def accept(self, message: bytes, private: Wipeable, identity: Identity) -> bytes:
        """As IKeyExchange; SpokenCodeWrong or SpokenCodeUsedUp when the message was made with another code."""
        self._refuse_without_runs()
        before, self._bundles = self._exchange.runs_left, 0
        try:
            return self._exchange.accept(message, private, identity)
        except KeyExchangeRefused:
            left = self._exchange.runs_left
            if left >= before:
                raise
        if left <= 0:
            raise SpokenCodeUsedUp("there were too many attempts with a wrong spoken code, and it can no longer be "
                                   "used")
        raise SpokenCodeWrong(f"somebody tried a wrong spoken code; attempts left: {left}")

    def _refuse_without_runs(self) -> None:
        if self._exchange.runs_left <= 0:
            raise SpokenCodeUsedUp


class CodePlugins:
    """What two people use who share ``code``: the first key exchange over a code of ``registry``, and every ratchet.

    Raises PluginUnknown when there is no such key exchange.
    """

    def __init__(self, registry: AllPlugins, code: SpokenCode, runs: int = TUNING.runs) -> None:
        offers = registry.offers_code_kex()
        if not offers:
            raise PluginUnknown("no key exchange for spoken codes is loaded",
                                remedy="Add 'cpace-25519' to peer.kex.")
        self._registry: Plugins = registry
        self._offer: tuple[str, int, int] = offers[0]
        exchange = cast(CodeKeyExchange, registry.kex(offers[0][0]))
        self._exchange = CodeExchange(exchange.for_code(str(code), runs))

    def kex(self, plugin_id: str) -> CodeExchange:
        """Return the one key exchange of this code; raises PluginUnknown for another."""
        if plugin_id != self._offer[0]:
            raise PluginUnknown
        return self._exchange

    def ratchet(self, plugin_id: str) -> Ratchet:
        """Return the IRatchet of this id."""
        return self._registry.ratchet(plugin_id)

    def offers_kex(self) -> Sequence[tuple[str, int, int]]:
        """Return the one key exchange of this code: there is no way around the code."""
        return [self._offer]

    def offers_ratchet(self) -> Sequence[tuple[str, int, int]]:
        """Return the ratchets that may be used, best first."""
        return self._registry.offers_ratchet()


def made_codes(random: Random) -> Iterator[SpokenCode]:
    """Yield codes to try one after the other."""
    for highest in TRIES:
        yield SpokenCode.make(1 + int.from_bytes(random(8)) % highest, random(WORDS_SIZE))


class Claim:
    """A link that has to take the first seat of its room before a conversation begins on it.

    ``make_link(claimed)`` returns a Link that calls ``claimed()`` when it has. What it reports before anybody listens
    is held, and reported to who starts this one.
    """

    def __init__(self, make_link: Callable[[Callable[[], None]], Link]) -> None:
        self._claimed: Deferred[None] = Deferred()
        self._owner: LinkOwner | None = None
        self._reports: list[Callable[[LinkOwner], object]] = []
        self._trouble: WhisperdError | None = None
        self._link = make_link(lambda: self._claimed.callback(None))
        self._link.start(self)

    async def wait_for_seat(self, reactor: Clock, seconds: float) -> None:
        """Wait so many seconds for the seat; raises RoomFull when somebody is there, and what keeps the link from
        being made."""
        try:
            await self._claimed.addTimeout(seconds, cast(IReactorTime, reactor))
        except BaseException as error:
            self._link.stop()
            if isinstance(error, TimeoutError):
                raise self._trouble or TimedOut("the relay did not answer in time") from None
            raise

    # -- Link -----------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self._link.name

    @property
    def seated(self) -> bool:
        return self._link.seated

    def start(self, owner: LinkOwner) -> None:
        self._owner = owner
        reports, self._reports = self._reports, []
        for report in reports:
            report(owner)

    def send(self, frame: bytes) -> None:
        self._link.send(frame)

    def rejoin(self, delay: float) -> None:
        self._link.rejoin(delay)

    def stop(self, leave: bool = True) -> Deferred[None]:
        return self._link.stop(leave)

    def woke(self) -> None:
        self._link.woke()

    # -- LinkOwner ------------------------------------------------------------------------------------------------

    def link_up(self, link: Link) -> None:
        self._report(lambda owner: owner.link_up(self))

    def link_down(self, link: Link, reason: str) -> None:
        self._report(lambda owner: owner.link_down(self, reason))

    def frame_received(self, link: Link, frame: bytes) -> Verdict:
        if self._owner is not None:
            return self._owner.frame_received(self, frame)
        self._reports.append(lambda owner: owner.frame_received(self, frame).proceed())
        return NOT_THEIRS

    def link_troubled(self, link: Link, error: WhisperdError) -> None:
        self._trouble = error
        self._report(lambda owner: owner.link_troubled(self, error))

    def link_failed(self, link: Link, error: WhisperdError) -> None:
        if not self._claimed.called:
            self._claimed.errback(error)
        self._report(lambda owner: owner.link_failed(self, error))

    def _report(self, report: Callable[[LinkOwner], object]) -> None:
        if self._owner is None:
            self._reports.append(report)
        else:
            report(self._owner)


class Beginnings(Protocol):
    """Where conversations begin; ``peer.conversations`` has the shape."""

    def check_room_for_one_more(self) -> None:
        """Raise TooManyConversations, or what says that this role stops."""

    def joins(self, label: bytes) -> bool:
        """Return whether a conversation is being joined that must not be joined twice."""

    def refuse_own(self, label: bytes) -> None:
        """Raise UsageError when it is an invite of this side's own, which waits for the other person."""

    def begin(self, beginning: Beginning) -> str:
        """Start a conversation and return its id. Raises StoreFailed, and why its link can never be made."""


@dataclass(frozen=True)
class Asked:
    """What is asked of a conversation that begins by a spoken code: its relay, the lowest security level, how long it
    may take, in seconds, the relay's access code, and who hears its id before it begins."""

    host: Host
    floor: int
    seconds: int
    access: str = field(repr=False)
    binding: Callable[[str], None]


class SpokenInvites:
    """Begins conversations by spoken codes; ``wall()`` is the unix time in seconds."""

    def __init__(self, beginnings: Beginnings, suites: Suites, relays: ConfiguredRelays, reactor: Clock,
                 wall: Callable[[], float], tuning: SpokenTuning = TUNING) -> None:
        self._beginnings = beginnings
        self._suites = suites
        self._relays = relays
        self._reactor = reactor
        self._wall = wall
        self._tuning = tuning
        self._claiming: list[Deferred[tuple[SpokenCode, Claim]]] = []

    def stop(self) -> None:
        """Wait for no seat any more; who waits for one hears that no conversation begins."""
        for claiming in list(self._claiming):
            claiming.cancel()

    async def invite(self, asked: Asked) -> dict[str, Any]:
        """Open a conversation with a new code, once the relay gave a seat."""
        trial = CodePlugins(self._suites.plugins, SpokenCode.make(1, bytes(WORDS_SIZE)))  # as with any other code
        self._suites.check_floor(asked.floor, trial)
        self._beginnings.check_room_for_one_more()
        tokens: dict[int, bytes] = {}

        def make_link(code: SpokenCode, done: Callable[[], None]) -> Link:
            token = tokens[code.nameplate] = self._suites.random(TOKEN_SIZE)
            room = InviteKeys.of_nameplate(code.nameplate).room
            return self._relays.claim(asked.host, asked.access, room, token, done)

        code, claim = await self._claimed(make_link)
        expires = int(self._wall()) + asked.seconds
        try:
            self._beginnings.check_room_for_one_more()
            terms = self._terms(code, asked.floor)
            route = self._relays.route([asked.host], terms.keys.room, asked.access, token=tokens[code.nameplate])
            link = self._relays.links([asked.host], route, inviter=True, begun=claim)
            name = self._beginnings.begin(Beginning(
                terms=terms, link=link, route=lambda: route, origin=Origin(True, expires), binding=asked.binding,
                label=_label(asked, terms), confirmed_only=True))
        except BaseException:
            claim.stop()
            raise
        return {"chat": name, "code": str(code), "relay": asked.host.named.url, "expires_at": expires}

    def join(self, code: SpokenCode, asked: Asked) -> str:
        """Join the conversation of a code, and return its id."""
        terms = self._terms(code, asked.floor)
        self._suites.check_floor(asked.floor, terms.plugins)
        label = _label(asked, terms)
        self._beginnings.refuse_own(label)
        if self._beginnings.joins(label):
            raise InviteUsed("this spoken code is already being joined")
        self._beginnings.check_room_for_one_more()
        route = self._relays.route([asked.host], terms.keys.room, asked.access)
        return self._beginnings.begin(Beginning(
            terms=terms, link=self._relays.links([asked.host], route, inviter=False), route=lambda: route,
            origin=Origin(False, int(self._wall()) + asked.seconds), binding=asked.binding, label=label,
            confirmed_only=True))

    async def _claimed(self, make_link: Callable[[SpokenCode, Callable[[], None]], Link]) -> tuple[SpokenCode, Claim]:
        """Return what ``claimed`` does, unless this is stopped meanwhile."""
        claiming = Deferred.fromCoroutine(claimed(self._suites.random, self._reactor, make_link, self._tuning.claim))
        self._claiming.append(claiming)
        try:
            return await claiming
        except CancelledError:
            self._beginnings.check_room_for_one_more()  # which says why none begins any more
            raise
        finally:
            self._claiming.remove(claiming)

    def _terms(self, code: SpokenCode, floor: int) -> Terms:
        return self._suites.terms(InviteKeys.of_nameplate(code.nameplate), Level.STANDARD, floor,
                                  CodePlugins(self._suites.plugins, code, self._tuning.runs))


async def claimed(random: Random, reactor: Clock, make_link: Callable[[SpokenCode, Callable[[], None]], Link],
                  seconds: float = TUNING.claim) -> tuple[SpokenCode, Claim]:
    """Return a new code and the link that holds the first seat of its room; NameplatesTaken, or what ``wait_for_seat``
    raises.

    ``make_link(code, claimed)`` is as for ``Claim``; each code has so many seconds for its seat.
    """
    for code in made_codes(random):
        claim = Claim(lambda done, code=code: make_link(code, done))  # type: ignore[misc]
        try:
            await claim.wait_for_seat(reactor, seconds)
        except RoomFull:
            continue
        return code, claim
    raise NameplatesTaken


def _label(asked: Asked, terms: Terms) -> bytes:
    """Return what tells the place where a spoken code meets from every other: its relay and its nameplate's room."""
    return str(asked.host.named).encode() + terms.keys.room

"""Links behind one: what ``Paths`` decides is carried out here, on real links.

The owner sees one link, which lives as long as one of those below does. It is told ``link_up`` again whenever its
frames go over another path from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from twisted.internet.defer import Deferred, DeferredList

from whisperd.errors import WhisperdError
from whisperd.peer.links.direct import DirectLinks
from whisperd.peer.links.link import NOT_THEIRS, ConversationLinkOwner, Link, Verdict
from whisperd.peer.links.paths import ONION, RELAY, ConnectPath, Effects, LeavePath, Lost, Paths, ProbePath, Use
from whisperd.timers import Clock, OneShot

Maker = Callable[[], Link]
_T = TypeVar("_T")


class Multipath:
    """The links of one conversation: a ConversationLink, and the LinkOwner of those below.

    ``relays`` make the links to the relays, the best first; ``kinds`` as in Paths. ``direct`` adds direct links when
    the key is confirmed."""

    def __init__(self, relays: Sequence[Maker], *, reactor: Clock, kinds: Sequence[str] = (RELAY,),
                 direct: DirectLinks | None = None) -> None:
        self._reactor = reactor
        self._paths = Paths(kinds)
        self._makers: dict[str, Maker] = {}
        self._links: dict[str, Link] = {}
        self._leaving: list[Deferred[None]] = []
        self._owner: ConversationLinkOwner  # since ``start``
        self._later: list[Use] | None = None
        self._asked_over = ""
        self._timer = OneShot(reactor, self._tick)
        self._stopping = False
        self._texts_need = ONION if RELAY not in kinds else ""
        self._confirmed = False
        self._direct = direct
        self._relays = dict(zip((f"relay {number}" for number in range(len(relays))), relays, strict=True))

    @property
    def seated(self) -> bool:
        """Whether a relay has given this side a seat, on a connection that lives."""
        return any(link.seated for key, link in self._links.items() if key in self._relays)

    @property
    def direct(self) -> str:
        """How far a direct link is: off, asked, publishing, offered, unavailable, or up."""
        if self._paths.live and self._paths.kind(self._paths.live) == ONION:
            return "up"
        return self._direct.state if self._direct is not None else "off"

    @property
    def name(self) -> str:
        """The kind of the link that carries the frames."""
        return self._paths.kind(self._paths.live) if self._paths.live else RELAY

    # -- ConversationLink -----------------------------------------------------------------------------------------

    def start(self, owner: ConversationLinkOwner) -> None:
        self._owner = owner
        for number, (key, maker) in enumerate(self._relays.items()):
            self.add(key, RELAY, number, maker)
        self._do(self._paths.start(self._now()))

    def send(self, frame: bytes) -> None:
        link = self._links.get(self._paths.live or "")
        if link is not None:
            link.send(frame)

    def reply(self, frame: bytes) -> None:
        link = self._links.get(self._asked_over)
        if link is not None:
            link.send(frame)

    def rejoin(self, delay: float) -> None:
        for key, link in list(self._links.items()):
            link.rejoin(delay)
            self._do(self._paths.closed(key, "", self._now()))

    def stop(self, leave: bool = True) -> Deferred[None]:
        self._stopping = True
        self._set_timer()
        if self._direct is not None:
            self._leaving.append(Deferred.fromCoroutine(self._direct.stop()))
        for key in list(self._links):
            self._leave(key, leave)
        done: Deferred[None] = Deferred()
        DeferredList(list(self._leaving), consumeErrors=True).addCallback(lambda _: done.callback(None))
        return done

    # -- what the owner tells besides -----------------------------------------------------------------------------

    def add(self, key: str, kind: str, place: int, maker: Maker, *, passive: bool = False,
            patience: float = 0.0) -> None:
        """There is one more link, as ``Paths.add`` has it; a passive one is made and started at once."""
        if self._stopping:
            return
        self._makers[key] = maker
        if passive:
            self._connect(key)
        self._do(self._paths.add(key, kind, place, self._now(), passive=passive, patience=patience))

    def remove(self, key: str) -> None:
        """There is no such link any more."""
        if self._makers.pop(key, None) is not None:
            self._leave(key)
            self._do(self._paths.remove(key, self._now()))

    def confirmed(self) -> None:
        """There is a key, by which the other side can be greeted; to be told once or more often."""
        if self._confirmed:
            return
        self._confirmed = True
        self._hold()
        self._do(self._paths.confirmed())
        if self._direct is not None:
            self._direct.begin(self)

    def tell(self, payload: bytes) -> None:
        """Tell the other side something of the links here."""
        self._owner.tell_of_links(payload)

    def told(self, payload: bytes) -> None:
        """The other side said something of its links."""
        if self._direct is not None:
            self._direct.told(payload)

    def woke(self) -> None:
        """This machine has slept."""
        for link in list(self._links.values()):
            link.woke()

    # -- LinkOwner ------------------------------------------------------------------------------------------------

    def link_up(self, link: Link) -> None:
        self._tell(link, lambda key: self._paths.opened(key, self._now()))

    def link_down(self, link: Link, reason: str) -> None:
        self._tell(link, lambda key: self._paths.closed(key, reason, self._now()))

    def link_troubled(self, link: Link, error: WhisperdError) -> None:
        key = self._key(link)
        if key is not None:
            if self._paths.live is None:
                self._owner.link_troubled(self, error)
            self._do(self._paths.troubled(key, self._now()))

    def link_failed(self, link: Link, error: WhisperdError) -> None:
        """A relay keeps this side out. The link stays, and asks again: the owner may have reason to wait."""
        key = self._key(link)
        if key is None:
            return
        if self._paths.kind(key) == ONION:  # its address is none that may be dialled
            self.remove(key)
            return
        self._do(self._paths.refused(key, self._now()))
        if self._paths.exhausted:
            self._owner.link_failed(self, error)
        else:
            self._owner.link_troubled(self, error)

    def frame_received(self, link: Link, frame: bytes) -> Verdict:
        key = self._key(link)
        if key is None:
            return NOT_THEIRS
        verdict = self._owner.frame_received(self, frame)
        return Verdict(verdict.theirs, verdict.greeting, verdict.replied, partial(self._proceed, key, verdict))

    # -- inside ---------------------------------------------------------------------------------------------------

    def _proceed(self, key: str, verdict: Verdict) -> None:
        """Choose the path by what a frame showed, do what follows from it, and then use the path that was chosen."""
        later = self._later = []
        if verdict.replied:
            self._asked_over = key
        try:
            if verdict.theirs:
                self._do(self._paths.heard(key, self._now(), greeting=verdict.greeting))
            verdict.proceed()
        finally:
            self._later = None
        for use in later:
            self._used(use)

    def _now(self) -> float:
        now: float = self._reactor.seconds()
        return now

    def _key(self, link: Link) -> str | None:
        """Return the name of a link, None for one that was left."""
        return next((key for key, known in self._links.items() if known is link), None)

    def _tell(self, link: Link, report: Callable[[str], Effects]) -> None:
        key = self._key(link)
        if key is not None:
            self._do(report(key))

    def _do(self, effects: Effects) -> None:
        for effect in effects:
            if not self._stopping:
                self._actions[type(effect)](self, effect)
        self._set_timer()

    def _connect(self, key: str) -> None:
        link = self._links[key] = self._makers[key]()
        link.start(self)

    def _leave(self, key: str, leave: bool = True) -> None:
        link = self._links.pop(key, None)
        if link is not None:
            stopping = link.stop(leave)
            self._leaving.append(stopping)
            stopping.addBoth(self._left, stopping)

    def _left(self, result: _T, stopping: Deferred[None]) -> _T:
        self._leaving.remove(stopping)
        return result

    def _use(self, use: Use) -> None:
        """Tell the owner, once it has done what follows from the frame that is the reason."""
        if self._later is None:
            self._used(use)
        else:
            self._later.append(use)

    def _used(self, use: Use) -> None:
        if use.key == self._paths.live:
            kind = self._paths.kind(use.key)
            self._hold()
            self._owner.link_up(self, heard=use.heard)
            self._owner.link_moved(kind)

    def _hold(self) -> None:
        """Have texts wait unless the link in use may carry them."""
        if self._texts_need and self._confirmed:
            self._owner.hold(self.name != self._texts_need)

    def _probe(self, probe: ProbePath) -> None:
        for frame in self._owner.greeting():
            self._links[probe.key].send(frame)

    def _lost(self, lost: Lost) -> None:
        self._owner.link_down(self, lost.reason)

    def _set_timer(self) -> None:
        self._timer.start_at(None if self._stopping else self._paths.wake_at)

    def _tick(self) -> None:
        self._do(self._paths.tick(self._now()))

    _actions: Mapping[type, Callable[..., None]] = {
        ConnectPath: lambda self, effect: self._connect(effect.key),
        LeavePath: lambda self, effect: self._leave(effect.key),
        Use: _use, ProbePath: _probe, Lost: _lost,
    }

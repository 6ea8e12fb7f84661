"""Where a contact can be met: a seat in a room that only the two can name, which moves with the epochs.

[whisperd-protocol(7), CALLS] A rendezvous is a link that waits, and becomes the link of a conversation when one of the
two calls: when this side does, or when a frame comes that only the contact can have sealed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from twisted.internet.defer import Deferred, DeferredList

from whisperd.errors import WhisperdError
from whisperd.interfaces import Random
from whisperd.peer.contacts.book import Contact
from whisperd.peer.contacts.secrets import EPOCH, call_keys, epoch_of, seat_token
from whisperd.peer.handshake.keys import Seal
from whisperd.peer.links.link import NOT_THEIRS, Link, LinkOwner, Verdict
from whisperd.peer.records import RelayRecord, Route
from whisperd.timers import Clock, OneShot
from whisperd.wire.envelope import HANDSHAKE_FRAME, HandshakeMessage, Hello, Ring, decode_message, encode_message

#: Not begun; in a room alone; in a room with somebody; with somebody who gets a little more time before the move; alone
#: again in that time; met for good; stopped.
IDLE, ALONE, TOGETHER, LINGERING, LEAVING, MET, STOPPED = (
    "idle", "alone", "together", "lingering", "leaving", "met", "stopped")

#: (state, event) -> next state; what is not in it changes nothing. "due" says that it is time to move to another room.
TABLE: dict[tuple[str, str], str] = {
    (IDLE, "begin"): ALONE,
    (ALONE, "link-up"): TOGETHER,
    (ALONE, "due"): ALONE,
    (TOGETHER, "link-down"): ALONE,
    (TOGETHER, "due"): LINGERING,
    (LINGERING, "link-down"): LEAVING,
    (LINGERING, "due"): ALONE,
    (LEAVING, "link-up"): LINGERING,
    (LEAVING, "due"): ALONE,
    **dict.fromkeys([(state, "confirmed") for state in (IDLE, ALONE, TOGETHER, LINGERING, LEAVING)], MET),
    **dict.fromkeys([(state, "stop") for state in (IDLE, ALONE, TOGETHER, LINGERING, LEAVING, MET)], STOPPED),
}

_HANDSHAKE = bytes([HANDSHAKE_FRAME])


@dataclass(frozen=True)
class RendezvousTiming:
    """In seconds."""

    #: Between two rings.
    ring: float = 30.0
    #: In each of two rooms where it is not known which secret the other side holds, at a relay that gives no seat
    #: before the next one is tried, and for whoever is met just when it is time to move.
    turn: float = 30.0
    #: Most that a side is late for a new epoch, so that not all of its seats move at once.
    max_jitter: float = 30.0


class RendezvousListener(Protocol):
    """What a rendezvous asks, and tells while no conversation has it as its link."""

    def seat(self, room: bytes, place: int) -> Link:
        """Return a link to a room (32 bytes) at one of the contact's relays."""

    def taken(self, rendezvous: Rendezvous) -> bool:
        """Return whether a conversation of this side holds the seat in its room, which is left to it then."""

    def called(self) -> None:
        """The contact calls; a conversation may be started on the rendezvous."""

    def impersonated(self) -> None:
        """Somebody else answers in the contact's place."""

    def troubled(self, error: WhisperdError) -> None:
        """There is no seat for now."""

    def present(self, here: bool) -> None:
        """Somebody is in the room, or is not any more."""


class Rendezvous:
    """The rendezvous with ``contact``; ``wall()`` is the time that both sides have, in unix seconds."""

    def __init__(self, contact: Contact, listener: RendezvousListener, reactor: Clock, random: Random,
                 wall: Callable[[], float], timing: RendezvousTiming) -> None:
        self._contact = contact
        self._listener = listener
        self._random = random
        self._wall = wall
        self._timing = timing
        self._state = IDLE
        #: Which relay is in use.
        self.place = 0
        self._turn = 0
        #: The secret by which the contact is waited for at present, and the keys that it gives.
        self.secret = contact.secrets[0]
        self.keys = call_keys(self.secret, 0)
        self._owner: LinkOwner | None = None
        self._link: Link | None = None
        self._closing: list[Deferred[None]] = []
        self._calling = False
        self._warned = False
        self._troubled = ""
        self._move_timer = OneShot(reactor, self._move)
        self._ring_timer = OneShot(reactor, self._ring)
        self._elsewhere_timer = OneShot(reactor, self._go_elsewhere)

    # -- what the owner of the contacts asks ----------------------------------------------------------------------

    @property
    def state(self) -> str:
        """A state of ``TABLE``."""
        return self._state

    def begin(self) -> None:
        """Take the seat, and move with it."""
        self._turn_to("begin")
        now = self._wall()
        self.place = 0
        secrets = self._contact.secrets
        self.secret = secrets[self._turn % len(secrets)]
        self.keys.become(call_keys(self.secret, epoch_of(now)))
        self._warned = False
        self._move_timer.start(self._until_move(now))
        self._sit()

    def call(self) -> None:
        """Let the contact know, as soon as it is there, that somebody here wants to talk."""
        self._calling = True
        self._ring()

    def again(self) -> Link:
        """Return another link to the room in which the two have met."""
        return self._listener.seat(self.keys.room, self.place)

    def route(self) -> Route:
        """Return what leads back to the room in which the two have met."""
        access = "" if self.place else self._contact.access
        token = seat_token(self._contact.seat, self.keys.room)
        return Route(self.keys.room, [RelayRecord(self._contact.addresses[self.place].url, access, token)])

    def confirmed(self) -> None:
        """The two have met: the seat stays where it is."""
        self._turn_to("confirmed")
        self._cancel_timers()

    # -- Link -----------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return "relay"

    @property
    def up(self) -> bool:
        """Whether somebody is there, before the two have met."""
        return self._state in (TOGETHER, LINGERING)

    @property
    def seated(self) -> bool:
        """Whether the relay has given this side a seat, on a connection that lives."""
        return self._link is not None and self._link.seated

    def start(self, owner: LinkOwner) -> None:
        self._owner = owner
        if self._link is None:
            self.begin()
        elif self.up:
            owner.link_up(self)

    def send(self, frame: bytes) -> None:
        if self._link is not None:
            self._link.send(frame)

    def rejoin(self, delay: float) -> None:
        if self._link is not None:
            self._link.rejoin(delay)

    def woke(self) -> None:
        """This machine has slept."""
        if self._link is not None:
            self._link.woke()

    def stop(self, leave: bool = True) -> Deferred[None]:
        self._turn_to("stop")
        self._cancel_timers()
        self._leave(leave)
        done: Deferred[None] = Deferred()
        DeferredList(list(self._closing), consumeErrors=True).addCallback(lambda _: done.callback(None))
        return done

    # -- LinkOwner ------------------------------------------------------------------------------------------------

    def link_up(self, link: Link) -> None:
        self._turn_to("link-up")
        self._troubled = ""
        if self._owner is not None:
            self._owner.link_up(self)
        else:
            self._listener.present(True)
        self._ring()

    def link_down(self, link: Link, reason: str) -> None:
        self._turn_to("link-down")
        self._gone(reason)

    def frame_received(self, link: Link, frame: bytes) -> Verdict:
        if not self._done and frame[:1] == _HANDSHAKE:
            message = self._opened(frame)
            if message is None or (isinstance(message, Ring) and self._owner is not None):
                return NOT_THEIRS
            if self._owner is None and isinstance(message, Hello if self._contact.first else Ring):
                self._listener.called()
            if isinstance(message, Ring):
                return NOT_THEIRS
        return NOT_THEIRS if self._owner is None else self._owner.frame_received(self, frame)

    def link_troubled(self, link: Link, error: WhisperdError) -> None:
        self._wait_before_leaving()
        if self._owner is not None:
            self._owner.link_troubled(self, error)
        elif error.code != self._troubled:
            self._troubled = error.code
            self._listener.troubled(error)

    def link_failed(self, link: Link, error: WhisperdError) -> None:
        if self._owner is not None and self._places == 1:
            self._owner.link_failed(self, error)
        else:
            self.link_troubled(link, error)

    # -- inside ---------------------------------------------------------------------------------------------------

    @property
    def _places(self) -> int:
        """At how many relays the contact can be met."""
        return len(self._contact.relays)

    @property
    def _done(self) -> bool:
        """Whether the two have met here or will not, which may be true before this is told: the keys are gone first."""
        return self._state in (MET, STOPPED) or self.keys.wiped

    def _turn_to(self, event: str) -> None:
        self._state = TABLE.get((self._state, event), self._state)

    def _sit(self) -> None:
        if self._listener.taken(self):
            return
        self._link = self._listener.seat(self.keys.room, self.place)
        self._link.start(self)

    def _gone(self, reason: str) -> None:
        """Tell that whoever was there can be reached no more."""
        if self._owner is not None:
            self._owner.link_down(self, reason)
        else:
            self._listener.present(False)

    def _opened(self, frame: bytes) -> HandshakeMessage | None:
        """Return what the contact says; None, and a warning once a room, for what somebody else does."""
        try:
            return decode_message(Seal.for_role(self.keys, inviter=self._contact.first).open(frame))
        except WhisperdError:
            if not self._warned:
                self._warned = True
                self._listener.impersonated()
            return None

    def _ring(self) -> None:
        if not (self._contact.first and self._calling and self.up) or self._done or self._link is None:
            return
        self._link.send(Seal.for_role(self.keys, inviter=True).close(encode_message(Ring()), self._random))
        self._ring_timer.start(self._timing.ring)

    def _until_move(self, now: float) -> float:
        rest = EPOCH - now % EPOCH + self._timing.max_jitter * self._random(1)[0] / 255
        return min(rest, self._timing.turn) if len(self._contact.secrets) > 1 else rest

    def _move(self) -> None:
        """Go to the room of the next epoch, or of the other secret; whoever is met just now gets a little more time."""
        if self._done:
            return
        somebody = self.up
        self._turn_to("due")
        if self._state == LINGERING:
            self._move_timer.start(self._timing.turn)
            return
        self._turn += 1
        self._leave()
        if somebody:
            self._gone("moved")
        self.begin()

    def _wait_before_leaving(self) -> None:
        """Give a relay a while; if there is no seat then, go to the next one, as the other side does."""
        if self._places > 1 and not self._done and not self._elsewhere_timer:
            self._elsewhere_timer.start(self._timing.turn)

    def _go_elsewhere(self) -> None:
        if not self.up and not self.seated and not self._done:
            self.place = (self.place + 1) % self._places
            self._leave()
            self._sit()
            self._wait_before_leaving()

    def _leave(self, leave: bool = True) -> None:
        link, self._link = self._link, None
        if link is not None:
            self._closing = [closing for closing in self._closing if not closing.called]
            self._closing.append(link.stop(leave))

    def _cancel_timers(self) -> None:
        for timer in (self._move_timer, self._ring_timer, self._elsewhere_timer):
            timer.cancel()

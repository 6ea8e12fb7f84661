"""A contact's line: a seat in the room where the contact can be met, which moves with the epochs until they have met.

[whisperd-protocol(7), CALLS] It is a link that waits, and becomes the link of a conversation when one of the two calls:
when this side does, or when a frame comes that only the contact can have sealed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, DeferredList

from whisperd.errors import WhisperdError
from whisperd.interfaces import Random
from whisperd.peer.contacts.book import Contact
from whisperd.peer.contacts.secrets import EPOCH, call_keys, epoch_of, seat_token
from whisperd.peer.handshake.keys import Seal
from whisperd.peer.links.link import NOT_THEIRS, Link, LinkOwner, Verdict
from whisperd.peer.records import RelayRecord, Route
from whisperd.wire.envelope import HANDSHAKE_FRAME, HandshakeMessage, Hello, Ring, decode_message, encode_message

#: Seconds between two rings, and in each of two rooms where it is not known which secret the other side holds.
RING_INTERVAL = 30.0
TURN = 30.0
#: Most seconds that a side is late for a new epoch, so that not all of its seats move at once.
MAX_JITTER = 30.0

_HANDSHAKE = bytes([HANDSHAKE_FRAME])


class Rendezvous:
    """One contact's line. ``make_link(room, place)`` returns a Link to a room of 32 bytes at one of ``places``
    relays; ``first`` is the contact's field; ``wall()`` is the time that both sides have, in unix
    seconds.

    ``taken(room)`` says that a conversation of this side holds the seat in a room, which is left to it then.
    ``heard()`` is called when the contact calls; it may start a conversation on this link. ``wrong()`` is called when
    somebody else answers in the contact's place. While this is nobody's link, ``trouble(error)`` hears what goes wrong,
    and ``present(here)`` whether somebody is there.
    """

    def __init__(self, secrets: Sequence[bytes], *, first: bool, make_link: Callable[[bytes, int], Link], reactor: Any,
                 random: Random, wall: Callable[[], float], heard: Callable[[], None], wrong: Callable[[], None],
                 trouble: Callable[[WhisperdError], None], present: Callable[[bool], None], places: int = 1,
                 taken: Callable[[bytes], bool] = lambda room: False) -> None:
        self._secrets = tuple(secrets)
        self._first = first
        self._make_link = make_link
        self._reactor = reactor
        self._random = random
        self._wall = wall
        self._heard = heard
        self._on_trouble = trouble
        self._on_wrong = wrong
        self._on_present = present
        self._places = places
        self._taken = taken
        #: Which relay is in use.
        self.place = 0
        self._turn = 0
        #: The secret by which the contact is waited for at present, and the keys that it gives.
        self.secret = self._secrets[0]
        self.keys = call_keys(self.secret, 0)
        self._owner: LinkOwner | None = None
        self._link: Link | None = None
        self._closing: list[Deferred[None]] = []
        self._up = False
        self._met = False
        self._calling = False
        self._warned = False
        self._patient = False
        self._troubled = ""
        self._alarm: Any = None
        self._ring_alarm: Any = None
        self._away_alarm: Any = None

    # -- what the owner of the contacts asks ----------------------------------------------------------------------

    def begin(self) -> None:
        """Take the seat, and move with it."""
        now = self._wall()
        self.place = 0
        self.secret = self._secrets[self._turn % len(self._secrets)]
        self.keys.become(call_keys(self.secret, epoch_of(now)))
        self._warned = False
        self._set_alarm(self._until_move(now))
        self._sit()

    def _sit(self) -> None:
        if self._taken(self.keys.room):
            return
        self._link = self._make_link(self.keys.room, self.place)
        self._link.start(self)

    def call(self) -> None:
        """Let the contact know, as soon as it is there, that somebody here wants to talk."""
        self._calling = True
        self._ring()

    def again(self) -> Link:
        """Return another link to the room in which the two have met."""
        return self._make_link(self.keys.room, self.place)

    def route(self, contact: Contact) -> Route:
        """Return what leads back to the room in which the two have met."""
        access = "" if self.place else contact.access
        token = seat_token(contact.seat, self.keys.room)
        return Route(self.keys.room, [RelayRecord(contact.addresses[self.place].url, access, token)])

    def confirmed(self) -> None:
        """The two have met: the seat stays where it is."""
        self._met = True
        self._cancel_alarms()

    # -- Link -----------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return "relay"

    @property
    def up(self) -> bool:
        """Whether somebody is there."""
        return self._up

    @property
    def seated(self) -> bool:
        """Whether the relay has given this side a seat, on a connection that lives."""
        return self._link is not None and self._link.seated

    def start(self, owner: LinkOwner) -> None:
        self._owner = owner
        if self._link is None:
            self.begin()
        elif self._up:
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
        self._met = True
        self._cancel_alarms()
        self._leave(leave)
        done: Deferred[None] = Deferred()
        DeferredList(list(self._closing), consumeErrors=True).addCallback(lambda _: done.callback(None))
        return done

    # -- LinkOwner ------------------------------------------------------------------------------------------------

    def link_up(self, link: Link) -> None:
        self._up = True
        self._troubled = ""
        if self._owner is not None:
            self._owner.link_up(self)
        else:
            self._on_present(True)
        self._ring()

    def link_down(self, link: Link, reason: str) -> None:
        self._up = False
        if self._owner is not None:
            self._owner.link_down(self, reason)
        else:
            self._on_present(False)

    def frame_received(self, link: Link, frame: bytes) -> Verdict:
        if not self._done and frame[:1] == _HANDSHAKE:
            message = self._opened(frame)
            if message is None or (isinstance(message, Ring) and self._owner is not None):
                return NOT_THEIRS
            if self._owner is None and isinstance(message, Hello if self._first else Ring):
                self._heard()
            if isinstance(message, Ring):
                return NOT_THEIRS
        return NOT_THEIRS if self._owner is None else self._owner.frame_received(self, frame)

    def link_troubled(self, link: Link, error: WhisperdError) -> None:
        self._look_elsewhere()
        if self._owner is not None:
            self._owner.link_troubled(self, error)
        elif error.code != self._troubled:
            self._troubled = error.code
            self._on_trouble(error)

    def link_failed(self, link: Link, error: WhisperdError) -> None:
        if self._owner is not None and self._places == 1:
            self._owner.link_failed(self, error)
        else:
            self.link_troubled(link, error)

    # -- inside ---------------------------------------------------------------------------------------------------

    @property
    def _done(self) -> bool:
        """Whether the two have met here or will not, which may be true before this is told: the keys are gone first."""
        return self._met or self.keys.wiped

    def _opened(self, frame: bytes) -> HandshakeMessage | None:
        """Return what the contact says; None, and a warning once a room, for what somebody else does."""
        try:
            return decode_message(Seal.for_role(self.keys, inviter=self._first).open(frame))
        except WhisperdError:
            if not self._warned:
                self._warned = True
                self._on_wrong()
            return None

    def _ring(self) -> None:
        if not (self._first and self._calling and self._up) or self._done or self._link is None:
            return
        self._link.send(Seal.for_role(self.keys, inviter=True).close(encode_message(Ring()), self._random))
        if self._ring_alarm is not None and self._ring_alarm.active():
            self._ring_alarm.cancel()
        self._ring_alarm = self._reactor.callLater(RING_INTERVAL, self._ring)

    def _until_move(self, now: float) -> float:
        rest = EPOCH - now % EPOCH + MAX_JITTER * self._random(1)[0] / 255
        return min(rest, TURN) if len(self._secrets) > 1 else rest

    def _move(self) -> None:
        """Go to the room of the next epoch, or of the other secret; whoever is met just now gets a little more time."""
        if self._done:
            return
        if self._up and not self._patient:
            self._patient = True
            self._set_alarm(TURN)
            return
        self._patient = False
        self._turn += 1
        self._leave()
        if self._up:
            self.link_down(self, "moved")
        self.begin()

    def _look_elsewhere(self) -> None:
        """Give a relay a while; if there is no seat then, go to the next one, as the other side does."""
        if self._places > 1 and not self._done and not (self._away_alarm is not None and self._away_alarm.active()):
            self._away_alarm = self._reactor.callLater(TURN, self._go_elsewhere)

    def _go_elsewhere(self) -> None:
        if not self._up and not self.seated and not self._done:
            self.place = (self.place + 1) % self._places
            self._leave()
            self._sit()
            self._look_elsewhere()

    def _leave(self, leave: bool = True) -> None:
        link, self._link = self._link, None
        if link is not None:
            self._closing = [closing for closing in self._closing if not closing.called]
            self._closing.append(link.stop(leave))

    def _set_alarm(self, delay: float) -> None:
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        self._alarm = self._reactor.callLater(delay, self._move)

    def _cancel_alarms(self) -> None:
        for alarm in (self._alarm, self._ring_alarm, self._away_alarm):
            if alarm is not None and alarm.active():
                alarm.cancel()

"""The link that works always: two seats in a room of a relay. [whisperd-protocol(7), RELAY]

It dials through the injected dialer, for ever, at jittered intervals from half a second to half a minute, and takes
its own seat back by its token, after a restart of the relay too. A relay that keeps this side out is asked again every
half minute: whether that is worth while is for the owner to decide, which hears ``link_failed`` each time.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred

from whisperd.errors import DialRefused, RelayRefused, RoomFull, WhisperdError
from whisperd.logs import note
from whisperd.peer.links.context import LinkContext
from whisperd.peer.links.link import LinkOwner
from whisperd.peer.links.reconnecting import Reconnecting
from whisperd.peer.links.relay_socket import RelaySocket, RelaySocketFactory
from whisperd.wire.frames import ERRORS, FrameError, Join, Joined, Leave, PeerLeft, Ready, RelayError
from whisperd.wire.relay_client import decode_server, encode_client

#: Bytes that a relay has to forward in one frame: the largest size class, and the overhead of a ratchet.
NEEDED_FRAME = 36_864

#: The states of a relay link. It is seated when the relay has given its seat, and up when the other seat is taken too.
IDLE, DIALLING, OPENING, ASKING, SEATED = "idle", "dialling", "opening", "asking", "seated"
UP, LEAVING, PAUSING, STOPPED = "up", "leaving", "pausing", "stopped"

#: What follows a state on an event; whatever is not listed changes nothing.
TABLE: dict[tuple[str, str], str] = {
    (IDLE, "dial"): DIALLING,
    (PAUSING, "dial"): DIALLING,
    (DIALLING, "failed"): PAUSING,
    (DIALLING, "connected"): OPENING,
    (DIALLING, "open"): ASKING,
    (OPENING, "open"): ASKING,
    (ASKING, "joined"): SEATED,
    (SEATED, "ready"): UP,
    (UP, "peer-gone"): SEATED,
    **dict.fromkeys(((state, "leave") for state in (OPENING, ASKING, SEATED, UP)), LEAVING),
    **dict.fromkeys(((state, "closed") for state in (DIALLING, OPENING, ASKING, SEATED, UP, LEAVING)), PAUSING),
    **dict.fromkeys(((state, "stop") for state in (IDLE, DIALLING, OPENING, ASKING, SEATED, UP, LEAVING, PAUSING)),
                    STOPPED),
}

#: Why the other side is out of reach, by what the relay said.
REASONS = {"replaced": "replaced", "expired": "room-expired", "shutting-down": "relay-stopped"}
#: The relay's codes that are no trouble: the next attempt mends them.
_PASSING = frozenset(REASONS)
#: Those with which it keeps this side out, as long as this side had no seat.
_KEEPS_OUT = frozenset({"room-full", "code-needed", "code-refused"})
_ASK_FOR_CODE = "Ask the relay's operator for an access code, and pass it with --access."


@dataclass(frozen=True)
class RelayRoom:
    """Where two peers meet: how the relay is dialled, and the 32-byte id of the room.

    ``access`` is the code that admits to the relay, where it wants one: the relay that this peer chose, and no other,
    gets to see it."""

    host: str
    port: int
    room: bytes = field(repr=False)
    direct: bool = False
    access: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"ws://{host}:{self.port}/"


class RelayLink:
    """One conversation's seat in a room. Its state changes by TABLE only.

    ``token`` (32 bytes) is what the seat belongs to; empty: a random one. With ``claimed`` the room has to be empty at
    first, or the link fails with RoomFull; it is called when the first seat is taken.
    """

    name = "relay"

    def __init__(self, room: RelayRoom, context: LinkContext, *, token: bytes = b"",
                 claimed: Callable[[], None] | None = None) -> None:
        self._room = room
        self._timing = context.timing
        self._reconnecting = Reconnecting(self._connect_once, context, self._broken)
        self._join = encode_client(Join(room=_b64(room.room), token=_b64(token or context.random(32)),
                                               code=room.access))
        self._factory = RelaySocketFactory(room.url, self, context)
        self._owner: LinkOwner  # since ``start``
        self._socket: RelaySocket | None = None
        self._state = IDLE
        self._was_seated = False
        self._claimed = claimed
        self._reason = "relay-lost"

    # -- Link -----------------------------------------------------------------------------------------------------

    @property
    def seated(self) -> bool:
        """Whether the relay has given the seat, on a connection that lives."""
        return self._state in (SEATED, UP)

    def start(self, owner: LinkOwner) -> None:
        """Begin to connect."""
        self._owner = owner
        self._reconnecting.start()

    def send(self, frame: bytes) -> None:
        """Hand over one frame; it is dropped while the other side is not there."""
        if self._state == UP and self._socket is not None:
            self._socket.send(frame, binary=True)

    def rejoin(self, delay: float) -> None:
        """Free the seat, and come back after ``delay`` seconds; nothing to do while there is no connection."""
        if self._socket is not None:
            self._reconnecting.pause_exactly(delay)
            self._leave(self._socket)

    def woke(self) -> None:
        """This machine has slept: find out soon whether the connection still lives, or dial at once."""
        self._reconnecting.hurry()
        if self._socket is not None:
            self._socket.probe()

    def stop(self, leave: bool = True) -> Deferred[None]:
        """Free the seat and close, or let the relay hold it; return what fires when the socket is closed."""
        self._turn("stop")
        done = self._reconnecting.stop(cancel=self._socket is None)
        if self._socket is not None:
            self._socket.leave(*([encode_client(Leave())] if leave else []))
        return done

    # -- the life of the link -------------------------------------------------------------------------------------

    def _turn(self, event: str) -> None:
        self._state = TABLE.get((self._state, event), self._state)

    async def _connect_once(self) -> None:
        self._reason = "relay-lost"
        self._turn("dial")
        try:
            socket = await self._reconnecting.connect(self._room.host, self._room.port, self._factory,
                                                      direct=self._room.direct)
        except WhisperdError as error:
            self._turn("failed")
            if isinstance(error, DialRefused):
                self._turned_away(error)
            else:
                self._trouble(error)
            return
        self._socket = socket
        self._turn("connected")
        if self._state == STOPPED:
            socket.drop()
        was_open = await self._reconnecting.until_closed(socket.closed)
        self._socket = None
        self._closed(was_open)

    def _closed(self, was_open: bool) -> None:
        was_up = self._state == UP
        self._turn("closed")
        if was_up:
            self._report_down(self._reason)
        if not was_open:
            self._trouble(RelayRefused("the server at the relay's address is not a whisperd relay"))

    def _broken(self) -> None:
        self._turn("closed")
        self._trouble(WhisperdError())

    # -- what the socket reports ----------------------------------------------------------------------------------

    def socket_open(self, socket: RelaySocket) -> None:
        """Ask for the seat."""
        self._socket = socket
        self._turn("open")
        socket.send(self._join, binary=False)

    def binary_received(self, socket: RelaySocket, payload: bytes) -> None:
        """A frame of the other side, if it is one: then the next attempt counts as the first."""
        if self._state == UP:
            verdict = self._owner.frame_received(self, payload)
            if verdict.theirs:
                self._reconnecting.worked()
            verdict.proceed()

    def text_received(self, socket: RelaySocket, payload: bytes) -> None:
        """A frame of the relay itself."""
        try:
            frame = decode_server(payload)
        except FrameError:
            self._trouble(RelayRefused("the relay broke the protocol"))
            socket.drop()
            return
        if self._state not in (LEAVING, STOPPED):
            self._reactions[type(frame)](self, socket, frame)

    def _joined(self, socket: RelaySocket, frame: Joined) -> None:
        socket.seated()
        if frame.limits.frame < NEEDED_FRAME:
            self._turned_away(RelayRefused(
                f"the relay accepts frames of at most {frame.limits.frame} bytes, but {NEEDED_FRAME} are needed"))
            return
        claimed = self._claimed if not self._was_seated else None
        if claimed is not None and frame.peer:
            self._turned_away(RoomFull())
            return
        self._was_seated = True
        self._turn("joined")
        if claimed is not None:
            claimed()

    def _ready(self, socket: RelaySocket, frame: Ready) -> None:
        before = self._state
        self._turn("ready")
        if self._state == UP != before:  # each time costs a greeting, and each of those a key of the ratchet
            note("link-state", link=self.name, state="up")
            self._owner.link_up(self)

    def _peer_left(self, socket: RelaySocket, frame: PeerLeft) -> None:
        self._down("peer-left" if frame.reason == "left" else "peer-lost")

    def _relay_error(self, socket: RelaySocket, frame: RelayError) -> None:
        if frame.code == "peer-absent":
            self._down("peer-lost")
        elif frame.code in _KEEPS_OUT and not self._was_seated:
            self._turned_away(_refusal(frame.code))
        else:
            self._reason = REASONS.get(frame.code, self._reason)
            if frame.retry_after is not None:
                self._reconnecting.pause_about(
                    min(max(frame.retry_after, self._timing.first_pause), self._timing.max_retry))
            if frame.fatal:
                self._down(self._reason)
            if frame.code not in _PASSING:
                self._trouble(_refusal(frame.code))

    _reactions: Mapping[type, Callable[..., None]] = {
        Joined: _joined, Ready: _ready, PeerLeft: _peer_left, RelayError: _relay_error,
    }

    # -- what the owner hears -------------------------------------------------------------------------------------

    def _down(self, reason: str) -> None:
        if self._state == UP:
            self._turn("peer-gone")
            self._report_down(reason)

    def _report_down(self, reason: str) -> None:
        note("link-state", link=self.name, state="down", reason=reason)
        self._owner.link_down(self, reason)

    def _trouble(self, error: WhisperdError) -> None:
        if self._state != STOPPED:
            self._owner.link_troubled(self, error)

    def _turned_away(self, error: WhisperdError) -> None:
        """The relay does not let this side in; the owner may stop the link when it hears that."""
        if self._state == STOPPED:
            return
        self._reconnecting.pause_about(self._timing.refused_pause)
        self._down(self._reason)
        if self._socket is not None:
            self._leave(self._socket)
        self._owner.link_failed(self, error)

    def _leave(self, socket: RelaySocket) -> None:
        self._turn("leave")
        socket.leave(encode_client(Leave()))


def _refusal(code: str) -> WhisperdError:
    if code == "room-full":
        return RoomFull()
    known = ERRORS.get(code)
    return RelayRefused(f"the relay refused: {known.message}" if known else None,
                        remedy=_ASK_FOR_CODE if code.startswith("code-") else None)


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

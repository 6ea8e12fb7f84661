"""Direct links: one conversation's connection to the other side's onion service, and the door of its own.

Neither shows the user why it cannot be made: there is the relay. A stream counts once an authentic frame has come over
it; what the door lets in before that is bounded, and gets no byte.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from whisperd.errors import DialRefused, WhisperdError
from whisperd.logs import note
from whisperd.peer.links.context import LinkContext, ListeningPort
from whisperd.peer.links.link import LinkOwner
from whisperd.peer.links.onion_stream import OnionStream, StreamFactory
from whisperd.peer.links.reconnecting import Reconnecting

#: Port of the onion services.
PORT = 80
#: Most streams at a time that have not proven themselves.
MAX_STRANGERS = 4

LOST = "link-lost"


class OnionLink:
    """Connects to ``address`` for ever, at jittered intervals, each time over circuits of this conversation."""

    name = "onion"
    #: No relay is asked for a seat.
    seated = False

    def __init__(self, address: str, context: LinkContext) -> None:
        self._address = address
        self._reconnecting = Reconnecting(self._connect_once, context)
        self._factory = StreamFactory(self, context)
        self._owner: LinkOwner  # since ``start``
        self._stream: OnionStream | None = None
        self._gone: Deferred[None] | None = None

    def start(self, owner: LinkOwner) -> None:
        self._owner = owner
        self._reconnecting.start()

    def send(self, frame: bytes) -> None:
        if self._stream is not None:
            self._stream.send(frame)

    def rejoin(self, delay: float) -> None:
        """A direct link begins after the handshake: there is nothing to begin anew."""

    def woke(self) -> None:
        """This machine has slept."""
        self._reconnecting.hurry()
        if self._stream is not None:
            self._stream.probe()

    def stop(self, leave: bool = True) -> Deferred[None]:
        done = self._reconnecting.stop(cancel=self._stream is None)
        if self._stream is not None:
            self._stream.close()
        return done

    async def _connect_once(self) -> None:
        gone: Deferred[None] = Deferred()
        self._gone = gone
        try:
            await self._reconnecting.connect(self._address, PORT, self._factory)
        except DialRefused as error:
            if not self._reconnecting.stopped:
                self._reconnecting.stop(cancel=False)
                self._owner.link_failed(self, error)
            return
        except WhisperdError:
            return
        if self._reconnecting.stopped and self._stream is not None:
            self._stream.drop()
        await self._reconnecting.until_closed(gone)

    # -- what the stream reports ----------------------------------------------------------------------------------

    def stream_open(self, stream: OnionStream) -> None:
        self._stream = stream
        if not self._reconnecting.stopped:
            note("link-state", link=self.name, state="up")
            self._owner.link_up(self)

    def stream_frame(self, stream: OnionStream, frame: bytes) -> None:
        if self._reconnecting.stopped:
            return
        verdict = self._owner.frame_received(self, frame)
        if verdict.theirs and not stream.proven:
            self._reconnecting.worked()
            stream.prove()
        verdict.proceed()

    def stream_lost(self, stream: OnionStream) -> None:
        self._stream = None
        if not self._reconnecting.stopped:
            note("link-state", link=self.name, state="down", reason=LOST)
            self._owner.link_down(self, LOST)
        gone, self._gone = self._gone, None
        if gone is not None:
            gone.callback(None)


class OnionDoor:
    """Takes the other side's connection to this side's onion service: one at a time, the last one that is proven."""

    name = "onion"
    #: No relay is asked for a seat.
    seated = False

    def __init__(self, context: LinkContext) -> None:
        self._context = context
        self._owner: LinkOwner  # since ``start``
        self._port: ListeningPort | None = None
        self._stream: OnionStream | None = None
        self._strangers: list[OnionStream] = []
        self._stopping = False

    @property
    def port(self) -> int:
        """The port on 127.0.0.1 that it listens on, 0 before it is started."""
        return 0 if self._port is None else self._port.getHost().port

    def start(self, owner: LinkOwner) -> None:
        self._owner = owner
        self._port = self._context.reactor.listenTCP(0, StreamFactory(self, self._context), interface="127.0.0.1")

    def send(self, frame: bytes) -> None:
        if self._stream is not None:
            self._stream.send(frame)

    def rejoin(self, delay: float) -> None:
        """A direct link begins after the handshake: there is nothing to begin anew."""

    def woke(self) -> None:
        """This machine has slept."""
        if self._stream is not None:
            self._stream.probe()

    def stop(self, leave: bool = True) -> Deferred[None]:
        self._stopping = True
        for stranger in self._strangers:
            stranger.drop()
        if self._stream is not None:
            self._stream.close()
        return Deferred.fromCoroutine(self._close())

    async def _close(self) -> None:
        if self._port is not None:
            await self._port.stopListening()

    # -- what the streams report ----------------------------------------------------------------------------------

    def stream_open(self, stream: OnionStream) -> None:
        self._strangers.append(stream)
        if len(self._strangers) > MAX_STRANGERS or self._stopping:
            stream.drop()

    def stream_frame(self, stream: OnionStream, frame: bytes) -> None:
        if self._stopping or not (stream is self._stream or stream in self._strangers):
            return
        verdict = self._owner.frame_received(self, frame)
        if verdict.theirs and stream is not self._stream:
            self._adopt(stream)
        verdict.proceed()

    def stream_lost(self, stream: OnionStream) -> None:
        if stream in self._strangers:
            self._strangers.remove(stream)
        if stream is self._stream:
            self._stream = None
            if not self._stopping:
                note("link-state", link=self.name, state="down", reason=LOST)
                self._owner.link_down(self, LOST)

    def _adopt(self, stream: OnionStream) -> None:
        """Whoever spoke on this stream is the other side: it takes the place of the one before."""
        self._strangers.remove(stream)
        before, self._stream = self._stream, stream
        stream.prove()
        if before is not None:
            before.close()
        else:
            note("link-state", link=self.name, state="up")
        self._owner.link_up(self)

"""One control connection to tor: txtorcon's protocol with deadlines, typed errors and an end that is always noticed.

Hazards of txtorcon that are kept away from the rest here: a command that is queued after the connection has ended
blocks every later one for ever; no command has a deadline; and the text of its disconnection error holds the whole
command that was running, a private key included.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol, TypeVar, cast

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from txtorcon.torcontrolprotocol import TorControlProtocol, TorDisconnectError, TorProtocolError

from whisperd.errors import OnionTaken, TorCommandFailed, TorControlUnreachable, WhisperdError
from whisperd.timers import Clock
from whisperd.tor.event_loop import StreamTransport, Waiters, at_most

T = TypeVar("T")

#: Seconds that tor has for a command; it answers within milliseconds unless it hangs.
COMMAND_TIMEOUT = 30.0

#: Tor's answer to ADD_ONION when it has this onion service already.
_COLLISION = 550
_REPLY = re.compile(rb"[0-9]{3}[ +-]")


class TorControl(Protocol):
    """An authenticated control connection, as those see it who ask something of tor."""

    @property
    def gone(self) -> bool:
        """Whether it has ended."""

    @property
    def version(self) -> str | None:
        """Which tor it is, in tor's own words; None until it has said so."""

    async def request(self, text: str, timeout: float = COMMAND_TIMEOUT) -> str:
        """Send one command line and return tor's answer, within ``timeout`` seconds.

        Raises TorCommandFailed, TorControlUnreachable, and OnionTaken for ADD_ONION."""
        raise NotImplementedError

    async def hear_of(self, event: str, heard: Callable[[str], object]) -> None:
        """Have ``heard`` called with the text of each asynchronous ``event``; raises as ``request`` does."""

    def when_lost(self) -> Deferred[None]:
        """Return a Deferred that fires when the connection has ended, in whatever way."""

    def abort(self) -> None:
        """Drop the connection at once."""


class TorControlConnection(TorControlProtocol):
    """An authenticated connection once ``attach`` has returned it.

    ``stranger`` is the first line of a peer that does not speak tor's control protocol at all.
    """

    transport: StreamTransport | None
    version: str | None

    def __init__(self, reactor: Clock, password: str = "") -> None:
        super().__init__((lambda: password) if password else None)
        self.on_disconnect = None  # txtorcon looks into its callbacks, which Twisted deprecates
        self.stranger = b""
        self.gone = False
        self._reactor = reactor
        self._heard = False
        self._waiting: Waiters[None] = Waiters()

    async def request(self, text: str, timeout: float = COMMAND_TIMEOUT) -> str:
        """As ``TorControl.request``."""
        return await self._answer(lambda: cast("Deferred[str]", self.queue_command(text)), text.partition(" ")[0],
                                  timeout)

    async def hear_of(self, event: str, heard: Callable[[str], object]) -> None:
        """As ``TorControl.hear_of``."""
        if event not in self.valid_events:
            raise TorCommandFailed(f"this tor does not report {event}")
        await self._answer(lambda: cast("Deferred[object]", self.add_event_listener(event, heard)), "SETEVENTS",
                           COMMAND_TIMEOUT)

    def authenticated(self) -> Deferred[object]:
        """Return a Deferred that fires when tor has let this connection in, and fails with what stands in the way."""
        return cast("Deferred[object]", self.post_bootstrap)

    def when_lost(self) -> Deferred[None]:
        """As ``TorControl.when_lost``."""
        return defer.succeed(None) if self.gone else self._waiting.wait()

    def abort(self) -> None:
        """Drop the connection at once."""
        if self.transport is not None:
            self.transport.abortConnection()

    async def _answer(self, ask: Callable[[], Deferred[T]], verb: str, timeout: float) -> T:
        if self.gone:
            raise TorControlUnreachable("the control connection to tor is closed")
        try:
            return await at_most(timeout, ask(), self._reactor)
        except TorProtocolError as refused:
            raise _refused(verb, refused) from None
        except defer.TimeoutError:
            # The commands behind this one would never be sent.
            self.abort()
            raise TorControlUnreachable("tor no longer answers on its control port",
                                        remedy="Restart tor. whisperd then connects again automatically.") from None
        except TorDisconnectError:
            raise TorControlUnreachable("tor closed the control connection") from None

    def lineReceived(self, line: bytes) -> None:
        if self.stranger:
            return None
        if not self._heard and not _REPLY.match(line):
            self.stranger = line[:200] or b"?"
            return self.abort()
        self._heard = True
        try:
            super().lineReceived(line)
        except (RuntimeError, ValueError, IndexError, TypeError):
            # What tor never says: txtorcon's machine cannot go on from here.
            self.abort()
        return None

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.gone = True
        super().connectionLost(reason)
        self._waiting.tell(None)


def _refused(verb: str, refused: TorProtocolError) -> WhisperdError:
    if verb == "ADD_ONION" and refused.code == _COLLISION:
        return OnionTaken()
    words = refused.text.splitlines()[0] if refused.text else ""
    return TorCommandFailed(f"tor refused {verb}: {refused.code} {words}".strip())

"""One client of the control socket: its requests, its answers, its events, and what it may cost."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any
from typing import Protocol as Contract

import msgspec
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IFileDescriptorReceiver, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from whisperd import logs
from whisperd.control.access import Peer
from whisperd.control.answers import Answer, Method
from whisperd.control.audit import DONE, Audit
from whisperd.control.commands import ADMIN, FOLLOW, METHODS, SUBSCRIBE, Command
from whisperd.control.events import EventBus
from whisperd.control.log_follower import Following
from whisperd.control.turns import Turns
from whisperd.errors import PermissionRefused, UsageError, WhisperdError
from whisperd.errors.system import as_whisperd_error
from whisperd.timers import OneShot, Reactor
from whisperd.wire import control
from whisperd.wire.control import Fault, Lines, LineTooLong, Request
from whisperd.wire.results import FollowingLog, Subscribed

#: Most requests of one client that are being worked on.
MAX_OUTSTANDING = 32
#: Bytes that may wait for a client that does not read, on top of what the kernel holds.
MAX_UNSENT = 4 << 20
#: Most descriptors of one client that wait for their requests.
MAX_DESCRIPTORS = 4


class ControlApi(Contract):
    """What a daemon answers to its control socket."""

    def method(self, name: str) -> Method:
        """Return the coroutine function of a method; raises KeyError.

        It takes the checked parameters by name, and raises WhisperdError for what the user should hear."""

    def conversation(self, word: str) -> str:
        """Return the id of the conversation that a word means; raises WhisperdError."""


class ControlHost(Contract):
    """The server that a connection belongs to."""

    @property
    def api(self) -> ControlApi: ...
    @property
    def bus(self) -> EventBus: ...
    @property
    def audit(self) -> Audit: ...
    @property
    def reactor(self) -> Reactor: ...
    @property
    def turns(self) -> Turns: ...
    @property
    def close_seconds(self) -> float: ...

    def admit(self, connection: ControlConnection) -> WhisperdError | None:
        """Take a new client in, or return why not."""

    def forget(self, connection: ControlConnection) -> None:
        """A client is gone."""


@implementer(IPushProducer, IFileDescriptorReceiver)
class ControlConnection(Protocol):
    """Reads requests, calls the daemon, writes answers and events. As a producer it learns when its client is slow."""

    transport: Any

    def __init__(self, server: ControlHost) -> None:
        self.server = server
        self.peer = Peer(0, -1, -1)
        self.rights: frozenset[str] = frozenset()
        self.closed: Deferred[None] = Deferred()
        self._lines = Lines()
        self._requests: deque[bytes | LineTooLong] = deque()  # that wait for their turn; nothing is read meanwhile
        self._running: dict[int, tuple[Deferred[None], Command]] = {}
        self._started = 0
        self._descriptors: list[int] = []
        self._unsubscribe: Callable[[], None] | None = None
        self._following: Following | None = None
        self._slow = False
        self._unsent = 0
        self._closing = False
        self._cut_off = OneShot(server.reactor, self._abort)

    # -- the connection ------------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        self.peer = Peer.of(self.transport.getHandle())
        self.transport.registerProducer(self, True)
        problem = self.server.admit(self)
        if problem is not None:
            self._send(control.encode_fault(Fault.of(problem)))
            self.finish()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._cut_off.cancel()
        self._stop_watching()
        self._close_descriptors()
        for running, command in list(self._running.values()):
            if command.reads_only:
                running.cancel()
        if not self._requests:
            self._forget()

    def _forget(self) -> None:
        self._cut_off.cancel()
        self._stop_watching()
        self.server.forget(self)
        self.closed.callback(None)

    def finish(self) -> None:
        """Close after what is written has been read, or after some seconds."""
        if not self._closing:
            self._closing = True
            self._requests.clear()
            self._stop_watching()
            self._cut_off.start(self.server.close_seconds)
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def _abort(self) -> None:
        self.transport.abortConnection()

    def dataReceived(self, data: bytes) -> None:
        if self._closing:
            return
        try:
            self._requests.extend(self._lines.feed(data))
        except LineTooLong as fault:
            self._requests.append(fault)
        if self._requests:
            self.transport.pauseProducing()
            self.server.turns.ready(self)

    def take_next(self) -> bool:
        """Take the next request, also of a client that is gone meanwhile; return whether there are more."""
        if self._requests:
            line = self._requests.popleft()
            if isinstance(line, LineTooLong):
                self._send(control.encode_fault(line))
                self.finish()
            else:
                self._take(line)
        if self._requests:
            return True
        if self.connected:
            self.transport.resumeProducing()
        elif not self.closed.called:
            self._forget()
        return False

    def fileDescriptorReceived(self, descriptor: int) -> None:
        """Keep a descriptor for the request that it came with."""
        if len(self._descriptors) < MAX_DESCRIPTORS:
            self._descriptors.append(descriptor)
        else:
            os.close(descriptor)

    def _close_descriptors(self) -> None:
        while self._descriptors:
            os.close(self._descriptors.pop())

    # -- requests ------------------------------------------------------------------------------------------------

    def _take(self, line: bytes) -> None:
        try:
            request = control.decode_request(line)
            command, params = self._understand(request)
        except Fault as fault:
            self._close_descriptors()  # or a later request would get the file of this one
            self._send(control.encode_fault(fault))
            return
        self._started += 1
        number = self._started
        running = Deferred.fromCoroutine(self._serve(request, command, params))
        if not running.called:
            self._running[number] = (running, command)
            running.addBoth(lambda _: self._running.pop(number))

    def _understand(self, request: Request) -> tuple[Command, dict[str, Any]]:
        identity = None if request.id is msgspec.UNSET else request.id
        command = METHODS.get(request.method)
        if command is None:
            raise Fault(control.METHOD_UNKNOWN, UsageError(
                "the control socket has no such method",
                remedy="whisperd-protocol(7), CONTROL METHODS, lists them. Check that the daemon is as new as "
                "whisperctl."), identity)
        if command.right not in self.rights:
            self.server.audit.record(command.method, self.peer.uid, PermissionRefused.code)
            raise Fault.of(PermissionRefused(f"this user may only read, and {command.method} is for administrators",
                                             remedy="Join the group named in control.admin_group."), identity)
        try:
            params = command.bind(request.params)
        except UsageError as error:
            raise Fault(control.INVALID_PARAMS, error, identity) from None
        if len(self._running) >= MAX_OUTSTANDING:
            raise Fault.of(UsageError(f"this connection has more than {MAX_OUTSTANDING} open requests",
                                      remedy="Wait for answers before you send more."), identity)
        if command.file:
            if not self._descriptors:
                raise Fault(control.INVALID_PARAMS, UsageError(
                    f"{command.method} needs the file's descriptor with the request",
                    remedy="Send the descriptor as SCM_RIGHTS. See whisperd-protocol(7), CONTROL."), identity)
            params["file"] = self._descriptors.pop(0)
        return command, params

    async def _serve(self, request: Request, command: Command, params: dict[str, Any]) -> None:
        identity = None if request.id is msgspec.UNSET else request.id
        outcome = DONE
        try:
            for name in command.conversations:
                params[name] = self.server.api.conversation(params[name]) if params[name] else ""
            result: Answer
            if command.method == SUBSCRIBE:
                result = self._watch(**params)
            elif command.method == FOLLOW:
                result = self._follow(**params)
            else:
                result = await self.server.api.method(command.method)(**params)
            line = _result_line(identity, result, pages=command.pages)
        except CancelledError:
            return
        except WhisperdError as error:
            outcome = error.code
            line = control.encode_fault(Fault.of(error, identity))
        except Exception as error:
            logs.unexpected(error)
            known = as_whisperd_error(error)
            outcome = known.code if known else WhisperdError.code
            line = control.encode_fault(Fault.of(known, identity) if known else
                                        Fault(control.INTERNAL_ERROR, WhisperdError(), identity))
        finally:
            if command.file:
                os.close(params["file"])
        if command.right == ADMIN:
            self.server.audit.record(command.method, self.peer.uid, outcome)
        if request.id is not msgspec.UNSET:
            self._send(line)

    # -- events --------------------------------------------------------------------------------------------------

    def _watch(self, chat: str) -> Subscribed:
        self._stop_watching()
        try:
            self._unsubscribe = self.server.bus.subscribe(self.tell, chat)
        except OverflowError:
            raise UsageError("too many clients are watching events", remedy="Close some of them.") from None
        return Subscribed(subscribed=True)

    def _follow(self, level: str, lines: int) -> FollowingLog:
        if self._following is not None:
            self._following.stop()
        self._following = Following(self, level, lines)
        self.server.reactor.callLater(0, self._following.start)  # behind the answer
        return FollowingLog(following=True)

    @property
    def uid(self) -> int:
        """The number of the client's user."""
        return self.peer.uid

    def in_reactor(self, call: Callable[[], None]) -> None:
        """Call in the thread of the reactor, soon."""
        self.server.reactor.callFromThread(call)

    @property
    def slow(self) -> bool:
        """Whether what was written waits for the client."""
        return self._slow

    def tell(self, event: control.Event) -> None:
        """Write one notification."""
        self._send(control.encode_event(event))

    def _stop_watching(self) -> None:
        if self._following is not None:
            self._following.stop()
            self._following = None
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    # -- writing -------------------------------------------------------------------------------------------------

    def _send(self, line: bytes) -> None:
        if self._slow:
            self._unsent += len(line)
            if self._unsent > MAX_UNSENT:
                self._stop_watching()
                self.transport.abortConnection()
                return
        self.transport.write(line)

    def pauseProducing(self) -> None:
        self._slow = True

    def resumeProducing(self) -> None:
        self._slow = False
        self._unsent = 0
        if self._following is not None:
            self._following.caught_up()

    def stopProducing(self) -> None:
        self._slow = True


def _result_line(identity: control.Id, result: Answer, *, pages: bool) -> bytes:
    """Return the answer's line; a list of a command that pages is cut to what one line holds."""
    while True:
        try:
            return control.encode_result(identity, result)
        except LineTooLong:
            if not pages or not isinstance(result, Sequence) or len(result) < 2:
                raise
            result = result[: len(result) // 2]

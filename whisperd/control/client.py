"""The blocking side of the control socket, for whisperctl and other programs. It needs no event loop."""

from __future__ import annotations

import socket
import struct
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Self

import msgspec

from whisperd.control import answers
from whisperd.control.commands import SUBSCRIBE
from whisperd.errors import DaemonUnreachable, MessageTooLarge, NotText, PermissionRefused, TimedOut
from whisperd.wire import control
from whisperd.wire.control import Event, Lines, Response

#: Seconds that a call may take, unless told otherwise.
CALL_SECONDS = 30.0
_CHUNK = 1 << 16


class Client:
    """One connection to a daemon. Use one per thread; ``close`` may be called from any.

    Raises DaemonUnreachable when nobody answers at ``path``, PermissionRefused when this user may not. With ``compare``
    an answer that no daemon of this version gives is DaemonUnreachable, too: what shows answers relies on their shape.
    """

    def __init__(self, path: str, *, compare: bool = False) -> None:
        self.path = path
        self._compare = compare
        self._socket = _connected(path)
        self._lines = Lines()
        self._heard: deque[Response | Event] = deque()
        self._events: deque[Event] = deque()
        self._calls = 0

    @property
    def pid(self) -> int:
        """The process that answers, 0 where this one cannot see it."""
        return int(struct.unpack("iII", self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def call(self, method: str, params: dict[str, Any] | None = None, *, timeout: float = CALL_SECONDS,
             file: int | None = None) -> Any:
        """Return the method's result; raises the WhisperdError that it ended with, or TimedOut.

        The descriptor ``file`` goes with the request.
        """
        deadline = time.monotonic() + timeout
        self._calls += 1
        self._write(_request(self._calls, method, params or {}), deadline, file)
        while True:
            heard = self._next(deadline)
            if not isinstance(heard, Response):
                self._events.append(heard)
            elif heard.error is not None:
                raise heard.error
            elif heard.id == self._calls:
                if self._compare and not answers.is_result(method, heard.result):
                    raise self._strange()
                return heard.result

    def subscribe(self, chat: str = "") -> None:
        """Ask for events, of one conversation only if it is named; from now on none is missed."""
        self.call(SUBSCRIBE, {"chat": chat} if chat else {})

    @property
    def behind(self) -> bool:
        """Whether events that have come already wait to be taken."""
        return bool(self._events or self._heard)

    def next_event(self, timeout: float | None = None) -> Event:
        """Return the next event that was asked for; raises TimedOut, and DaemonUnreachable when the daemon is gone."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._events:
            heard = self._next(deadline)
            if not isinstance(heard, Response):
                return heard
            if heard.error is not None:
                raise heard.error
        return self._events.popleft()

    def events(self, chat: str = "", *, timeout: float | None = None) -> Iterator[Event]:
        """Subscribe at once, and return the events one by one; TimedOut comes after ``timeout`` seconds altogether."""
        self.subscribe(chat)
        return self._follow(None if timeout is None else time.monotonic() + timeout)

    def wait_closed(self, timeout: float) -> None:
        """Return when the daemon has closed the connection; raises TimedOut."""
        with suppress(DaemonUnreachable):
            for _ in self._follow(time.monotonic() + timeout):
                pass

    def _follow(self, deadline: float | None) -> Iterator[Event]:
        while True:
            yield self.next_event(None if deadline is None else max(0.0, deadline - time.monotonic()))

    def close(self) -> None:
        """Close the connection; a thread that waits in it gets DaemonUnreachable."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _write(self, line: bytes, deadline: float, file: int | None) -> None:
        try:
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            if file is not None:
                line = line[socket.send_fds(self._socket, [line], [file]):]
            self._socket.sendall(line)
        except TimeoutError:
            raise TimedOut("the daemon does not read the requests") from None
        except OSError:
            pass  # the daemon has closed the connection: what it said before that tells why

    def _next(self, deadline: float | None) -> Response | Event:
        while not self._heard:
            try:
                lines = list(self._lines.feed(self._read(deadline)))
                self._heard.extend(control.decode_incoming(line) for line in lines)
                if self._compare and not all(
                        isinstance(heard, Response) or answers.is_event(heard) for heard in self._heard):
                    raise self._strange()
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, control.LineTooLong):
                raise DaemonUnreachable(f"the program that answers on {self.path} is not whisperd") from None
        return self._heard.popleft()

    def _strange(self) -> DaemonUnreachable:
        """Return the error for an answer that is none to what was asked."""
        error = DaemonUnreachable(f"the program that answers on {self.path} is not this version of whisperd",
                                  remedy="If whisperd was updated, restart the daemon. Otherwise name another socket "
                                         "with --socket or WHISPERD_SOCKET.")
        error.answers = True
        return error

    def _read(self, deadline: float | None) -> bytes:
        remaining = None if deadline is None else deadline - time.monotonic()
        if remaining is not None and remaining <= 0:
            raise TimedOut
        try:
            self._socket.settimeout(remaining)
            data = self._socket.recv(_CHUNK)
        except TimeoutError:
            raise TimedOut from None
        except OSError:
            data = b""
        if not data:
            raise DaemonUnreachable("the daemon closed the connection",
                                    remedy="Check whether it has stopped: 'whisperctl status'.")
        return data


def _request(number: int, method: str, params: dict[str, Any]) -> bytes:
    """Return the line of a call; raises NotText or MessageTooLarge for what no line can carry."""
    try:
        return control.encode_request(number, method, params)
    except UnicodeEncodeError:
        raise NotText from None
    except control.LineTooLong:
        most = f"{control.MAX_LINE:,} bytes"
        raise MessageTooLarge(f"it is longer than {most}, the maximum that the daemon accepts at once") from None


def _connected(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    # the kernel's own deadline: with settimeout() a full backlog would be refused at once instead of waited for
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(CALL_SECONDS), 0))
    try:
        connection.connect(path)
    except PermissionError:
        connection.close()
        raise PermissionRefused(f"this user may not open {path}") from None
    except (OSError, ValueError):  # ValueError: a path that the system cannot have
        connection.close()
        raise DaemonUnreachable(f"no daemon answers on {path}") from None
    return connection

"""Whose request is next: few in a turn of the reactor, so that no client of the control socket holds up the daemon.

A user who sends thousands of requests at once, over however many connections, waits for them; the relay, the
conversations and other users do not.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from whisperd.timers import Clock, OneShot

#: Maximum number of requests that are taken in one turn of the reactor.
MAX_REQUESTS = 4
#: While requests wait, everything else gets so many times the seconds that those of the last turn took.
REST = 4.0


class Client(Protocol):
    """A connection with requests."""

    @property
    def uid(self) -> int:
        """The number of its user."""

    def take_next(self) -> bool:
        """Take one request; return whether there are more."""


class Turns:
    """Takes the requests of all connections: users in turn, and the connections of each user in turn."""

    def __init__(self, reactor: Clock) -> None:
        self._reactor = reactor
        self._waiting: dict[int, deque[Client]] = {}
        self._left = MAX_REQUESTS
        self._timer = OneShot(reactor, self._turn)

    def ready(self, client: Client) -> None:
        """Take the requests of ``client``, which had none before: now, as far as this turn goes, and then later."""
        self._waiting.setdefault(client.uid, deque()).append(client)
        if self._left:
            self._work()

    def _turn(self) -> None:
        self._left = MAX_REQUESTS
        self._work()

    def _work(self) -> None:
        began = self._reactor.seconds()
        while self._left and self._waiting:
            self._left -= 1
            self._take(next(iter(self._waiting)))
        if self._waiting:
            self._timer.start(REST * (self._reactor.seconds() - began))
        elif self._left < MAX_REQUESTS and not self._timer:
            self._timer.start(0)

    def _take(self, uid: int) -> None:
        clients = self._waiting.pop(uid)
        client = clients.popleft()
        if client.take_next():
            clients.append(client)
        if clients:
            self._waiting[uid] = clients

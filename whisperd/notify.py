"""What the daemon tells the service manager that started it: ready, how it stands, alive, stopping. [sd_notify(3)]

Without NOTIFY_SOCKET nobody is told. Nothing that is told names an address.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from twisted.internet.task import LoopingCall

from whisperd.config import Config
from whisperd.control.events import EventBus
from whisperd.interfaces import ITor


class Announced(Protocol):
    """The daemon, as far as its service manager is told of it."""

    @property
    def config(self) -> Config: ...
    @property
    def bus(self) -> EventBus: ...
    @property
    def relay(self) -> object | None: ...
    @property
    def tor(self) -> ITor | None: ...


class ServiceManager:
    """The service manager of one daemon, as ``environment`` names it.

    Ready is told once: when the onion service is published, if there is one and ``daemon.ready`` is "onion",
    otherwise when the daemon has started. Alive is told twice in each period that the manager asks for.
    """

    def __init__(self, daemon: Announced, environment: Mapping[str, str]) -> None:
        self._daemon = daemon
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._period = _period(environment)
        self._ready = False
        self._alive = LoopingCall(self._tell, "WATCHDOG=1")
        self._unsubscribe: Callable[[], None] | None = None

    def started(self) -> None:
        """The listeners and the control socket are open."""
        if not self._address:
            return
        self._unsubscribe = self._daemon.bus.subscribe(self._happened)
        if self._period:
            self._alive.start(self._period / 2)
        tor = self._awaited_tor()
        if tor is None or tor.status()["onion"]["state"] == "up":
            self._tell_ready("listeners open")

    def stopping(self) -> None:
        """The daemon says goodbye."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        if self._alive.running:
            self._alive.stop()
        self._tell("STOPPING=1")

    def _awaited_tor(self) -> ITor | None:
        """Return the tor whose onion service is waited for, None if the listeners are enough."""
        config = self._daemon.config
        awaited = self._daemon.relay is not None and config.onion.enabled and config.daemon.ready == "onion"
        return self._daemon.tor if awaited else None

    def _happened(self, event: dict[str, Any]) -> None:
        if event["event"] == "tor-state":
            self._tell(f"STATUS=tor {event['state']}, {event['percent']} percent")
        elif event["event"] == "onion-state":
            if event["state"] == "up":
                self._tell_ready("onion service published")
            else:
                self._tell(f"STATUS=onion service {event['state']}")

    def _tell_ready(self, state: str) -> None:
        self._tell(f"STATUS={state}" if self._ready else f"READY=1\nSTATUS={state}")
        self._ready = True

    def _tell(self, words: str) -> None:
        """Send one datagram; a manager that does not listen is no reason to fail."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
        with suppress(OSError, ValueError), socket.socket(socket.AF_UNIX, kind) as datagram:
            datagram.sendto(words.encode(), address)


def _period(environment: Mapping[str, str]) -> float:
    """Return how often the manager wants to hear that this process lives, in seconds; 0: not at all."""
    words = environment.get("WATCHDOG_USEC", "")
    if not words.isdecimal() or environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    return int(words) / 1_000_000

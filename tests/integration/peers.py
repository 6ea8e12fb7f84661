"""Peers on real sockets: a relay on loopback that can be stopped and started, and people who write down events."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from whisperd.config import load
from whisperd.peer.handshake.suites import Suites
from whisperd.peer.persistence.entries import Retention
from whisperd.peer.persistence.ids import Given
from whisperd.peer.service import Network, PeerService, Storage, Surroundings, Tuning
from whisperd.plugin.identity import MemoryIdentity
from whisperd.plugin.registry import Registry
from whisperd.relay.service import RelayService
from whisperd.store.memory import MemoryStore
from whisperd.tor.dial.dialer import Dialer

#: Seconds; a dial through tor may have to be followed by two more, on a machine that is busy with other tests.
PATIENCE = 200.0


class Relay:
    """A relay that comes back on the port that it had."""

    def __init__(self) -> None:
        self.port = 0
        self.service: RelayService | None = None

    async def start(self, **changes: int) -> None:
        config = load(overrides={"relay.listen": [f"tcp:{self.port}:interface=127.0.0.1"],
                                 **{f"relay.{name}": value for name, value in changes.items()}})
        self.service = RelayService(config.relay, reactor=reactor)
        await self.service.listen()
        self.port = self.service.local_port or 0

    async def stop(self) -> None:
        if self.service is not None:
            await self.service.stop()
            self.service = None

    async def crash(self) -> None:
        """Vanish without a word, as a process that is killed does."""
        assert self.service is not None
        for _, factory in self.service._listeners:
            factory.abort()
        await self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class CountingDialer:
    """The real dialler, and how often it was asked; it keeps the protocols, so that a test can cut their sockets."""

    def __init__(self, *, loopback: bool, socks: str | None, changed: Callable[[], None]) -> None:
        self.calls = 0
        self.opened: list[Any] = []
        self._changed = changed
        self._dialer = Dialer(reactor, loopback=loopback, socks=socks)

    async def connect(self, *arguments: Any, **options: Any) -> Any:
        self.calls += 1
        protocol = await self._dialer.connect(*arguments, **options)
        self.opened.append(protocol)
        self._changed()
        return protocol

    def cut(self) -> None:
        """Cut the newest connection, as a network that fails does."""
        self.opened[-1].transport.abortConnection()


class Person:
    """A peer service and every event that it told."""

    def __init__(self, *, loopback: bool = True, socks: str | None = None, own_relay: Any = None, onions: Any = None,
                 store: Any = None, retention: Retention | None = None, given: Given | None = None,
                 tuning: Tuning | None = None, **settings: Any) -> None:
        self.dialer = CountingDialer(loopback=loopback, socks=socks, changed=self._look)
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._watchers: list[tuple[Callable[[], bool], Deferred[None]]] = []
        overrides = {"peer.loopback": loopback, **{f"peer.{name}": value for name, value in settings.items()}}
        values = load(overrides=overrides).peer
        suites = Suites(Registry.load(values.kex, values.ratchet), MemoryIdentity, os.urandom)
        storage = Storage(MemoryStore() if store is None else store, retention or Retention(), given or Given())
        self.service = PeerService(values, suites, Network(self.dialer, lambda: own_relay, onions), storage,
                                   Surroundings(reactor, reactor.seconds, self._emit), tuning)  # type: ignore[attr-defined]

    def _emit(self, name: str, **fields: Any) -> None:
        self.events.append((name, fields))
        self._look()

    def _look(self) -> None:
        for watcher in list(self._watchers):
            if watcher[0]():
                self._watchers.remove(watcher)
                watcher[1].callback(None)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for an event, or for a connection, after which ``holds``."""
        if not holds():
            waiting: Deferred[None] = Deferred()
            self._watchers.append((holds, waiting))
            await waiting.addTimeout(PATIENCE, reactor)  # type: ignore[arg-type]

    async def until_state(self, chat: str, state: str, reason: str = "") -> None:
        await self.until(lambda: self.states(chat)[-1:] != [] and self.states(chat)[-1][0] == state
                         and reason in ("", self.states(chat)[-1][1]))

    async def until_delivered(self, chat: str, message: int) -> None:
        await self.until(lambda: ("message-state", {"chat": chat, "id": message, "state": "delivered"}) in self.events)

    def states(self, chat: str) -> list[tuple[str, str]]:
        return [(fields["state"], fields["reason"]) for name, fields in self.events
                if name == "chat-state" and fields["chat"] == chat]

    async def until_contact(self, name: str, state: str) -> str:
        """Wait until a contact comes to this state; return the conversation that the event names."""
        await self.until(lambda: (name, state) in self.contact_states())
        return next(fields["chat"] for event, fields in reversed(self.events)
                    if event == "contact-state" and (fields["contact"], fields["state"]) == (name, state))

    def contact_states(self) -> list[tuple[str, str]]:
        return [(fields["contact"], fields["state"]) for name, fields in self.events if name == "contact-state"]

    def contact_errors(self) -> list[str]:
        return [fields["code"] for name, fields in self.events if name == "contact-error"]

    def errors(self) -> list[str]:
        return [fields["code"] for name, fields in self.events if name == "chat-error"]

    def heard(self, chat: str) -> list[str]:
        return [fields["text"] for name, fields in self.events
                if name == "chat-message" and fields["chat"] == chat and fields["direction"] == "in"]


class Scene(SimpleNamespace):
    """A relay and two people, Anna who invites and Ben who joins; ``await meet()`` connects them."""

    relay: Relay
    anna: Person
    ben: Person

    async def invite(self) -> str:
        made = await self.anna.service.invites.invite(relay=self.relay.url)
        self.annas = made["chat"]
        return made["link"]

    async def meet(self) -> None:
        self.link = await self.invite()
        self.bens = (await self.ben.service.invites.join(link=self.link))["chat"]
        await self.anna.until_state(self.annas, "connected")
        await self.ben.until_state(self.bens, "connected")


@asynccontextmanager
async def company(**settings: Any) -> AsyncIterator[Scene]:
    """A relay, and Anna and Ben with these settings, who have not met; whoever is put among ``others`` is stopped, too.

    ``relay="here"`` makes the relay the one that they invite to.
    """
    relay = Relay()
    await relay.start()
    if settings.get("relay") == "here":
        settings["relay"] = relay.url
    scene = Scene(relay=relay, anna=Person(**settings), ben=Person(**settings), others=[])
    try:
        yield scene
    finally:
        for person in (scene.anna, scene.ben, *scene.others):
            await person.service.stop()
        await relay.stop()

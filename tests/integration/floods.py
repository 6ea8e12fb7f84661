"""Many connections from one circuit to an onion service over which two people converse."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import DeferredList, ensureDeferred
from twisted.internet.protocol import Factory

from tests.integration.circuits import dialled
from tests.integration.peers import Person
from tests.relay.kit import OURS, RawClient
from whisperd.tor.dial.dialer import Dialer
from whisperd.tor.testnet import Testnet

reactor: Any = _reactor


class ConversationView:
    """Anna and Ben, who are connected; each over a tor and a circuit of their own."""

    def __init__(self, anna: Person, ben: Person, annas: str, bens: str) -> None:
        self._contacts, self._annas, self._bens = (anna, ben), annas, bens
        self._before = [person.errors() for person in self._contacts]  # the descriptor may have been on its way still
        self._said: list[str] = []

    async def goes_on(self) -> None:
        """Have Anna say five things; AssertionError unless Ben hears all of them once, and no link breaks."""
        anna, ben = self._contacts
        for _ in range(5):
            self._said.append(f"in the middle of it, {len(self._said)}")
            sent = await anna.service.messages.send(chat=self._annas, text=self._said[-1])
            await anna.until_delivered(self._annas, sent["id"])
        assert ben.heard(self._bens) == self._said
        assert [person.errors() for person in self._contacts] == self._before


@asynccontextmanager
async def conversation(testnet: Testnet, address: str) -> AsyncIterator[ConversationView]:
    """Two people who talk over the relay at ``address``, through the second and the third client."""
    anna = Person(loopback=False, socks=testnet.clients[1].socks, relay=f"http://{address}")
    ben = Person(loopback=False, socks=testnet.clients[2].socks)
    try:
        made = await anna.service.invites.invite()
        joined = await ben.service.invites.join(link=made["link"])
        await anna.until_state(made["chat"], "connected")
        await ben.until_state(joined["chat"], "connected")
        yield ConversationView(anna, ben, made["chat"], joined["chat"])
    finally:
        for person in (anna, ben):
            await person.service.stop()


class _Remembering(Dialer):
    """Knows with which isolation it last came through: ``dialled`` takes another one after each failure."""

    worked = ""

    async def connect(self, *arguments: Any, isolation: str = "", **options: Any) -> Any:
        connected = await super().connect(*arguments, isolation=isolation, **options)
        self.worked = isolation
        return connected


class Flood:
    """``clients``: connections over one circuit through the first client of the network, each asking for a WebSocket.
    """

    def __init__(self, testnet: Testnet, address: str) -> None:
        self.clients: list[RawClient] = []
        self._dialer = _Remembering(reactor, socks=testnet.clients[0].socks)
        self._address = address
        self._factory: Any = Factory.forProtocol(RawClient)
        self._factory.noisy = False

    async def pours(self, count: int) -> None:
        """Return when that many more have come, or have not; the first one comes in any case."""
        if not self.clients:
            self.clients = [await dialled(self._dialer, self._address, "flood")]
            count -= 1
        tries = [ensureDeferred(self._one()) for _ in range(count)]
        self.clients += [client for came, client in await DeferredList(tries, consumeErrors=True) if came]

    def answered(self, words: bytes) -> int:
        """Return how many have heard ``words`` first."""
        return sum(client.received.startswith(words) for client in self.clients)

    def stop(self) -> None:
        """End all of them."""
        for client in self.clients:
            client.transport.abortConnection()  # type: ignore[union-attr]

    async def _one(self) -> RawClient:
        client: RawClient = await self._dialer.connect(self._address, 80, self._factory, timeout=30,
                                                       isolation=self._dialer.worked)
        client.transport.write(OURS)  # type: ignore[call-arg,union-attr]
        return client

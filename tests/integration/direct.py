"""People with a tor each on the private network, whose conversations move to direct links."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet import reactor

from tests.integration.peers import Person, Relay
from whisperd.config import load
from whisperd.tor.dial.dialer import Dialer
from whisperd.tor.service import TorService


class Attached:
    """A daemon's half that talks to a tor which is there already: what the relay's or a person's daemon has of it."""

    def __init__(self, control: str) -> None:
        self.control = control
        config = load(overrides={"tor.mode": "attach", "tor.control": control, "onion.enabled": False})
        self.dialer = Dialer(reactor)
        self.service = TorService(config, reactor=reactor, dialer=self.dialer, emit=lambda *_, **__: None)

    async def publish(self, relay: Relay) -> str:
        """Publish the relay, and return its address when it can be found."""
        assert relay.service is not None
        self.service.publish(await relay.service.listen_for_onion())
        self.service.start()
        return f"http://{await self.service.address(timeout=60)}"


class DirectPerson(Person):
    """A person whose conversations get onion services of the tor behind ``control``."""

    def __init__(self, control: str, socks: str, **settings: Any) -> None:
        self.tor = Attached(control)
        self.socks = socks
        super().__init__(loopback=False, socks=socks, onions=self.tor.service.direct, **settings)
        self.tor.service.start()

    async def until_link(self, chat: str, link: str) -> None:
        await self.until(lambda: self.links(chat)[-1:] == [link])

    def links(self, chat: str) -> list[str]:
        return [fields["link"] for name, fields in self.events if name == "chat-link" and fields["chat"] == chat]

    def files(self, state: str) -> list[dict[str, Any]]:
        """Return the events of files that came to this state."""
        return [fields for name, fields in self.events if name == "file-state" and fields["state"] == state]

    def moved(self) -> list[int]:
        """Return how far files were, as it was told."""
        return [fields["moved"] for name, fields in self.events if name == "file-progress"]

    async def stop(self) -> None:
        await self.service.stop()
        await self.tor.service.stop()


class Pair(SimpleNamespace):
    """Anna who invites and Ben who joins; ``await meet(relays)`` connects them."""

    anna: DirectPerson
    ben: DirectPerson

    async def meet(self, *relays: str) -> None:
        made = await self.anna.service.invites.invite(relay=list(relays))
        self.annas = made["chat"]
        self.bens = (await self.ben.service.invites.join(link=made["link"]))["chat"]
        await self.anna.until_state(self.annas, "connected")
        await self.ben.until_state(self.bens, "connected")

    async def until_link(self, link: str) -> None:
        await self.anna.until_link(self.annas, link)
        await self.ben.until_link(self.bens, link)

    async def say(self, text: str) -> None:
        """Have both say it, and return when both have it."""
        to_ben = await self.anna.service.messages.send(chat=self.annas, text=text)
        to_anna = await self.ben.service.messages.send(chat=self.bens, text=text)
        await self.anna.until_delivered(self.annas, to_ben["id"])
        await self.ben.until_delivered(self.bens, to_anna["id"])

    def heard(self) -> tuple[list[str], list[str]]:
        return self.anna.heard(self.annas), self.ben.heard(self.bens)

    def states(self) -> tuple[list[str], list[str]]:
        return tuple([state for state, _ in person.states(chat)]  # type: ignore[return-value]
                     for person, chat in ((self.anna, self.annas), (self.ben, self.bens)))

    async def stop(self) -> None:
        for person in (self.anna, self.ben):
            await person.stop()

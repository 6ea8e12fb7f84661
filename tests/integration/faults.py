"""A conversation over an onion service, and everything that can happen to its tor: for tests and for 'make bench'.

A relay is published by a tor of its own, through a proxy on the control connection; two people talk over it through
two other tors. ``recover`` lets a fault strike while they talk, and returns how long it took, from when the world was
whole again, until the onion answered and until everything said had arrived, once and in order.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.task import deferLater

from tests.integration.peers import Person, Relay
from tests.tor.kit import CALLER, Events, OwnTor, SetClock
from tests.tor.proxy import PASS, ControlProxy
from whisperd.config import load
from whisperd.errors import DialFailed, TorControlUnreachable
from whisperd.tor.clock_jumps import Clocks
from whisperd.tor.control.attach import attach
from whisperd.tor.dial.dialer import Dialer
from whisperd.tor.service import TorService
from whisperd.tor.surroundings import TorSurroundings
from whisperd.tor.testnet import Testnet, status
from whisperd.tor.timing import TorTiming

reactor: Any = _reactor
#: Seconds between two checks.
CHECK_SECONDS = 0.05
#: Seconds after which waiting for anything has failed, whatever the machine is busy with.
PATIENCE = 180.0


async def until(holds: Callable[[], bool], what: str, within: float = PATIENCE) -> None:
    """Return when ``holds``; AssertionError that names ``what`` when it does not within so many seconds."""
    end = reactor.seconds() + within
    while not holds():
        assert reactor.seconds() < end, f"after {within:.0f} s: {what}"
        await deferLater(reactor, CHECK_SECONDS)


class Stage:
    """The tor of the relay (``tor``, attached to through ``proxy``), the relay, its TorService, and two people."""

    def __init__(self, folder: Path, testnet: Testnet, clock: SetClock | None = None, launch: bool = False,
                 timing: TorTiming | None = None) -> None:
        #: How long the TorService waits; it reads anew what a test has set here.
        self.timing = timing or TorTiming()
        self.launch = launch
        self.folder = folder
        self.testnet = testnet
        self.clock = clock
        self.published = 0.0
        self.relay = Relay()
        control = folder / "control"
        self.tor = OwnTor(reactor, folder / "tor", [*testnet.network_file.read_text().splitlines(),
                                                    f"ControlPort unix:{control}", "CookieAuthentication 1",
                                                    f"SocksPort unix:{folder}/socks ExtendedErrors"],
                          clock.environment if clock else None)
        self.proxy = ControlProxy(reactor, folder / "proxy", control)
        self.events = Events(reactor)
        values = {"tor.mode": "launch", "tor.network": str(testnet.network_file), "tor.data_dir": str(folder / "data"),
                  "control.socket": str(folder / "c")} if launch else {
                      "tor.mode": "attach", "tor.control": self.proxy.place}
        clocks = Clocks(lambda: time.time() + clock.offset) if clock else Clocks()
        self.service = TorService(load(None, values | {"onion.probe_interval": 0}), reactor=reactor,
                                  dialer=Dialer(reactor), emit=self.events.emit,
                                  around=TorSurroundings(clocks=clocks, timing=self.timing))
        self._dialer = Dialer(reactor, socks=testnet.clients[1].socks)
        self._contacts: list[tuple[Person, str]] = []
        self._said: list[list[str]] = [[], []]
        self._sent: list[tuple[Person, str, int]] = []

    async def begin(self) -> None:
        """Start all of it; ``published`` is how many seconds a fresh tor took from its start to an onion that
        answers."""
        await self.relay.start()
        assert self.relay.service
        began = reactor.seconds()
        if not self.launch:
            await self.tor.start()
        self.service.publish(await self.relay.service.listen_for_onion())
        self.service.start()
        self.address = await self.service.address(PATIENCE)
        await self.answers()
        self.published = reactor.seconds() - began
        await self._meet()

    async def _meet(self) -> None:
        url = f"http://{self.address}"
        anna = Person(loopback=False, socks=self.testnet.clients[1].socks, relay=url)
        ben = Person(loopback=False, socks=self.testnet.clients[2].socks)
        made = await anna.service.invites.invite()
        joined = await ben.service.invites.join(link=made["link"])
        self._contacts = [(anna, made["chat"]), (ben, joined["chat"])]
        for person, chat in self._contacts:
            await person.until_state(chat, "connected")

    async def end(self) -> None:
        """Stop all of it."""
        for person, _ in self._contacts:
            await person.service.stop()
        await self.service.stop()
        await self.relay.stop()
        await self.proxy.stop()
        await self.tor.kill()

    def launched(self) -> int:
        """Return the process of the tor that the daemon launched itself."""
        for child in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split():
            with suppress(OSError):
                files = map(os.readlink, Path(f"/proc/{child}/fd").iterdir())
                if any(file.startswith(f"{self.folder}/data/") for file in files):
                    return int(child)
        raise AssertionError("there is no launched tor")

    async def tor_says(self, command: str) -> str:
        """Ask the tor of the relay something over a control connection of the test's own."""
        control = await attach(f"unix:{self.proxy.target}", reactor=reactor)
        try:
            return await control.request(command)
        finally:
            control.abort()

    async def introductions(self) -> set[str]:
        """Return the circuits to introduction points on which the tor of the relay waits for strangers."""
        circuits = (await self.tor_says("GETINFO circuit-status")).splitlines()
        return {line.split()[0] for line in circuits if "HS_STATE=HSSI_ESTABLISHED" in line}

    async def say(self) -> None:
        """Have both say something."""
        for number, (person, chat) in enumerate(self._contacts):
            text = f"{number}: {len(self._said[number])}"
            self._said[number].append(text)
            sent = await person.service.messages.send(chat=chat, text=text)
            self._sent.append((person, chat, sent["id"]))

    def settled(self) -> bool:
        """Whether everything that was said has been acknowledged."""
        self._sent = [one for one in self._sent if (
            "message-state", {"chat": one[1], "id": one[2], "state": "delivered"}) not in one[0].events]
        return not self._sent

    def nothing_lost_nor_doubled(self) -> bool:
        """Whether each has heard what the other said, in order, and each of it once."""
        (anna, annas), (ben, bens) = self._contacts
        return [anna.heard(annas), ben.heard(bens)] == [self._said[1], self._said[0]]

    def is_up(self) -> bool:
        return bool(self.service.status()["onion"]["state"] == "up")

    async def answers(self) -> None:
        """Return when a stranger who dials the onion, over a new circuit each time, gets an answer from the relay."""
        end = reactor.seconds() + PATIENCE
        while True:
            assert reactor.seconds() < end, "the onion does not answer"
            try:
                caller = await self._dialer.connect(self.address, 80, CALLER, isolation=os.urandom(8).hex(), timeout=20)
            except DialFailed:
                await deferLater(reactor, 0.25)
                continue
            caller.ask(b"GET /health HTTP/1.1\r\nHost: relay\r\n\r\n").addErrback(lambda _: None)
            try:
                await until(lambda caller=caller: caller._heard.startswith(b"HTTP/1.1 200"), "no answer", 20)
                return
            except AssertionError:
                continue
            finally:
                caller.transport.abortConnection()


@asynccontextmanager
async def stage(folder: Path, testnet: Testnet, clock: SetClock | None = None,
                launch: bool = False, timing: TorTiming | None = None) -> AsyncIterator[Stage]:
    """A stage on which everything has begun; ``clock`` is that of the relay's tor and of the daemon beside it, and with
    ``launch`` the daemon launches that tor."""
    made = Stage(folder, testnet, clock, launch, timing)
    try:
        await made.begin()
        yield made
    finally:
        await made.end()


Strike = Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True)
class Recovery:
    """Seconds from when the world was whole again: until the onion answered, and until the conversation went on."""

    onion: float
    conversation: float


async def recover(scene: Stage, strike: Strike) -> Recovery:
    """Have a fault strike a conversation that works; AssertionError when anything of it was lost or doubled."""
    await scene.say()
    await until(scene.settled, "the conversation does not work before the fault")
    await scene.say()
    await strike(scene)
    whole = reactor.seconds()
    await scene.say()
    await until(scene.is_up, "the onion is not published again")
    await scene.answers()
    onion = reactor.seconds() - whole
    await until(scene.settled, "what was said has not arrived")
    conversation = reactor.seconds() - whole
    assert scene.nothing_lost_nor_doubled()
    return Recovery(onion, conversation)


@contextmanager
def in_haste(timing: TorTiming, **seconds: float) -> Iterator[None]:
    """Have a TorService wait so many seconds only, for as long as the block runs."""
    before = {name: getattr(timing, name) for name in seconds}
    vars(timing).update(seconds)
    try:
        yield
    finally:
        vars(timing).update(before)


# -- what can happen --------------------------------------------------------------------------------------------------


async def tor_killed(scene: Stage) -> None:
    """SIGKILL, and another process of the same tor."""
    lost = scene.events.next("tor-state", timeout=PATIENCE, state="lost")
    await scene.tor.kill()
    await lost
    await scene.say()
    await scene.tor.start()


def launched_tor_gets(number: int) -> Strike:
    """A signal for the tor that the daemon launched: it ends, or hangs and is ended, and another one is launched."""

    async def strike(scene: Stage) -> None:
        lost = scene.events.next("tor-state", timeout=PATIENCE, state="lost")
        os.kill(scene.launched(), number)
        await scene.say()
        await lost

    return strike


def tor_stopped(seconds: float) -> Strike:
    """SIGSTOP, and SIGCONT so many seconds later."""

    async def strike(scene: Stage) -> None:
        scene.tor.signal(signal.SIGSTOP)
        await scene.say()
        await deferLater(reactor, seconds)
        scene.tor.signal(signal.SIGCONT)

    return strike


async def control_cut(scene: Stage) -> None:
    """The control connection ends, and tor goes on."""
    lost = scene.events.next("tor-state", timeout=PATIENCE, state="lost")
    scene.proxy.cut()
    await lost


def cut_at_each_command(way: str, done: list[str]) -> Strike:
    """The control connection is cut at its first command, the next one at its second, and so on until one lived
    through two signs of life of a tor that has taken everything; ``done`` is told at which commands."""

    async def strike(scene: Stage) -> None:
        first = scene.proxy.connections

        def judge(line: str, connection: int, number: int) -> str:
            if number != connection - first or finished():
                return PASS
            done.append(line)
            return way

        def finished() -> bool:
            return done[-2:] == ["GETINFO onions/current"] * 2

        scene.proxy.judge = judge
        scene.proxy.cut()
        await until(finished, f"cut at {len(done)} commands only")

    return strike


def cut_at_verb(way: str, verb: str, ask: Callable[[TorService], Awaitable[object]]) -> Strike:
    """The control connection is cut once at a command that ``ask`` has the daemon send."""

    async def strike(scene: Stage) -> None:
        cuts: list[str] = []

        def judge(line: str, connection: int, number: int) -> str:
            if line.partition(" ")[0] != verb or cuts:
                return PASS
            cuts.append(line)
            return way

        scene.proxy.judge = judge
        lost = scene.events.next("tor-state", timeout=PATIENCE, state="lost")
        with suppress(TorControlUnreachable):
            await ask(scene.service)
        await lost
        assert cuts

    return strike


def clock_ahead(seconds: int) -> Strike:
    """The clock of the relay's machine is set so far ahead of the right time, and stays there. Tor gives up every
    circuit when it sees that; a dial that meets it on the way waits at a rendezvous to which nobody comes."""

    async def strike(scene: Stage) -> None:
        assert scene.clock
        before = await scene.introductions()
        scene.clock.jump(seconds)
        end = reactor.seconds() + PATIENCE
        while not await scene.introductions() - before:
            assert reactor.seconds() < end, "tor has no other circuit to an introduction point"
            await deferLater(reactor, CHECK_SECONDS)

    return strike


async def directories_refusing(scene: Stage) -> None:
    """Every directory refuses the descriptor, as tor tells it, until that is complained of."""
    scene.proxy.edit = lambda said: said.replace(b"HS_DESC UPLOADED", b"HS_DESC FAILED")
    again = scene.events.next("onion-state", timeout=PATIENCE, state="publishing")
    await scene.service.republish()
    await again
    for _ in range(2):
        again = scene.events.next("onion-state", timeout=PATIENCE, state="publishing")
        await again
    assert scene.service.status()["error"]["code"] == "onion-not-published"
    scene.proxy.edit = bytes


def tor_refusing(times: int) -> Strike:
    """Tor is there, and refuses to add the onion service so many times."""

    async def strike(scene: Stage) -> None:
        refused: list[str] = []

        def judge(line: str, connection: int, number: int) -> str:
            if line.startswith("ADD_ONION") and len(refused) < times:
                refused.append(line)
                return "551 Failed to add Onion Service"
            return PASS

        scene.proxy.judge = judge
        scene.proxy.cut()
        await until(lambda: len(refused) == times, "tor was not asked so often")

    return strike


def nodes_away(prefixes: tuple[str, ...], seconds: float, republish: bool) -> Strike:
    """The nodes of the network whose names begin so are stopped for so many seconds, and go on."""

    async def strike(scene: Stage) -> None:
        nodes = status(scene.testnet.directory).nodes
        pids = [node.pid for node in nodes if node.name.startswith(prefixes) and node.pid]
        assert pids
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            if republish:
                await scene.service.republish()
            await scene.say()
            await deferLater(reactor, seconds)
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    return strike


def authorities_away(seconds: float) -> Strike:
    """The directory authorities are stopped while the onion is published anew."""
    return nodes_away(("authority",), seconds, republish=True)


def network_away(seconds: float) -> Strike:
    """Every relay and authority is stopped."""
    return nodes_away(("authority", "relay"), seconds, republish=False)


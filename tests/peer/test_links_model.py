"""Two whole sides without a network: texts arrive once and in order over links that die at any time, noticed or not."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from tests.peer.support import conversation, terms
from whisperd.peer.conversation.driver import Driver, DriverListener
from whisperd.peer.links.direct_core import PATIENCE
from whisperd.peer.links.link import LinkOwner, Verdict
from whisperd.peer.links.multipath import Multipath
from whisperd.peer.links.paths import ONION, RELAY

EXPIRES = 10_000_000.0


class End:
    """One side's link: what happens to it waits until the test has it noticed. ``told`` is in the order of events."""

    def __init__(self, way: Way, side: int) -> None:
        self.name = RELAY
        self.seated = True
        self.told: deque[tuple[str, Any]] = deque()
        self.owner: LinkOwner | None = None
        self.way = way
        self.side = side
        self.adopted = 0

    def start(self, owner: LinkOwner) -> None:
        self.owner = owner
        self.way.came(self)

    def stop(self, leave: bool = True) -> Deferred[None]:
        self.owner = None
        self.way.went(self)
        return succeed(None)

    def send(self, frame: bytes) -> None:
        self.way.carry(self, frame)

    def rejoin(self, delay: float) -> None:
        raise AssertionError("no handshake fails here")

    def woke(self) -> None:
        raise AssertionError("nobody sleeps here")

    def notice(self) -> None:
        """Report what happened first."""
        kind, what = self.told.popleft()
        if self.owner is None:
            return
        if kind == "up":
            self.owner.link_up(self)
        elif kind == "down":
            self.owner.link_down(self, "link-lost")
        else:
            connection, frame = what
            verdict = self.owner.frame_received(self, frame)
            self.act(self.owner, connection, verdict)
            verdict.proceed()

    def act(self, owner: LinkOwner, connection: int, verdict: Verdict) -> None:
        """Act on what a frame of a connection showed."""


class Door(End):
    """One that takes connections: it reports no beginning, and only the end of a connection that was proven."""

    def act(self, owner: LinkOwner, connection: int, verdict: Verdict) -> None:
        if verdict.theirs and connection != self.adopted:
            self.adopted = connection
            owner.link_up(self)

    def notice(self) -> None:
        if self.told[0][0] == "up" or (self.told[0][0] == "down" and self.told[0][1] != self.adopted):
            self.told.popleft()
        else:
            super().notice()


class Way:
    """What is between two ends; ``alive`` says whether anything gets through."""

    def __init__(self) -> None:
        self.alive = True
        self.ends: dict[int, End] = {}
        self.connection = 0
        self.open = False

    def came(self, end: End) -> None:
        self.ends[end.side] = end
        self.look()

    def went(self, end: End) -> None:
        if self.ends.get(end.side) is end:
            del self.ends[end.side]
        self.look()

    def set(self, alive: bool) -> None:
        self.alive = alive
        self.look()

    def look(self) -> None:
        works = self.alive and len(self.ends) == 2
        if works != self.open:
            self.open = works
            self.connection += works
            for end in self.ends.values():
                if not works:
                    end.told = deque(each for each in end.told if each[0] != "frame")
                end.told.append(("up" if works else "down", self.connection))

    def carry(self, end: End, frame: bytes) -> None:
        if self.open:
            self.ends[1 - end.side].told.append(("frame", (self.connection, frame)))


class Side:
    """A conversation on its links, and what was heard."""

    def __init__(self, number: int, clock: Clock, relays: list[Way]) -> None:
        self.heard: list[str] = []
        self.said: list[str] = []
        self.states: dict[int, str] = {}
        core = conversation("c1", terms(f"side {number}"), inviter=number == 0, expires=EXPIRES, max_queue=1000)
        self.links = Multipath([self.maker(way, number) for way in relays], kinds=(ONION, RELAY), reactor=clock)
        self.driver = Driver(core, self.links, clock, DriverListener(self.emit))
        self.clock = clock

    @staticmethod
    def maker(way: Way, number: int, kind: type[End] = End) -> Callable[[], End]:
        return lambda: kind(way, number)

    def emit(self, name: str, **fields: Any) -> None:
        if name == "chat-message" and fields["direction"] == "in":
            self.heard.append(fields["text"])
        if name == "message-state":
            self.states[fields["id"]] = fields["state"]

    def say(self, text: str) -> None:
        self.said.append(text)
        self.driver.send(text)


class DyingLinks(RuleBasedStateMachine):
    @initialize(relays=st.integers(1, 3))
    def begin(self, relays: int) -> None:
        self.clock = Clock()
        self.ways = [Way() for _ in range(relays)]
        self.sides = [Side(number, self.clock, self.ways[:]) for number in (0, 1)]
        for side in self.sides:
            side.driver.start()
        self.settle()
        assert [side.driver.state for side in self.sides] == ["connected"] * 2
        self.direct: list[Way] = []

    @rule()
    def direct_links_come(self) -> None:
        if self.direct:
            return
        self.direct = [Way(), Way()]  # to the inviter's service, and to the joiner's
        for number, side in enumerate(self.sides):
            own, other = self.direct[number], self.direct[1 - number]
            side.links.add("in", ONION, number, Side.maker(own, number, Door), passive=True)
            side.links.add("out", ONION, 1 - number, Side.maker(other, number), patience=0.0 if number else PATIENCE)
        self.ways += self.direct

    @rule(side=st.integers(0, 1), count=st.integers(1, 3))
    def say(self, side: int, count: int) -> None:
        for _ in range(count):
            self.sides[side].say(f"{side}.{len(self.sides[side].said)}")

    @rule(way=st.integers(0, 4), alive=st.booleans())
    def live_or_die(self, way: int, alive: bool) -> None:
        self.ways[way % len(self.ways)].set(alive)

    @rule(way=st.integers(0, 4), side=st.integers(0, 1), count=st.integers(1, 6))
    def notice(self, way: int, side: int, count: int) -> None:
        for _ in range(count):
            end = self.ways[way % len(self.ways)].ends.get(side)
            if end is not None and end.told:
                end.notice()

    @rule()
    def settle(self) -> None:
        """Have everything noticed, in turns, until nothing is under way."""
        for _ in range(5_000):
            ends = [end for way in self.ways for end in list(way.ends.values()) if end.told]
            if not ends:
                return
            for end in ends:
                if end.told:
                    end.notice()
        raise AssertionError("the two sides never come to rest")

    @rule(seconds=st.sampled_from([1.0, 10.0, 30.0]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @invariant()
    def what_is_heard_is_the_beginning_of_what_was_said(self) -> None:
        if hasattr(self, "sides"):
            for side, other in (self.sides, reversed(self.sides)):
                assert side.heard == other.said[:len(side.heard)]

    def teardown(self) -> None:
        """When the links live again, everything arrives, and both sides are on the best one."""
        if not hasattr(self, "sides"):
            return
        for way in self.ways:
            way.set(True)
        for _ in range(40):
            self.settle()
            self.clock.advance(30)
        self.settle()
        for side, other in (self.sides, reversed(self.sides)):
            assert side.heard == other.said
            assert set(other.states.values()) <= {"delivered"}
            assert side.links.name == (ONION if self.direct else RELAY)


TestDyingLinks = DyingLinks.TestCase
TestDyingLinks.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

"""Direct links on real sockets, with a clock that the test turns: strangers at the door, and streams that die."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.task import Clock

from tests.peer.support import seeded
from tests.peer.test_relay_link import GOOD, Notes, Owner
from tests.tor.kit import CALLER
from tests.waiting import eventually
from whisperd.errors import DialFailed, DialRefused
from whisperd.peer.links.context import LinkContext, LinkTiming
from whisperd.peer.links.onion import MAX_STRANGERS, OnionDoor, OnionLink
from whisperd.peer.links.onion_stream import MAX_UNPROVEN
from whisperd.wire.direct import PING, record

TIMING = LinkTiming()
in_the_reactor = pytest_twisted.ensureDeferred


class Hands(Clock):
    """The clock of the test, and the real reactor's sockets."""

    def listenTCP(self, *arguments: Any, **options: Any) -> Any:
        return reactor.listenTCP(*arguments, **options)


class Bench:
    """A door, a link that goes there through a dialer which may fail, and one list of notes for each."""

    def __init__(self) -> None:
        self.clock = Hands()
        self.inside, self.outside = Notes(), Notes()
        context = LinkContext(self.clock, self, seeded("link"), TIMING)
        self.door = OnionDoor(context)
        self.owner = Owner(self.inside)
        self.door.start(self.owner)
        self.link = OnionLink("x.onion", context)
        self.fault: Exception | None = None
        self.dialled = 0
        self.isolations: list[str] = []
        self.patience: list[float] = []

    async def connect(self, host: str, port: int, factory: Any, *, isolation: str = "", direct: bool = False,
                      timeout: float = 60.0) -> Any:
        self.dialled += 1
        self.outside.add("dialled")
        self.isolations.append(isolation)
        self.patience.append(timeout)
        assert (host, port) == ("x.onion", 80) and len(isolation) == 32
        if self.fault is not None:
            raise self.fault
        return await TCP4ClientEndpoint(reactor, "127.0.0.1", self.door.port).connect(factory)

    async def stranger(self) -> Any:
        return await TCP4ClientEndpoint(reactor, "127.0.0.1", self.door.port).connect(CALLER)

    async def meet(self) -> None:
        """Have both sides prove themselves."""
        self.link.start(Owner(self.outside))
        await self.outside.until_there_is("up")
        self.link.send(GOOD)
        await self.inside.until_there_is("frame", GOOD)
        self.door.send(GOOD)
        await self.outside.until_there_is("frame", GOOD)


async def until_it_pauses(bench: Bench) -> None:
    """Return when the link waits for the time of its next attempt."""
    await eventually(lambda: bench.link._reconnecting.pausing)


@pytest_twisted.async_yield_fixture
async def bench():
    made = Bench()
    yield made
    stopping = [made.link.stop(), made.door.stop()]
    made.clock.advance(TIMING.wake)
    for one in stopping:
        await one


@in_the_reactor
async def test_frames_flow_both_ways_once_both_are_proven(bench):
    await bench.meet()
    for number in range(5):
        bench.link.send(b"%d" % number * 30_000)
        bench.door.send(b"%d" % number * 30_000)
        await bench.inside.until_there_is("frame", b"%d" % number * 30_000)
        await bench.outside.until_there_is("frame", b"%d" % number * 30_000)
    assert bench.inside.all[:2] == [("up",), ("frame", GOOD)], "an answer goes over the stream that was just proven"


@in_the_reactor
async def test_an_answer_goes_over_the_stream_that_its_frame_has_proven_and_to_nobody_else(bench):
    bench.owner.answers = True
    stranger, other = await bench.stranger(), await bench.stranger()
    nothing = stranger.ask(record(b"\2 bad"))
    await bench.inside.until_there_is("frame", b"\2 bad")
    assert await other.ask(record(GOOD)) == record(GOOD)
    assert not nothing.called
    for one in (stranger, other):
        one.transport.abortConnection()
        await one.lost


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", b"\3\0\0", record(b"\2 bad") * (MAX_UNPROVEN + 1),
                                  PING * (MAX_UNPROVEN + 1)])
@in_the_reactor
async def test_whoever_does_not_prove_themselves_gets_no_byte_and_is_cut_off(bench, said):
    stranger = await bench.stranger()
    answer = stranger.ask(said)
    await stranger.lost
    assert not answer.called and ("up",) not in bench.inside.all


@in_the_reactor
async def test_whoever_says_nothing_is_cut_off_in_time(bench):
    stranger = await bench.stranger()
    stranger.transport.write(record(b"\2 bad"))
    await bench.inside.until_there_is("frame", b"\2 bad")
    bench.clock.advance(TIMING.proof)
    await stranger.lost


@in_the_reactor
async def test_strangers_are_few_and_keep_nobody_out_who_is_proven(bench):
    await bench.meet()
    strangers = [await bench.stranger() for _ in range(MAX_STRANGERS)]
    for stranger in strangers:
        stranger.transport.write(record(b"\2 bad"))
    await bench.inside.until(lambda: bench.inside.all.count(("frame", b"\2 bad")) == MAX_STRANGERS)
    late = await bench.stranger()
    await late.lost
    bench.link.send(b"\2 still here")
    await bench.inside.until_there_is("frame", b"\2 still here")
    for stranger in strangers:
        stranger.transport.abortConnection()
        await stranger.lost


@in_the_reactor
async def test_a_later_stream_that_is_proven_takes_the_place_of_the_one_before(bench):
    await bench.meet()
    again = await bench.stranger()
    again.transport.write(record(GOOD + b" again"))
    await bench.inside.until_there_is("frame", GOOD + b" again")
    await bench.outside.until_there_is("down", "link-lost")
    assert bench.inside.all.count(("up",)) == 2 and ("down", "link-lost") not in bench.inside.all
    bench.door.send(b"\2 to the new one")
    again.transport.abortConnection()
    await bench.inside.until_there_is("down", "link-lost")


@in_the_reactor
async def test_a_stream_on_which_nothing_answers_dies_and_is_dialled_anew(bench):
    await bench.meet()
    stream = bench.door._stream
    stream.dataReceived = lambda data: None  # the other side's tor hangs
    for _ in range(3):
        bench.clock.advance(TIMING.ping)
    await bench.outside.until_there_is("down", "link-lost")
    await bench.inside.until_there_is("down", "link-lost")
    await until_it_pauses(bench)
    bench.clock.advance(1.0)
    await bench.outside.until(lambda: bench.dialled == 2)


@in_the_reactor
async def test_after_sleep_a_stream_has_ten_seconds_to_show_that_it_lives(bench):
    await bench.meet()
    bench.link.woke()
    bench.door.woke()
    bench.link.send(b"\2 behind the ping")
    bench.door.send(b"\2 behind the ping")
    await bench.inside.until_there_is("frame", b"\2 behind the ping")
    await bench.outside.until_there_is("frame", b"\2 behind the ping")
    bench.clock.advance(TIMING.wake)
    assert ("down", "link-lost") not in bench.outside.all
    bench.door._stream.dataReceived = lambda data: None
    bench.link.woke()
    bench.clock.advance(TIMING.wake)
    bench.clock.advance(TIMING.wake)
    await bench.outside.until_there_is("down", "link-lost")


@in_the_reactor
async def test_an_onion_that_cannot_be_reached_is_tried_ever_more_rarely_without_a_word(bench):
    bench.fault = DialFailed()
    bench.link.start(Owner(bench.outside))
    for attempt in range(1, 10):
        await bench.outside.until(lambda attempt=attempt: bench.dialled == attempt)
        bench.clock.advance(TIMING.max_pause)
    assert set(bench.outside.all) == {("dialled",)}


@in_the_reactor
async def test_every_link_goes_over_circuits_of_its_own_and_over_others_after_an_attempt_that_failed(bench):
    bench.fault = DialFailed()
    context = LinkContext(bench.clock, bench, seeded("links"))
    links = [OnionLink("x.onion", context) for _ in range(3)]
    for link in links:
        link.start(Owner(bench.outside))
    for attempt in (2, 3):
        bench.clock.advance(TIMING.max_pause)
        await bench.outside.until(lambda attempt=attempt: bench.dialled == 3 * attempt)
    assert len(set(bench.isolations)) == 9
    for link in links:
        await link.stop()


@in_the_reactor
async def test_an_attempt_has_more_time_after_each_that_failed_and_circuits_that_worked_are_kept(bench):
    bench.fault = DialFailed()
    bench.link.start(Owner(bench.outside))
    for attempt in range(2, 5):
        bench.clock.advance(TIMING.max_pause)
        await bench.outside.until(lambda attempt=attempt: bench.dialled == attempt)
    bench.fault = None
    bench.clock.advance(TIMING.max_pause)
    await bench.outside.until_there_is("up")
    bench.link._stream.drop()
    await bench.outside.until_there_is("down", "link-lost")
    await until_it_pauses(bench)
    bench.clock.advance(TIMING.max_pause)
    await bench.outside.until(lambda: bench.dialled == 6)
    assert bench.patience == [20, 40, 60, 60, 60, 20]
    assert len(set(bench.isolations)) == 5 and bench.isolations[4] == bench.isolations[5]


@in_the_reactor
async def test_an_address_that_may_not_be_dialled_is_given_up(bench):
    bench.fault = DialRefused()
    bench.link.start(Owner(bench.outside))
    await bench.outside.until_there_is("failed", "dial-refused")
    bench.clock.advance(TIMING.max_pause)
    assert bench.dialled == 1

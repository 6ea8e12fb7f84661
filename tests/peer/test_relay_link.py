"""The relay link against relays that misbehave, on real sockets, with a clock that the test turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import pytest_twisted
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock

from tests.peer.support import seeded
from tests.waiting import eventually
from whisperd.config import load
from whisperd.errors import DialFailed, DialRefused, TorUnavailable, WhisperdError
from whisperd.peer.conversation.channel import WINDOW
from whisperd.peer.links.context import LinkContext, LinkTiming
from whisperd.peer.links.link import Link, Verdict
from whisperd.peer.links.relay import IDLE, NEEDED_FRAME, STOPPED, TABLE, RelayLink, RelayRoom
from whisperd.peer.links.relay_socket import MAX_MESSAGE
from whisperd.timers import CHECK_SECONDS, SleepDetector

#: How a frame begins that only the other side can have sent.
GOOD = b"\2 good"
TIMING = LinkTiming()
LIMITS = {"frame": 65_536, "expiry": 600}
in_the_reactor = pytest_twisted.ensureDeferred


class Notes:
    """What came in, in order; ``await until(...)`` waits for more."""

    def __init__(self) -> None:
        self.all: list[Any] = []
        self._waiting: list[tuple[Callable[[], bool], Deferred[None]]] = []

    def add(self, *note: Any) -> None:
        self.all.append(note)
        for watcher in list(self._waiting):
            if watcher[0]():
                self._waiting.remove(watcher)
                watcher[1].callback(None)

    async def until(self, holds: Callable[[], bool]) -> None:
        if not holds():
            waiting: Deferred[None] = Deferred()
            self._waiting.append((holds, waiting))
            await waiting.addTimeout(60, reactor)  # type: ignore[arg-type]

    async def until_there_is(self, *note: Any) -> None:
        await self.until(lambda: note in self.all)


class Owner:
    """A LinkOwner that writes down what it is told, and takes frames that begin well for the other side's."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        #: Whether it sends every frame back.
        self.answers = False

    def link_up(self, link: Link) -> None:
        self._notes.add("up")

    def link_down(self, link: Link, reason: str) -> None:
        self._notes.add("down", reason)

    def link_troubled(self, link: Link, error: WhisperdError) -> None:
        self._notes.add("troubled", error.code)

    def link_failed(self, link: Link, error: WhisperdError) -> None:
        self._notes.add("failed", error.code)

    def frame_received(self, link: Link, frame: bytes) -> Verdict:
        def proceed() -> None:
            self._notes.add("frame", frame)
            if self.answers:
                link.send(frame)

        return Verdict(theirs=frame.startswith(GOOD), proceed=proceed)


class ScriptedRelay(WebSocketServerProtocol):
    """A relay that answers a join with what the test says, and writes down what it gets."""

    factory: Any

    def onConnect(self, request: Any) -> str | None:
        return self.factory.subprotocol

    def onOpen(self) -> None:
        self.factory.open.append(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if isBinary:
            self.factory.notes.add("relayed", payload)
            return
        frame = msgspec.json.decode(payload)
        self.factory.notes.add("asked", frame["type"])
        if frame["type"] == "join":
            self.factory.joins.append(frame)
            for answer in self.factory.answers:
                self.say(answer)

    def say(self, answer: Any) -> None:
        if isinstance(answer, bytes):
            self.sendMessage(answer, isBinary=True)
        else:
            text = answer if isinstance(answer, str) else msgspec.json.encode(answer).decode()
            self.sendMessage(text.encode())

    def onPing(self, payload: bytes) -> None:
        self.factory.notes.add("ping")
        if self.factory.answers_pings:
            self.sendPong(payload)

    def onClose(self, wasClean: bool, code: int, reason: str) -> None:
        self.factory.notes.add("closed")


JOINED = {"type": "joined", "seat": 0, "peer": True, "limits": LIMITS}
READY = {"type": "ready"}


class Bench:
    """A link, its clock, a scripted relay, and one list of notes."""

    def __init__(self, answers: list[Any]) -> None:
        self.notes = Notes()
        self.clock = Clock()
        self.dialled = 0
        self.fault: Exception | None = None
        self.relay: Any = WebSocketServerFactory()
        self.relay.protocol = ScriptedRelay
        self.relay.answers, self.relay.notes, self.relay.subprotocol = answers, self.notes, "whisperd.1"
        self.relay.open, self.relay.joins, self.relay.answers_pings = [], [], True
        self.link: Any = None

    async def start(self, factory: Any = None) -> None:
        self.port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory or self.relay)
        room = RelayRoom("127.0.0.1", self.port.getHost().port, bytes(32))
        self.link = RelayLink(room, LinkContext(self.clock, self, seeded("link"), TIMING))
        self.link.start(Owner(self.notes))

    async def connect(self, host: str, port: int, factory: Any, *, isolation: str = "", direct: bool = False,
                      timeout: float = 60.0) -> Any:
        from twisted.internet.endpoints import TCP4ClientEndpoint
        self.dialled += 1
        self.notes.add("dialled")
        if self.fault is not None:
            raise self.fault
        return await TCP4ClientEndpoint(reactor, host, port).connect(factory)

    async def stop(self) -> None:
        stopped = self.link.stop()
        for protocol in self.relay.open:
            protocol.transport.abortConnection()
        await stopped
        await self.port.stopListening()


@pytest_twisted.async_yield_fixture
async def bench():
    made = Bench([JOINED, READY])
    yield made
    await made.stop()


def test_the_url_of_a_room_has_an_ipv6_address_in_brackets():
    assert RelayRoom("::1", 80, bytes(32)).url == "ws://[::1]:80/"


@in_the_reactor
async def test_frames_flow_while_the_other_side_is_there(bench):
    await bench.start()
    await bench.notes.until_there_is("up")
    bench.link.send(b"out")
    await bench.notes.until_there_is("relayed", b"out")
    bench.relay.open[0].say(b"in")
    await bench.notes.until_there_is("frame", b"in")
    bench.relay.open[0].say({"type": "peer-left", "reason": "lost"})
    await bench.notes.until_there_is("down", "peer-lost")
    bench.link.send(b"dropped")
    bench.relay.open[0].say(b"ignored")
    bench.relay.open[0].say(READY)
    await bench.notes.until(lambda: bench.notes.all.count(("up",)) == 2)
    bench.link.send(b"last")
    await bench.notes.until_there_is("relayed", b"last")
    assert ("relayed", b"dropped") not in bench.notes.all and ("frame", b"ignored") not in bench.notes.all


@in_the_reactor
async def test_the_seat_is_taken_back_with_the_same_token(bench):
    await bench.start()
    await bench.notes.until_there_is("up")
    bench.relay.open[0].transport.abortConnection()
    await bench.notes.until_there_is("down", "relay-lost")
    await _pausing(bench)
    bench.clock.advance(0.5)
    await bench.notes.until(lambda: bench.notes.all.count(("up",)) == 2)
    assert bench.relay.joins[0] == bench.relay.joins[1]


@in_the_reactor
async def test_attempts_come_ever_more_rarely_and_never_end(bench):
    bench.fault = DialFailed()
    await bench.start()
    pauses = []
    for _ in range(12):
        (call,) = bench.clock.getDelayedCalls()
        pauses.append(call.getTime() - bench.clock.seconds())
        bench.clock.advance(pauses[-1])
    assert bench.dialled == 13 and 0.25 <= pauses[0] <= 0.5
    assert all(TIMING.max_pause / 2 <= pause <= TIMING.max_pause for pause in pauses[7:])
    assert len(set(pauses[7:])) > 1
    bench.fault = None
    bench.clock.advance(TIMING.max_pause)
    await bench.notes.until_there_is("up")


@pytest.mark.parametrize(("error", "told"), [(DialFailed(), "troubled"), (TorUnavailable(), "troubled"),
                                             (DialRefused(), "failed")])
@in_the_reactor
async def test_no_attempt_that_fails_is_the_last(bench, error, told):
    bench.fault = error
    await bench.start()
    assert (told, error.code) in bench.notes.all
    bench.clock.advance(TIMING.refused_pause)
    assert bench.dialled == 2


@pytest.mark.parametrize("answers", [
    [{"type": "error", "code": "room-full", "message": "", "fatal": True}],
    [{"type": "error", "code": "code-needed", "message": "", "fatal": True}],
    [{**JOINED, "limits": {"frame": NEEDED_FRAME - 1, "expiry": 1}}],
], ids=["room-full", "code-needed", "small limit"])
@in_the_reactor
async def test_a_relay_that_kept_this_side_out_is_asked_again_until_it_lets_it_in(answers):
    bench = Bench(answers)
    await bench.start()
    await bench.notes.until(lambda: any(note[0] == "failed" for note in bench.notes.all))
    assert not bench.link.seated
    bench.relay.answers = [JOINED, READY]
    await _pausing(bench)
    bench.clock.advance(TIMING.refused_pause)
    await bench.notes.until_there_is("up")
    await bench.stop()


@in_the_reactor
async def test_a_bug_in_an_attempt_is_not_the_end_of_the_link(bench):
    bench.fault = RuntimeError("a bug")
    await bench.start()
    assert ("troubled", "internal") in bench.notes.all
    bench.fault = None
    bench.clock.advance(TIMING.max_pause)
    await bench.notes.until_there_is("up")


@pytest.mark.parametrize(("answers", "told"), [
    ([{"type": "error", "code": "room-full", "message": "", "fatal": True}], ("failed", "room-full")),
    ([{**JOINED, "limits": {"frame": NEEDED_FRAME - 1, "expiry": 1}}], ("failed", "relay-refused")),
    ([{"type": "error", "code": "too-many-rooms", "message": "", "fatal": True}], ("troubled", "relay-refused")),
    ([{"type": "error", "code": "\x1b[2J", "message": "\x1b", "fatal": True}], ("troubled", "relay-refused")),
    ([JOINED, READY, {"type": "error", "code": "peer-absent", "message": "", "fatal": False}], ("down", "peer-lost")),
    ([JOINED, READY, {"type": "error", "code": "expired", "message": "", "fatal": True}], ("down", "room-expired")),
    ([JOINED, READY, {"type": "error", "code": "replaced", "message": "", "fatal": True}], ("down", "replaced")),
    ([JOINED, READY, {"type": "peer-left", "reason": "left"}], ("down", "peer-left")),
    ([JOINED, READY, {"type": "peer-left", "reason": "\x1b[2J"}], ("down", "peer-lost")),
    (["nonsense"], ("troubled", "relay-refused")),
    (["[" * 10_000], ("troubled", "relay-refused")),
    ([{"type": "novelty"}], ("troubled", "relay-refused")),
    ([{**JOINED, "seat": 7}], ("troubled", "relay-refused")),
    ([JOINED, READY, bytes(MAX_MESSAGE + 1)], ("down", "relay-lost")),
])
@in_the_reactor
async def test_whatever_a_relay_says_has_its_own_word(answers, told):
    bench = Bench(answers)
    await bench.start()
    await bench.notes.until_there_is(*told)
    await bench.stop()


@in_the_reactor
async def test_a_relay_may_ask_for_time_but_not_for_ever(bench):
    bench.relay.answers = [{"type": "error", "code": "too-many-rooms", "message": "", "fatal": True,
                            "retry_after": 10**9}]
    await bench.start()
    await bench.notes.until_there_is("troubled", "relay-refused")
    bench.relay.open[0].transport.abortConnection()
    await _pausing(bench)
    bench.clock.advance(149)
    assert bench.dialled == 1
    bench.clock.advance(151)
    assert bench.dialled == 2


async def _pausing(bench: Bench) -> None:
    """Wait until the link waits for its next attempt."""
    await eventually(lambda: bench.link._reconnecting.pausing)


@in_the_reactor
async def test_a_web_server_that_is_no_relay_is_trouble(bench):
    bench.relay.subprotocol = None
    await bench.start()
    await bench.notes.until_there_is("troubled", "relay-refused")


@in_the_reactor
async def test_a_server_that_never_answers_is_given_up_after_a_while(bench):
    class Silent(Protocol):
        def connectionMade(self) -> None:
            bench.notes.add("silent")

    await bench.start(Factory.forProtocol(Silent))
    await bench.notes.until_there_is("silent")
    await eventually(lambda: bench.link._socket is not None)
    bench.clock.advance(TIMING.seat)
    await bench.notes.until_there_is("troubled", "relay-refused")


@in_the_reactor
async def test_two_pings_without_an_answer_are_death(bench):
    bench.relay.answers_pings = False
    await bench.start()
    await bench.notes.until_there_is("up")
    for count in (1, 2):
        bench.clock.advance(TIMING.ping)
        await bench.notes.until(lambda count=count: bench.notes.all.count(("ping",)) == count)
    assert ("down", "relay-lost") not in bench.notes.all
    bench.clock.advance(TIMING.ping)
    await bench.notes.until_there_is("down", "relay-lost")


@in_the_reactor
async def test_pings_that_are_answered_keep_the_link(bench):
    await bench.start()
    await bench.notes.until_there_is("up")
    for count in range(1, 6):
        bench.clock.advance(TIMING.ping)
        await bench.notes.until(lambda count=count: bench.notes.all.count(("ping",)) == count)
        bench.relay.open[0].say(b"%d" % count)
        await bench.notes.until_there_is("frame", b"%d" % count)
    assert ("down", "relay-lost") not in bench.notes.all


@in_the_reactor
async def test_a_connection_that_died_while_the_machine_slept_is_dialled_anew_soon_after(bench):
    bench.relay.answers_pings = False
    await bench.start()
    await bench.notes.until_there_is("up")
    detector = SleepDetector(bench.clock, bench.link.woke)
    detector.start()
    bench.clock.advance(CHECK_SECONDS)
    assert ("ping",) not in bench.notes.all
    bench.clock.advance(8 * 3600)
    bench.clock.advance(TIMING.wake)
    await bench.notes.until_there_is("down", "relay-lost")
    await _pausing(bench)
    bench.clock.advance(1.0)
    await bench.notes.until(lambda: bench.dialled == 2)
    detector.stop()


@in_the_reactor
async def test_a_connection_that_outlived_the_sleep_is_kept(bench):
    await bench.start()
    await bench.notes.until_there_is("up")
    bench.link.woke()
    await bench.notes.until_there_is("ping")
    bench.relay.open[0].say(b"behind the pong")
    await bench.notes.until_there_is("frame", b"behind the pong")
    bench.clock.advance(TIMING.wake)
    assert ("down", "relay-lost") not in bench.notes.all


@in_the_reactor
async def test_a_pause_between_two_attempts_ends_when_the_machine_wakes_up(bench):
    bench.fault = DialFailed()
    await bench.start()
    for attempt in range(1, 12):
        await bench.notes.until(lambda attempt=attempt: bench.dialled == attempt)
        bench.clock.advance(TIMING.max_pause)
    assert bench.dialled == 12
    bench.link.woke()
    assert bench.dialled == 13
    bench.clock.advance(TIMING.first_pause)
    assert bench.dialled == 14, "and the pauses begin anew"


@in_the_reactor
async def test_rejoining_frees_the_seat_and_comes_back_later(bench):
    await bench.start()
    await bench.notes.until_there_is("up")
    bench.link.send(b"reason")
    bench.link.rejoin(7.0)
    await bench.notes.until_there_is("asked", "leave")
    assert bench.notes.all.index(("relayed", b"reason")) < bench.notes.all.index(("asked", "leave"))
    await _pausing(bench)
    bench.clock.advance(6.9)
    assert bench.dialled == 1
    bench.clock.advance(0.1)
    await bench.notes.until(lambda: bench.notes.all.count(("up",)) == 2)
    assert ("down", "relay-lost") not in bench.notes.all


@in_the_reactor
async def test_rejoining_without_a_connection_leaves_the_next_one_alone(bench):
    bench.fault = DialFailed()
    await bench.start()
    bench.link.rejoin(100.0)
    bench.fault = None
    bench.clock.advance(0.5)
    await bench.notes.until_there_is("up")


@in_the_reactor
async def test_stopping_frees_the_seat_and_nothing_is_told_after_it(bench):
    await bench.start()
    await bench.notes.until_there_is("up")
    told = len(bench.notes.all)
    await bench.link.stop()
    await bench.notes.until_there_is("closed")
    assert bench.notes.all[told:] == [("asked", "leave"), ("closed",)]
    bench.clock.advance(100)
    assert bench.dialled == 1


@in_the_reactor
async def test_stopping_between_two_attempts_is_immediate(bench):
    bench.fault = DialFailed()
    await bench.start()
    stopped = bench.link.stop()
    assert stopped.called and bench.clock.getDelayedCalls() == []


@in_the_reactor
async def test_a_relay_that_says_ready_again_and_again_brings_the_link_up_once():
    bench = Bench([JOINED, *[READY] * 100, {"type": "peer-left", "reason": "lost"}])
    await bench.start()
    await bench.notes.until_there_is("down", "peer-lost")
    assert bench.notes.all.count(("up",)) == 1
    await bench.stop()


@in_the_reactor
async def test_a_relay_that_says_ready_and_closes_is_dialled_less_and_less_often():
    bench = Bench([JOINED, READY])
    await bench.start()
    pauses = []
    for number in range(1, 9):
        await bench.notes.until(lambda number=number: bench.notes.all.count(("up",)) == number)
        bench.relay.open[-1].transport.abortConnection()
        await bench.notes.until(lambda number=number: bench.notes.all.count(("down", "relay-lost")) == number)
        await _pausing(bench)
        (call,) = bench.clock.getDelayedCalls()
        pauses.append(call.getTime() - bench.clock.seconds())
        bench.clock.advance(pauses[-1])
    assert pauses[0] <= TIMING.first_pause and pauses[-1] >= TIMING.max_pause / 2
    await bench.notes.until(lambda: bench.notes.all.count(("up",)) == 9)
    bench.relay.open[-1].say(GOOD)
    await bench.notes.until_there_is("frame", GOOD)
    bench.relay.open[-1].transport.abortConnection()
    await bench.notes.until(lambda: bench.notes.all.count(("down", "relay-lost")) == 9)
    await _pausing(bench)
    (call,) = bench.clock.getDelayedCalls()
    assert call.getTime() - bench.clock.seconds() <= TIMING.first_pause
    await bench.stop()


@in_the_reactor
async def test_a_relay_that_says_ready_before_it_gave_a_seat_brings_nothing_up():
    bench = Bench([READY, b"early"])
    await bench.start()
    await bench.notes.until_there_is("asked", "join")
    bench.relay.open[0].say(JOINED)
    bench.relay.open[0].say(READY)
    bench.relay.open[0].say(b"in")
    await bench.notes.until_there_is("frame", b"in")
    assert bench.notes.all.count(("up",)) == 1 and ("frame", b"early") not in bench.notes.all
    await bench.stop()


def test_every_state_of_the_table_can_be_reached_and_left_but_for_the_last():
    reached = {IDLE}
    while more := {after for (before, _), after in TABLE.items() if before in reached} - reached:
        reached |= more
    assert reached == {before for before, _ in TABLE} | {STOPPED} == set(TABLE.values()) | {IDLE}
    assert STOPPED not in {before for before, _ in TABLE}
    assert {before for before, event in TABLE if event == "stop"} == reached - {STOPPED}


def test_all_that_a_peer_may_have_on_its_way_may_wait_at_a_relay_with_the_default_limits():
    assert load().relay.max_unsent >= WINDOW * NEEDED_FRAME

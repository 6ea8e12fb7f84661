"""The edge of a conversation: alarms, logs, and a bug that ends this conversation and no other."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from tests.peer.support import conversation, terms
from whisperd import logs
from whisperd.errors import RoomFull, StoreFailed
from whisperd.peer.conversation.driver import Driver, DriverListener, Persistence
from whisperd.peer.effects import ContactMessageAcknowledged, Settled
from whisperd.peer.links.link import ConversationLinkOwner

EXPIRES = 1000.0


class QuietLink:
    """A link that goes nowhere and remembers what it was asked for."""

    name = "relay"
    seated = False
    direct = "off"

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def start(self, owner: ConversationLinkOwner) -> None:
        self.asked.append("start")

    def send(self, frame: bytes) -> None:
        self.asked.append(frame)

    def reply(self, frame: bytes) -> None:
        self.asked.append(("reply", frame))

    def rejoin(self, delay: float) -> None:
        self.asked.append(delay)

    def stop(self, leave: bool = True) -> Deferred[None]:
        self.asked.append("stop")
        return succeed(None)

    def told(self, payload: bytes) -> None:
        self.asked.append(("told", payload))

    def confirmed(self) -> None:
        self.asked.append("confirmed")

    def woke(self) -> None:
        self.asked.append("woke")


class Stage:
    def __init__(self, *, inviter: bool, persistence: Persistence | None = None, **listener: Any) -> None:
        self.clock, self.link = Clock(), QuietLink()
        self.told: list[tuple[str, dict[str, Any]]] = []
        core = conversation("c1", terms("side"), inviter=inviter, expires=EXPIRES)
        self.driver = Driver(core, self.link, self.clock, DriverListener(
            lambda name, **fields: self.told.append((name, fields)), **listener), persistence=persistence)
        self.driver.start()
        self.driver.release()


@pytest.fixture
def log():
    stream = io.StringIO()
    logs.configure(level="debug", stream=stream)
    yield stream
    logs.configure()


def test_an_invite_ends_by_itself_at_its_expiry_and_leaves_no_alarm(log):
    stage = Stage(inviter=True)
    closed: list[None] = []
    stage.driver.closed.addCallback(closed.append)
    stage.clock.advance(EXPIRES - 1)
    assert stage.driver.state == "waiting"
    stage.clock.advance(1)
    assert stage.told[-1] == ("chat-state", {"chat": "c1", "state": "ended", "reason": "invite-expired", "level": None})
    assert stage.link.asked == ["start", "stop"] and closed == [None] and stage.clock.getDelayedCalls() == []


def test_failed_handshakes_are_logged_by_their_code_only(log):
    stage = Stage(inviter=True)
    stage.driver.link_up(stage.link)
    stage.driver.frame_received(stage.link, b"\1" + bytes(300)).proceed()
    assert "handshake-failed code=wrong-secret" in log.getvalue()
    assert stage.link.asked[-1] == 1.0


def test_a_link_that_gives_up_is_no_failed_handshake(log):
    stage = Stage(inviter=False)
    stage.driver.link_failed(stage.link, RoomFull())
    assert "handshake-failed" not in log.getvalue() and "chat-state state=ended" in log.getvalue()


def test_a_bug_ends_the_conversation_and_is_logged_without_its_text(log, monkeypatch):
    stage = Stage(inviter=False)

    def broken(frame: bytes, now: float) -> list[Any]:
        raise RuntimeError("the secret is hunter2")

    monkeypatch.setattr(stage.driver._conversation, "frame_received", broken)
    stage.driver.link_up(stage.link)
    stage.driver.frame_received(stage.link, b"x").proceed()
    assert [fields["code"] for name, fields in stage.told if name == "chat-error"] == ["internal"]
    assert stage.driver.state == "ended"
    assert "unexpected type=RuntimeError" in log.getvalue() and "hunter2" not in log.getvalue()


def test_whoever_asks_for_the_end_is_told_at_once_when_it_has_come(log):
    stage = Stage(inviter=True)
    before: list[None] = []
    stage.driver.ended().addCallback(before.append)
    assert before == []
    stage.driver.end()
    after: list[None] = []
    stage.driver.ended().addCallback(after.append)
    assert before == after == [None]


def test_a_joiner_says_hello_again_when_its_alarm_rings(log):
    stage = Stage(inviter=False)
    stage.driver.link_up(stage.link)
    assert len([asked for asked in stage.link.asked if isinstance(asked, bytes)]) == 1
    stage.clock.advance(30)
    assert len([asked for asked in stage.link.asked if isinstance(asked, bytes)]) == 2


class Writes:
    """A store's keeper that is told what changed, and writes when the test says so."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.waits = False

    def changed(self, name: str) -> None:
        self.names.append(name)

    def pending(self, name: str) -> bool:
        return self.waits

    def at_once(self, name: str) -> bool:
        return not self.waits

    def undo(self, step: Callable[[], None]) -> None:
        """Nothing fails here."""


def held() -> tuple[Stage, Writes, list[None]]:
    """An ended conversation whose effects are held by what writes them, and who waits for its end."""
    writes, ended = Writes(), []
    stage = Stage(inviter=True, persistence=writes)
    stage.driver.end()
    stage.driver.ended().addCallback(ended.append)
    return stage, writes, ended


def states(stage: Stage) -> list[Any]:
    return [fields["state"] for name, fields in stage.told if name == "chat-state"]


def test_whoever_waits_for_an_end_waits_until_it_was_carried_out():
    stage, _, ended = held()
    assert ended == [] and "stop" not in stage.link.asked
    stage.driver.release()
    assert ended == [None] and stage.link.asked.count("stop") == 1


def test_an_end_that_cannot_be_written_is_told_at_once_and_carried_out_later():
    stage, writes, ended = held()
    writes.waits = True
    stage.driver.release()
    assert states(stage) == ["waiting", "ended"] and ended == [] and "stop" not in stage.link.asked
    writes.waits = False
    stage.driver.release()
    assert states(stage) == ["waiting", "ended"] and ended == [None] and stage.link.asked.count("stop") == 1


def test_what_is_forgotten_does_what_it_held_once():
    stage, _, ended = held()
    stage.driver.forget()
    assert ended == []
    stage.driver.let_go()
    assert ended == [None] and stage.link.asked[-1] == "stop"
    stage.driver.release()
    stage.driver.let_go()
    assert ended == [None] and stage.link.asked.count("stop") == 1
    assert states(stage) == ["waiting", "ended"]


def test_the_link_of_what_is_over_does_not_wait_for_a_contact_s_record_that_cannot_be_written():
    def full() -> None:
        raise StoreFailed

    stage = Stage(inviter=True, persistence=Writes(), settled=full)
    stage.driver._executor.carry_out([Settled()])
    stage.driver.end()
    stage.driver.release()
    assert stage.link.asked.count("stop") == 1 and states(stage) == ["waiting", "ended"]


def test_what_was_decided_is_neither_decided_again_nor_taken_for_what_follows_from_something_else():
    done: list[str] = []
    acknowledged = iter(["heard", "heard again"])

    def contact_acknowledged() -> list[Callable[[], None]]:
        said = next(acknowledged)
        return [lambda: done.append(said)]

    stage = Stage(inviter=True, persistence=Writes(), settled=lambda: [lambda: done.append("settled")],
                  contact_acknowledged=contact_acknowledged)
    stage.driver._executor.carry_out([ContactMessageAcknowledged(), Settled()])
    stage.driver.decide()
    stage.driver.decide()
    stage.driver._executor.carry_out([ContactMessageAcknowledged()])
    stage.driver.release()
    assert done == ["heard", "settled", "heard again"]

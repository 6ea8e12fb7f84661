"""A multipath on links that do what the test says: what a frame shows is acted on before what follows from it."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from tests.protocols import differences
from whisperd.errors import RelayRefused, WhisperdError
from whisperd.peer.links.link import NOT_THEIRS, ConversationLink, ConversationLinkOwner, Link, LinkOwner, Verdict
from whisperd.peer.links.multipath import Multipath
from whisperd.peer.links.paths import ONION, STAGGER


class Still:
    """A link that only writes down what it is asked."""

    seated = True

    def __init__(self, name: str = "relay") -> None:
        self.name = name
        self.owner: LinkOwner | None = None
        self.asked: list[Any] = []

    def start(self, owner: LinkOwner) -> None:
        self.owner = owner

    def send(self, frame: bytes) -> None:
        self.asked.append(frame)

    def rejoin(self, delay: float) -> None:
        self.asked.append(delay)

    def woke(self) -> None:
        self.asked.append("woke")

    def stop(self, leave: bool = True) -> Deferred[None]:
        self.asked.append(("stop", leave))
        return succeed(None)


class Answering:
    """An owner that answers every frame, and says of it what the test wants to hear."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.theirs = True

    def link_up(self, link: ConversationLink, heard: bool = False) -> None:
        self.told.append(("up", heard))

    def link_down(self, link: ConversationLink, reason: str) -> None:
        self.told.append(("down", reason))

    def link_troubled(self, link: ConversationLink, error: WhisperdError) -> None:
        self.told.append(("troubled", error.code))

    def link_failed(self, link: ConversationLink, error: WhisperdError) -> None:
        self.told.append(("failed", error.code))

    def frame_received(self, link: ConversationLink, frame: bytes) -> Verdict:
        self.told.append(frame)

        def proceed() -> None:
            self.told.append("proceeds")
            link.send(b"answer to " + frame)

        return Verdict(theirs=self.theirs, proceed=proceed)

    def link_moved(self, name: str) -> None:
        self.told.append(("moved", name))

    def greeting(self) -> list[bytes]:
        return [b"greeting"]

    def hold(self, on: bool) -> None:
        self.told.append(("hold", on))

    def tell_of_links(self, payload: bytes) -> None:
        self.told.append(("links", payload))


@pytest.fixture
def owner() -> Answering:
    return Answering()


@pytest.fixture
def relays() -> list[Still]:
    return [Still(), Still()]


@pytest.fixture
def both(owner, relays) -> Multipath:
    """Two relays, both entered and open; the first is used, and the other side was heard on neither."""
    clock = Clock()
    made = Multipath([lambda: relays[0], lambda: relays[1]], reactor=clock)
    made.start(owner)
    clock.advance(STAGGER)
    made.link_up(relays[0])
    made.link_up(relays[1])
    owner.told.clear()
    return made


def test_the_doubles_have_the_whole_contract(owner):
    assert differences(Still(), Link) == [] and differences(owner, ConversationLinkOwner) == []


def test_an_answer_goes_over_the_link_that_the_frame_came_by_and_the_owner_hears_of_it_afterwards(both, owner, relays):
    verdict = both.frame_received(relays[1], b"hello")
    assert verdict.theirs and relays[1].asked == [], "nothing is done before the link has acted on it"
    verdict.proceed()
    assert relays[1].asked == [b"answer to hello"] and b"answer to hello" not in relays[0].asked
    assert owner.told == [b"hello", "proceeds", ("up", True), ("moved", "relay")]


def test_a_frame_that_shows_nothing_moves_nothing(both, owner, relays):
    owner.theirs = False
    both.frame_received(relays[1], b"noise").proceed()
    assert relays[0].asked == [b"answer to noise"] and owner.told == [b"noise", "proceeds"]


def test_a_reply_goes_where_the_question_came_from_and_moves_nothing(both, owner, relays):
    def asked(link: ConversationLink, frame: bytes) -> Verdict:
        return Verdict(replied=True, proceed=lambda: link.reply(b"answer to " + frame))

    answer, owner.frame_received = owner.frame_received, asked  # type: ignore[method-assign]
    both.frame_received(relays[1], b"question").proceed()
    owner.frame_received = answer  # type: ignore[method-assign]
    both.send(b"text")
    assert (relays[0].asked[-1], relays[1].asked) == (b"text", [b"answer to question"]) and owner.told == []
    both.remove("relay 1")
    both.reply(b"too late")
    assert b"too late" not in relays[0].asked


def test_a_frame_of_a_link_that_was_left_reaches_nobody(both, owner, relays):
    both.remove("relay 1")
    owner.told.clear()
    assert both.frame_received(relays[1], b"late") is NOT_THEIRS and owner.told == []


def test_a_bug_in_what_follows_does_not_keep_the_next_frames_from_being_followed(both, owner, relays):
    def broken(link: ConversationLink, frame: bytes) -> Verdict:
        return Verdict(theirs=True, proceed=lambda: 1 / 0)

    answer, owner.frame_received = owner.frame_received, broken  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        both.frame_received(relays[1], b"hello").proceed()
    owner.frame_received = answer  # type: ignore[method-assign]
    both.link_down(relays[1], "relay-lost")
    assert ("up", False) in owner.told, "the other link is used, and the owner is told at once"


def test_a_relay_that_keeps_this_side_out_is_trouble_until_all_of_them_do(owner):
    clock, relays = Clock(), [Still(), Still()]
    made = Multipath([lambda: relays[0], lambda: relays[1]], reactor=clock)
    made.start(owner)
    made.link_failed(relays[0], RelayRefused())
    made.link_failed(relays[1], RelayRefused())
    assert owner.told == [("troubled", "relay-refused"), ("failed", "relay-refused")]


def test_texts_wait_for_a_direct_link_where_no_relay_may_carry_them(owner):
    relay, onion = Still(), Still(ONION)
    made = Multipath([lambda: relay], reactor=Clock(), kinds=[ONION])
    made.start(owner)
    made.link_up(relay)
    made.frame_received(relay, b"hello").proceed()
    made.confirmed()
    assert owner.told[-1] == ("hold", True)
    made.add("out", ONION, 0, lambda: onion)
    made.link_up(onion)
    made.frame_received(onion, b"hello").proceed()
    assert ("hold", False) in owner.told and relay.asked[-1] == ("stop", True)


def test_what_is_stopped_leaves_every_seat_or_lets_the_relays_hold_them(both, relays):
    assert both.stop(leave=False).called
    assert [relay.asked[-1] for relay in relays] == [("stop", False)] * 2

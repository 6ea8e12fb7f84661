"""The handshake over a spoken code, between two cores: who knows the words, who guesses, and how often."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from tests.peer.support import events, frames, only, seeded
from whisperd.errors import (
    DialFailed,
    FloorNotMet,
    HandshakeTampered,
    KeyExchangeRefused,
    NameplatesTaken,
    OffersStripped,
    PluginUnknown,
    RoomFull,
    SpokenCodeUsedUp,
    SpokenCodeWrong,
    TimedOut,
    WhisperdError,
)
from whisperd.peer.conversation.conversation import Conversation
from whisperd.peer.conversation.origin import Bounds, Origin
from whisperd.peer.conversation.states import ENDED
from whisperd.peer.effects import Ended, Rejoin
from whisperd.peer.handshake.established import Established
from whisperd.peer.handshake.handshake import InviterHandshake, JoinerHandshake, Terms
from whisperd.peer.handshake.keys import InviteKeys, Seal
from whisperd.peer.handshake.negotiation import check_floor
from whisperd.peer.invites.spoken import MAX_BUNDLES, TRIES, TUNING, Claim, CodePlugins, claimed
from whisperd.peer.links.link import Link, LinkOwner, Verdict
from whisperd.plugin.identity import MemoryIdentity
from whisperd.plugin.registry import Registry
from whisperd.wire.envelope import Abort, HandshakeAnswer, HandshakeExchange, decode_message, encode_message
from whisperd.wire.spoken import SpokenCode, parse

RIGHT = parse("7-crossover-clock-zoo".replace("crossover", "cross"))
WRONG = parse("7-cross-clock-zone")
REGISTRY = Registry.load(["pqxdh-25519-mlkem1024", "cpace-25519"], ["double-he"])


def terms(seed: str, code: SpokenCode = RIGHT, *, floor: int = 1, runs: int = TUNING.runs) -> Terms:
    return Terms(InviteKeys.of_nameplate(code.nameplate), 1, floor, CodePlugins(REGISTRY, code, runs), MemoryIdentity,
                 seeded(seed))


def pair(guess: SpokenCode = RIGHT) -> tuple[InviterHandshake, JoinerHandshake]:
    return InviterHandshake(terms("inviter")), JoinerHandshake(terms("joiner", guess))


def attempt(inviter: Any, joiner: Any) -> bytes:
    """Play until the joiner's exchange, which is returned."""
    answer = inviter.receive(frames(joiner.begin())[0])
    return frames(joiner.receive(frames(answer)[0]))[0]


def test_two_who_know_the_code_come_to_the_same_keys():
    inviter, joiner = pair()
    confirm, ours = inviter.receive(attempt(inviter, joiner))
    theirs = only(joiner.receive(confirm.frame), Established)
    assert ours.keys.words() == theirs.keys.words()
    assert (ours.kex.id, ours.kex.level, ours.ratchet.id) == ("cpace-25519", 2, "double-he")
    message = theirs.session.encrypt(b"hello", theirs.keys.associated_data)
    assert ours.session.decrypt(message, ours.keys.associated_data) == b"hello"


@settings(max_examples=20, deadline=None)
@given(st.binary(min_size=5, max_size=5))
def test_every_other_code_is_told_apart_and_costs_a_run(value):
    guess = SpokenCode.make(RIGHT.nameplate, value)
    inviter, joiner = pair(guess)
    if guess != RIGHT:
        with pytest.raises(SpokenCodeWrong, match="left: 4"):
            inviter.receive(attempt(inviter, joiner))


def test_a_code_is_worth_nothing_after_its_runs_even_for_those_who_know_it():
    inviter = InviterHandshake(terms("inviter", runs=3))
    for number, error in enumerate((SpokenCodeWrong, SpokenCodeWrong, SpokenCodeUsedUp)):
        with pytest.raises(error):
            inviter.receive(attempt(inviter, JoinerHandshake(terms(f"guess {number}", WRONG))))
    with pytest.raises(SpokenCodeUsedUp):
        inviter.receive(frames(JoinerHandshake(terms("joiner")).begin())[0])


def test_an_inviter_in_the_middle_gets_no_more_guesses_from_a_joiner_than_runs():
    joiner = JoinerHandshake(terms("joiner", runs=2))
    for number in range(2):
        attempt(InviterHandshake(terms(f"squatter {number}", WRONG)), joiner)
    with pytest.raises(SpokenCodeUsedUp):
        attempt(InviterHandshake(terms("squatter", WRONG)), joiner)


def test_a_replayed_exchange_is_neither_a_guess_nor_a_key():
    inviter, joiner = pair()
    exchange = attempt(inviter, joiner)
    inviter.receive(exchange)
    assert inviter.receive(exchange) == []
    inviter.receive(frames(joiner.begin())[0])
    assert inviter.receive(exchange) == [], "it answers to the bundle of an earlier attempt"


def sealed(message: Any, *, by_inviter: bool) -> bytes:
    """Return the frame of anybody at all: the nameplate is no secret."""
    seal = Seal.for_role(InviteKeys.of_nameplate(RIGHT.nameplate), inviter=by_inviter)
    return seal.close(encode_message(message), seeded("anybody"))


def opened(frame: bytes, *, by_inviter: bool) -> Any:
    seal = Seal.for_role(InviteKeys.of_nameplate(RIGHT.nameplate), inviter=not by_inviter)
    return decode_message(seal.open(frame))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_changed_exchange_is_refused_and_gives_no_key(data):
    """The relay can open and change what is said; it cannot make the two sides agree on it."""
    inviter, joiner = pair()
    message = opened(attempt(inviter, joiner), by_inviter=False)
    assert isinstance(message, HandshakeExchange)
    changed = bytearray(message.message)
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises((KeyExchangeRefused, SpokenCodeWrong)):
        inviter.receive(sealed(HandshakeExchange(message.seen, bytes(changed), message.confirm), by_inviter=False))


def test_offers_that_somebody_changed_on_the_way_stop_the_handshake():
    inviter, joiner = pair()
    answer = opened(frames(inviter.receive(frames(joiner.begin())[0]))[0], by_inviter=True)
    assert isinstance(answer, HandshakeAnswer)
    worse = HandshakeAnswer(answer.kex, [], answer.floor, answer.nonce, answer.seen, answer.choice, answer.bundle,
                            answer.offer)
    with pytest.raises((OffersStripped, FloorNotMet)):
        joiner.receive(sealed(worse, by_inviter=True))


def test_there_is_no_way_around_the_code():
    offers = CodePlugins(REGISTRY, RIGHT).offers_kex()
    assert [offer[0] for offer in offers] == ["cpace-25519"]
    with pytest.raises(PluginUnknown):
        CodePlugins(REGISTRY, RIGHT).kex("pqxdh-25519-mlkem1024")
    with pytest.raises(PluginUnknown, match="no key exchange for spoken codes"):
        CodePlugins(Registry.load(["pqxdh-25519-mlkem1024"], []), RIGHT)


def test_a_floor_above_the_code_s_level_is_refused_at_once_and_by_the_other_side():
    with pytest.raises(FloorNotMet):
        check_floor(CodePlugins(REGISTRY, RIGHT), 3)
    strict = JoinerHandshake(terms("joiner", floor=3))
    with pytest.raises(FloorNotMet):
        InviterHandshake(terms("inviter")).receive(frames(strict.begin())[0])


# -- in a conversation ------------------------------------------------------------------------------------------------


def conversation(*, inviter: bool, code: SpokenCode = RIGHT, seed: str = "side") -> Conversation:
    return Conversation("c1", terms(seed, code), Origin(inviter, 10_000.0), Bounds(10))


def guess(inviter: Conversation, now: float, seed: str) -> list[Any]:
    """Somebody comes, guesses wrong, and goes."""
    other = JoinerHandshake(terms(seed, WRONG))
    effects = inviter.link_up(now)
    answer = inviter.frame_received(frames(other.begin())[0], now)
    return effects + inviter.frame_received(frames(other.receive(frames(answer)[0]))[0], now)


def test_each_wrong_guess_is_told_and_the_last_one_ends_the_conversation():
    inviter = conversation(inviter=True)
    for number in range(TUNING.runs - 1):
        effects = guess(inviter, number, f"guess {number}")
        assert [event["code"] for event in events(effects, "chat-error")] == ["spoken-code-wrong"]
        assert only(effects, Rejoin).delay == 2.0**number
    effects = guess(inviter, TUNING.runs, "the last")
    assert [event["code"] for event in events(effects, "chat-error")] == ["spoken-code-used-up"]
    assert (inviter.state, inviter.status.reason) == (ENDED, "spoken-code-used-up") and only(effects, Ended)


def test_the_one_who_typed_a_wrong_code_is_told_so():
    inviter, joiner = conversation(inviter=True), conversation(inviter=False, code=WRONG, seed="joiner")
    inviter.link_up(0)
    answer = inviter.frame_received(frames(joiner.link_up(0))[0], 0)
    abort = inviter.frame_received(frames(joiner.frame_received(frames(answer)[0], 0))[0], 0)
    effects = joiner.frame_received(frames(abort)[0], 0)
    assert (joiner.state, joiner.status.reason) == (ENDED, "spoken-code-wrong")
    assert "the spoken codes of the two sides are different" in events(effects, "chat-error")[0]["message"]


def test_a_stranger_who_says_that_the_code_is_spent_is_not_believed():
    inviter = conversation(inviter=True)
    inviter.link_up(0)
    effects = inviter.frame_received(sealed(Abort("code-spent"), by_inviter=False), 0)
    assert inviter.state != ENDED
    assert [event["code"] for event in events(effects, "chat-error")] == ["spoken-code-used-up"]


def test_a_stranger_who_asks_for_exchanges_without_end_is_stopped_and_the_right_one_is_served_afterwards():
    inviter = conversation(inviter=True)
    inviter.link_up(0)
    stranger = JoinerHandshake(terms("stranger", WRONG))
    said = []
    for _ in range(MAX_BUNDLES + 1):
        said = inviter.frame_received(frames(stranger.begin())[0], 0)
    assert [event["code"] for event in events(said, "chat-error")] == ["key-exchange-refused"]
    assert only(said, Rejoin).delay == 1.0
    inviter.link_up(1)
    assert decode_answer(inviter.frame_received(frames(JoinerHandshake(terms("joiner")).begin())[0], 1))


def decode_answer(effects: list[Any]) -> bool:
    return isinstance(opened(frames(effects)[0], by_inviter=True), HandshakeAnswer)


def test_frames_of_another_nameplate_or_of_nobody_are_refused():
    inviter = InviterHandshake(terms("inviter"))
    with pytest.raises(WhisperdError) as refused:
        inviter.receive(frames(JoinerHandshake(terms("joiner", parse("8-cross-clock-zoo"))).begin())[0])
    assert refused.value.code == "wrong-secret"
    frame = bytearray(frames(JoinerHandshake(terms("joiner")).begin())[0])
    frame[60] ^= 1
    with pytest.raises(HandshakeTampered):
        inviter.receive(bytes(frame))


# -- the room ---------------------------------------------------------------------------------------------------------


class ClaimedLink:
    """A link that does what the test says, and writes down what it is asked."""

    name = "relay"
    seated = False

    def __init__(self, claimed: Any) -> None:
        self.claimed = claimed
        self.owner: LinkOwner
        self.asked: list[Any] = []

    def start(self, owner: LinkOwner) -> None:
        self.owner = owner

    def send(self, frame: bytes) -> None:
        self.asked.append(("send", frame))

    def rejoin(self, delay: float) -> None:
        self.asked.append(("rejoin", delay))

    def woke(self) -> None:
        self.asked.append(("woke",))

    def stop(self, leave: bool = True) -> Deferred[None]:
        self.asked.append(("stop",))
        return succeed(None)


def claiming(clock: Clock) -> tuple[list[ClaimedLink], list[SpokenCode], Deferred[Any]]:
    links: list[ClaimedLink] = []
    codes: list[SpokenCode] = []

    def make(code: SpokenCode, done: Any) -> ClaimedLink:
        codes.append(code)
        links.append(ClaimedLink(done))
        return links[-1]

    return links, codes, Deferred.fromCoroutine(claimed(seeded("claims"), clock, make))


def test_a_number_that_is_taken_is_given_up_for_another():
    links, codes, done = claiming(Clock())
    links[0].owner.link_failed(links[0], RoomFull())
    links[1].claimed()
    code, claim = done.result
    assert code == codes[1] != codes[0] and isinstance(claim, Claim)
    assert links[0].asked == [("stop",)] and links[1].asked == []


def test_numbers_grow_and_are_not_tried_for_ever():
    links, codes, done = claiming(Clock())
    for number in range(len(TRIES)):
        links[number].owner.link_failed(links[number], RoomFull())
    assert isinstance(done.result.value, NameplatesTaken)
    assert all(1 <= code.nameplate <= most for code, most in zip(codes, TRIES, strict=True))
    done.addErrback(lambda failure: None)


@pytest.mark.parametrize(("trouble", "raised"), [(None, TimedOut), (DialFailed(), DialFailed)])
def test_without_a_seat_no_code_is_told(trouble, raised):
    clock = Clock()
    links, _, done = claiming(clock)
    if trouble is not None:
        links[0].owner.link_troubled(links[0], trouble)
    clock.advance(TUNING.claim)
    assert isinstance(done.result.value, raised) and links[0].asked == [("stop",)] and len(links) == 1
    done.addErrback(lambda failure: None)


def test_what_happens_before_the_conversation_listens_is_not_lost():
    links, _, done = claiming(Clock())
    links[0].claimed()
    links[0].owner.link_up(links[0])
    links[0].owner.frame_received(links[0], b"hello").proceed()
    _, claim = done.result
    heard = Hearing()
    claim.start(heard)
    links[0].owner.link_down(links[0], "peer-left")
    assert heard.told == ["link_up", ("frame_received", b"hello"), ("link_down", "peer-left")]
    assert not claim.seated
    links[0].seated = True
    assert claim.seated
    claim.send(b"back")
    claim.rejoin(1.0)
    claim.stop()
    assert links[0].asked == [("send", b"back"), ("rejoin", 1.0), ("stop",)] and claim.name == "relay"


class Hearing:
    """A LinkOwner that writes down."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def link_up(self, link: Link) -> None:
        self.told.append("link_up")

    def link_down(self, link: Link, reason: str) -> None:
        self.told.append(("link_down", reason))

    def link_troubled(self, link: Link, error: WhisperdError) -> None:
        self.told.append(("link_troubled", error))

    def link_failed(self, link: Link, error: WhisperdError) -> None:
        self.told.append(("link_failed", error))

    def frame_received(self, link: Link, frame: bytes) -> Verdict:
        return Verdict(theirs=True, proceed=lambda: self.told.append(("frame_received", frame)))

"""How two sides come to a direct link: what each tells, publishes and goes to, whatever the other one says."""

from __future__ import annotations

from collections import deque
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from nacl.bindings import crypto_scalarmult_base

from tests.peer.support import seeded
from whisperd.peer.links.direct_core import (
    ASKED,
    MAX_CHANGES,
    OFF,
    OFFERED,
    PUBLISHING,
    SECONDS_A_CHANGE,
    UNAVAILABLE,
    Direct,
    GoTo,
    Publish,
    Tell,
)
from whisperd.wire.direct import At, DirectKey, decode_direct, encode_direct
from whisperd.wire.envelope import End, encode_control

ONIONS = ("a" * 55 + "d.onion", "b" * 55 + "d.onion")


class Two:
    """Both sides; what they publish is found at once, and what they tell arrives."""

    def __init__(self) -> None:
        self.sides = [Direct(seeded("a")), Direct(seeded("b"))]
        self.under_way: deque[tuple[int, bytes]] = deque()
        self.published: list[list[bytes]] = [[], []]
        self.goes_to: list[list[GoTo]] = [[], []]

    def do(self, side: int, effects: list[Any]) -> None:
        for effect in effects:
            if isinstance(effect, Tell):
                self.under_way.append((side, effect.payload))
            elif isinstance(effect, Publish):
                self.published[side].append(effect.client)
                self.do(side, self.sides[side].published(ONIONS[side]))
            else:
                self.goes_to[side].append(effect)

    def settle(self) -> None:
        for _ in range(20):
            if not self.under_way:
                return
            side, payload = self.under_way.popleft()
            self.do(1 - side, self.sides[1 - side].told(payload, 0.0))
        raise AssertionError("they never stop talking")


def met() -> Two:
    two = Two()
    for side in (0, 1):
        two.do(side, two.sides[side].begin())
    two.settle()
    return two


def test_each_publishes_for_the_key_by_which_the_other_comes():
    two = met()
    for side in (0, 1):
        (to,) = two.goes_to[side]
        assert to.onion == ONIONS[1 - side]
        assert two.published[1 - side] == [crypto_scalarmult_base(to.secret)]
        assert two.sides[side].state == OFFERED


def test_a_side_that_never_answers_is_asked_once_and_nothing_is_published():
    side = Direct(seeded("a"))
    (asked,) = side.begin()
    assert isinstance(decode_direct(asked.payload), DirectKey) and side.begin() == [] and side.state == ASKED


def test_a_side_that_does_not_want_one_says_and_does_nothing():
    side = Direct(seeded("a"))
    assert side.told(encode_direct(DirectKey(bytes(32))), 0.0) == side.told(encode_direct(At(ONIONS[0])), 0.0) == []
    assert side.state == OFF


def test_a_side_that_began_anew_is_told_everything_again():
    two = met()
    two.sides[1] = Direct(seeded("c"))
    two.do(1, two.sides[1].begin())
    two.settle()
    assert len(two.published[0]) == 2 and two.goes_to[1][-1].onion == ONIONS[0]
    assert two.published[0][-1] == crypto_scalarmult_base(two.goes_to[1][-1].secret)
    assert two.published[1][-1] == crypto_scalarmult_base(two.goes_to[0][-1].secret)


def test_an_onion_service_that_is_lost_and_back_is_told_again_at_its_address():
    two = met()
    two.sides[0].unpublished(refused=False)
    assert two.sides[0].state == PUBLISHING
    assert [decode_direct(effect.payload) for effect in two.sides[0].published(ONIONS[0])] == [At(ONIONS[0])]
    assert two.sides[0].published(ONIONS[0]) == []
    assert two.sides[1].told(encode_direct(At(ONIONS[0])), 1.0) == [], "it goes there already"
    two.sides[0].unpublished(refused=True)
    assert two.sides[0].state == UNAVAILABLE


def test_the_key_is_gone_after_the_end():
    two = met()
    two.sides[0].wipe()
    assert two.sides[0]._secret == bytes(32)


@given(st.lists(st.one_of(
    st.binary(max_size=80), st.binary(min_size=32, max_size=32).map(lambda key: encode_direct(DirectKey(key))),
    st.sampled_from(ONIONS).map(lambda onion: encode_direct(At(onion))), st.just(encode_control(End()))), max_size=30))
def test_whatever_the_other_side_says_costs_one_action_each_at_most(said):
    side = Direct(seeded("a"))
    side.begin()
    for payload in said:
        effects = side.told(payload, 0.0)
        assert len(effects) <= 2 and sum(not isinstance(effect, Tell) for effect in effects) <= 1


def test_a_side_that_begins_anew_all_the_time_is_followed_now_and_then_only():
    side = Direct(seeded("a"))
    side.begin()

    def flood(now: float) -> int:
        keys = (encode_direct(DirectKey(int(now * 1000 + number).to_bytes(32))) for number in range(1, 1000))
        return sum(isinstance(effect, Publish) for key in keys for effect in side.told(key, now))

    assert flood(0.0) == MAX_CHANGES
    assert flood(SECONDS_A_CHANGE) == 1
    assert flood(SECONDS_A_CHANGE * 1000) == MAX_CHANGES
    assert flood(0.0) == 0, "a clock that was set back gives nothing"

"""The rule by which both sides come to the same suite."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.peer.support import ManyPlugins
from whisperd.errors import FloorNotMet
from whisperd.peer.handshake.negotiation import check_floor, choose
from whisperd.wire.envelope import SuiteOffer

offers = st.lists(st.builds(SuiteOffer, st.sampled_from("abcd"), st.integers(1, 2), st.integers(1, 3)), max_size=8)


@given(offers, offers, st.integers(1, 3))
def test_the_choice_is_the_strongest_that_both_have_and_the_floor_allows(inviter, joiner, floor):
    allowed = [offer for offer in inviter if offer in joiner and offer.level >= floor]
    if not allowed:
        with pytest.raises(FloorNotMet):
            choose(inviter, joiner, floor)
        return
    choice = choose(inviter, joiner, floor)
    assert choice in allowed and choice.level == max(offer.level for offer in allowed)
    assert choose(inviter, joiner[::-1], floor) == choice, "the joiner's order does not matter"


def test_among_equals_the_inviters_first_is_taken():
    inviter, joiner = [SuiteOffer("b", 1, 2), SuiteOffer("a", 1, 2)], [SuiteOffer("a", 1, 2), SuiteOffer("b", 1, 2)]
    assert choose(inviter, joiner, 1).id == "b"


@pytest.mark.parametrize("theirs", [SuiteOffer("a", 2, 2), SuiteOffer("a", 1, 3), SuiteOffer("b", 1, 2)])
def test_another_version_or_level_is_another_suite(theirs):
    with pytest.raises(FloorNotMet):
        choose([SuiteOffer("a", 1, 2)], [theirs], 1)


def test_own_suites_that_cannot_reach_the_floor_are_noticed_before_anything_is_sent():
    plugins = ManyPlugins([("strong", 3)], [("double", 1)])
    check_floor(plugins, 1)
    with pytest.raises(FloorNotMet):
        check_floor(plugins, 2)

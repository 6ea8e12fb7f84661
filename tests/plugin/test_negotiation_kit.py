"""The kit's checks of a negotiation: whisperd's own handshake passes, and each finds a handshake that does not."""

from __future__ import annotations

import pytest

from tests.plugin.broken_handshake import BROKEN, REGISTRY, DeafRatchet
from whisperd.config import load
from whisperd.plugin.conformance import NEGOTIATION_CHECKS, check_negotiation
from whisperd.plugin.registry import Registry


def test_what_two_daemons_agree_on_by_default_cannot_be_talked_down():
    peer = load(overrides={}).peer
    report = check_negotiation(Registry.load(peer.kex, peer.ratchet))
    assert report.faults == {}


def test_a_registry_with_several_levels_passes_every_check_and_none_is_skipped():
    report = check_negotiation(REGISTRY)
    assert [result.outcome for result in report.results] == ["ok"] * len(NEGOTIATION_CHECKS.by_name)


@pytest.mark.parametrize(("name", "registry", "handshake"), BROKEN, ids=lambda value: value
                         if isinstance(value, str) else type(value).__name__)
def test_each_check_finds_what_it_is_there_for(name, registry, handshake):
    assert list(check_negotiation(registry, only=[name], **handshake).faults) == [name]


def test_there_is_a_broken_one_for_every_check():
    assert {name for name, _, _ in BROKEN} == set(NEGOTIATION_CHECKS.by_name)


def test_a_code_exchange_alone_is_nothing_to_negotiate():
    report = check_negotiation(Registry.load(["cpace-25519"], ["double"]), only=["every-suite"])
    assert report.results[0].skipped == "it offers no suite that works without a code"


def test_a_plugin_that_fails_in_the_handshake_is_told_of():
    class Failing(DeafRatchet):
        def ratchet(self, plugin_id):
            ratchet = super().ratchet(plugin_id)
            if plugin_id == "double-he":
                ratchet.offer = lambda random: 1 // 0
            return ratchet

    report = check_negotiation(Failing(), only=["strongest-suite"])
    assert report.faults["strongest-suite"].endswith("double-he: a plug-in failed in the handshake: ZeroDivisionError")

"""The conformance kit: good plug-ins pass every check, and each check finds a plug-in that breaks its demand."""

from __future__ import annotations

import itertools
import json

import pytest
from whisperd_plugins.double_he import DoubleHeaderEncrypted
from whisperd_plugins.pqxdh import PqxdhMlkem1024
from whisperd_plugins.pqxdh_mldsa87 import PqxdhMlkem1024Mldsa87
from whisperd_plugins.x3dh import X3dh

from tests.plugin import broken_codes, broken_ratchet, broken_ratchet_work
from tests.plugin.open_kex import OpenKex
from whisperd.errors import PluginRefused
from whisperd.plugin.conformance import KEX_CHECKS, RATCHET_CHECKS, check_key_exchange, check_ratchet
from whisperd.plugin.conformance.report import places

KEX_CASES = [(name, broken) for name, found in broken_codes.BROKEN.items() for broken in found]
RATCHET_CASES = [(name, broken) for name, found in broken_ratchet_work.BROKEN.items() for broken in found]


def case_id(value: object) -> str:
    return value.__name__ if isinstance(value, type) else str(value)


@pytest.mark.parametrize("plugin", [PqxdhMlkem1024, PqxdhMlkem1024Mldsa87, X3dh], ids=case_id)
def test_bundled_key_exchanges_pass_every_check(plugin):
    report = check_key_exchange(plugin())
    assert report.faults == {}
    assert {result.name for result in report.results} == set(KEX_CHECKS.by_name)


@pytest.mark.parametrize("plugin", [DoubleHeaderEncrypted], ids=case_id)
def test_bundled_ratchets_pass_every_check(plugin):
    report = check_ratchet(plugin())
    assert report.faults == {}
    assert {result.name for result in report.results} == set(RATCHET_CHECKS.by_name)


def test_what_the_broken_ones_are_made_of_is_not_broken_itself():
    assert check_key_exchange(OpenKex()).faults == {}


@pytest.mark.parametrize("seed", ["one", "two", "three"])
def test_the_random_walk_passes_from_other_seeds(seed: str):
    assert check_ratchet(DoubleHeaderEncrypted(), seed=seed, thorough=True, only=["random-walk"]).passed


@pytest.mark.parametrize(("name", "broken"), KEX_CASES, ids=case_id)
def test_each_kex_check_finds_what_it_is_there_for(name: str, broken):
    report = check_key_exchange(broken(), only=[name])
    assert list(report.faults) == [name]


@pytest.mark.parametrize(("name", "broken"), RATCHET_CASES, ids=case_id)
def test_each_ratchet_check_finds_what_it_is_there_for(name: str, broken):
    report = check_ratchet(broken(), only=[name])
    assert list(report.faults) == [name]


def test_there_is_a_broken_plugin_for_every_check():
    assert set(broken_codes.BROKEN) == set(KEX_CHECKS.by_name)
    assert set(broken_ratchet_work.BROKEN) == set(RATCHET_CHECKS.by_name)


def test_a_report_can_be_read_sent_and_insisted_on():
    good = check_ratchet(DoubleHeaderEncrypted(), only=["one-way"])
    good.require()
    assert str(good).startswith("ok      one-way: Hundreds")
    bad = check_ratchet(broken_ratchet.NotWiped(), only=["wiping", "one-way"])
    assert json.loads(json.dumps(bad.as_dict()))["passed"] is False
    assert "BROKEN  wiping: decrypt after wipe: went through" in str(bad)
    with pytest.raises(PluginRefused, match="double-he failed 1 of 2 checks: wiping"):
        bad.require()


def test_something_that_is_no_plugin_at_all_passes_no_check():
    assert {result.outcome for result in check_ratchet(object()).results} == {"BROKEN"}
    outcomes = {result.name: result.outcome for result in check_key_exchange(object()).results}
    assert set(KEX_CHECKS.by_name) == set(outcomes)
    assert {name for name, outcome in outcomes.items() if outcome != "BROKEN"} == {"different-codes", "runs-end"}


def test_the_same_seed_finds_the_same():
    assert check_ratchet(broken_ratchet.LastBitFree(), only=["tampering"]).faults == \
        check_ratchet(broken_ratchet.LastBitFree(), only=["tampering"]).faults


@pytest.mark.parametrize(("size", "most"), [(1, 128), (128, 128), (129, 128), (1_800, 128), (100_000, 40)])
def test_changed_places_cover_both_ends_and_stay_few(size: int, most: int):
    chosen = places(size, most)
    assert chosen[0] == 0 and chosen[-1] == size - 1
    assert len(set(chosen)) == len(chosen) <= 2 * most
    assert all(after - before <= 4 * size // most + 1 for before, after in itertools.pairwise(chosen))

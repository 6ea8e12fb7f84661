"""Some thousands of cases of the relay's fuzzer, always the same ones; a million others are in ``make soak``."""

from __future__ import annotations

from random import Random

import pytest

from tests.relay import fuzz
from tests.relay.wires import Wires, drop


@pytest.mark.parametrize(("target", "cases"), [("http", 4_000), ("frames", 4_000), ("codec", 20_000)])
def test_no_case_breaks_a_promise(target: str, cases: int) -> None:
    fuzz.run(target, cases, seed=20_261_120)


def test_a_broken_promise_is_found_and_the_case_is_named(monkeypatch) -> None:
    monkeypatch.setitem(fuzz.TARGETS, "http", lambda wires, random, case: 1 / (b"\0" not in case))
    with pytest.raises(AssertionError, match=r"seed 1, case \d+: http [0-9a-f]+"):
        fuzz.run("http", 1_000, seed=1)


def test_the_fuzzer_comes_everywhere() -> None:
    """A fuzzer that only ever hears 400 finds nothing."""
    random, heard = Random(7), set()
    wires = Wires()
    for _ in range(1_500):
        client = wires.connect(fuzz.mutate(random, fuzz.corpus("http")))
        heard.add(client.transport.value()[9:12])
        one, other = wires.pair(ours=False)
        one.dataReceived(fuzz.mutate(random, fuzz.corpus("frames")))
        heard |= {payload[-12:] for _, payload in fuzz.sent(one.transport.value())}
        heard.add(other.transport.value()[:1])
        for each in (client, one, other):
            drop(each)
    assert {b"101", b"200", b"400", b"404", b"\x81"} <= heard
    assert len(heard) > 15


def test_a_good_part_of_the_changed_frames_is_still_understood() -> None:
    random, seeds = Random(3), fuzz.corpus("codec")
    taken = [fuzz.decoded(fuzz.mutate(random, seeds)) for _ in range(3_000)]
    assert 0.1 < sum(map(bool, taken)) / len(taken) < 0.9

"""A million cases of the relay's fuzzer, others in each run."""

from __future__ import annotations

import os

import pytest

from tests.relay import fuzz

pytestmark = pytest.mark.soak


@pytest.mark.parametrize(("target", "cases"), [("http", 350_000), ("frames", 350_000), ("codec", 300_000)])
def test_no_case_of_a_million_breaks_a_promise(target: str, cases: int) -> None:
    seed = int.from_bytes(os.urandom(4))
    print(f"{target}: {cases} cases from seed {seed}")
    fuzz.run(target, cases, seed)

"""Two who talk over a real Tor network while a fault strikes every few seconds: every text arrives once, in order."""

from __future__ import annotations

import faulthandler
import sys

import pytest

from tests.integration.endurance import SETTLING, endurance

MINUTE = 60


@pytest.mark.parametrize(("seconds", "seed"), [(75, 1), pytest.param(60 * MINUTE, 2, marks=pytest.mark.soak)])
def test_whatever_is_killed_every_text_arrives_once_and_in_order(testnet, tmp_path_factory, seconds, seed):
    # a hang is noticed later than in other tests
    faulthandler.dump_traceback_later(seconds + SETTLING + 4 * MINUTE, exit=True, file=sys.__stderr__)
    with endurance(tmp_path_factory.mktemp("e"), testnet, seed) as talk:
        talk.run(seconds)
        print(f"everything had arrived {talk.settle():.1f} s after the last fault")

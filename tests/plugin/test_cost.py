"""What work costs, on a machine that has other things to do as well."""

from __future__ import annotations

import hashlib

from whisperd.plugin.conformance.cost import agreements

SOME = bytes(10_000_000)  # some hundred agreements
CALLS = 5 * 3


class Work:
    """Work that costs nothing but for the first ``dear`` times."""

    def __init__(self, dear: int) -> None:
        self._dear = dear

    def __call__(self) -> None:
        self._dear -= 1
        if self._dear >= 0:
            hashlib.blake2b(SOME)


def test_what_was_dear_for_a_while_only_is_not_dear() -> None:
    assert agreements(Work(2 * CALLS), 3, maximum=4) <= 4


def test_what_is_dear_every_time_is_dear() -> None:
    assert agreements(Work(1_000_000), 3, maximum=4) > 4

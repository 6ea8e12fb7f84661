"""The limit on open files: raised as far as it may be, and named where it is too low."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from whisperd.errors import ConfigError
from whisperd.relay.open_files import room_for
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
try:
    print(room_for(int(sys.argv[3])), *resource.getrlimit(resource.RLIMIT_NOFILE))
except ConfigError as error:
    print(error.message)
"""


def shown(soft: int, hard: int, connections: int) -> str:
    return subprocess.run([sys.executable, "-c", PROGRAM, str(soft), str(hard), str(connections)],
                          capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(("soft", "hard", "connections", "result"), [
    (256, 4_096, 1_000, "1000 1288 4096"),
    (4_000, 4_096, 1_000, "1000 4000 4096"),
    (256, 4_096, 0, "3808 4096 4096"),
    (100, 100, 0, "2 100 100"),
])
def test_the_limit_is_raised_as_far_as_the_connections_need_it(
        soft: int, hard: int, connections: int, result: str) -> None:
    assert shown(soft, hard, connections) == result


def test_a_number_that_the_hard_limit_does_not_carry_is_refused_with_what_it_needs() -> None:
    assert shown(256, 1_024, 1_000) == (
        "relay.max_connections = 1000 needs 1288 open files, but the hard limit is 1024")

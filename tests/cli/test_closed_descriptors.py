"""Whoever starts a program may have closed its first three descriptors."""

from __future__ import annotations

import subprocess
import sys

import pytest

_NEXT = ("import os, socket; from whisperd.cli.closed_descriptors import occupy; occupy(); occupy(); "
         "number = socket.socket().fileno(); os._exit(number)")


@pytest.mark.parametrize("closed", ["", "<&-", ">&-", "2>&-", "<&- 2>&-", "<&- >&- 2>&-"])
def test_no_socket_is_one_of_them(closed: str) -> None:
    done = subprocess.run(["/bin/sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-c", _NEXT],
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert done.returncode == 3


def test_a_program_that_is_started_from_there_finds_them_as_they_were() -> None:
    code = ("import subprocess, sys; from whisperd.cli.closed_descriptors import occupy; occupy(); "
            "sys.exit(subprocess.run(['/bin/sh', '-c', 'test ! -e /proc/self/fd/2']).returncode)")
    assert subprocess.run(["/bin/sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, "-c", code]).returncode == 0

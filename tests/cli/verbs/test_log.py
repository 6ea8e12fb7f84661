"""'whisperctl log follow' as a process."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from tests.cli.conftest import COMMAND, environment
from tests.control.sample import Serving
from whisperd import logs


@pytest.fixture(autouse=True)
def logged() -> Iterator[None]:
    logs.configure(level="debug")
    yield
    logs.configure()


def first_lines(path: str, number: int, *words: str) -> list[str]:
    with subprocess.Popen([*COMMAND, "log", "follow", *words], text=True, stdout=subprocess.PIPE,
                          env=environment(path)) as process:
        assert process.stdout is not None
        found = [process.stdout.readline() for _ in range(number)]
        process.terminate()
    return found


@pytest_twisted.ensureDeferred
async def test_lines_are_printed_with_their_time(serving: Serving) -> None:
    logs.note("tor-state", state="up", percent=100)
    printed, = await deferToThread(first_lines, serving.path, 1, "--lines", "1")
    assert printed.endswith("Z info tor-state state=up percent=100\n") and len(printed.split()[0]) == 20


@pytest_twisted.ensureDeferred
async def test_lines_are_objects_where_that_is_asked(serving: Serving) -> None:
    logs.note("control-refused", uid=5)
    logs.note("tor-state", state="up", percent=100)
    printed: Any = json.loads((await deferToThread(
        first_lines, serving.path, 1, "--level", "warning", "--lines", "1", "--json"))[0])
    assert printed.pop("time").endswith("Z")
    assert printed == {"event": "log-line", "level": "warning", "kind": "control-refused", "fields": {"uid": "5"}}

"""A served sample daemon, and whisperctl as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from tests.control.sample import Serving

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-c", "import sys; from whisperd.cli.ctl import main; sys.exit(main())"]

Ctl = Callable[..., "Deferred[subprocess.CompletedProcess[str]]"]


def environment(path: str, **more: str) -> dict[str, str]:
    """Return what whisperctl finds around it: this socket, and nothing of the person who runs the tests."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "VIRTUAL_ENV") if name in os.environ}
    return kept | {"WHISPERD_SOCKET": path, "PYTHONPATH": str(ROOT), "TERM": "xterm", "LC_ALL": "C.UTF-8"} | more


@pytest_twisted.async_yield_fixture
async def serving(tmp_path: Path) -> AsyncIterator[Serving]:
    served = Serving(str(tmp_path / "run" / "control.sock"), reactor)
    await served.server.start()
    yield served
    await served.server.stop()


@pytest.fixture
def ctl(serving: Serving) -> Ctl:
    """Run whisperctl with these words, in a thread, while the reactor serves it."""

    def run(*words: str, stdin: str = "", **more: str) -> Any:
        return deferToThread(subprocess.run, [*COMMAND, *words], input=stdin, capture_output=True, text=True,
                             timeout=60, env=environment(serving.path, **more))

    return run

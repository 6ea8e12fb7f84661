"""A served sample daemon for the tests of this folder."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor

from tests.control.sample import Serving
from whisperd import logs


@pytest.fixture
def socket_path(tmp_path: Path) -> str:
    return str(tmp_path / "run" / "control.sock")


@pytest_twisted.async_yield_fixture
async def serving(socket_path: str) -> AsyncIterator[Serving]:
    served = Serving(socket_path, reactor)
    await served.server.start()
    yield served
    await served.server.stop()


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the daemon logs meanwhile, of every severity."""
    stream = io.StringIO()
    logs.configure(level="debug", stream=stream)
    yield stream
    logs.configure()

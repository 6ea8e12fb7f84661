"""Stopping: every step is taken, and none is waited for without end."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, succeed

from whisperd.config import load
from whisperd.daemon import Daemon, StopTiming
from whisperd.errors import StoreFailed
from whisperd.stopping import every, within


@pytest_twisted.ensureDeferred
async def test_every_step_is_taken_in_order_whatever_those_before_it_raise(production) -> None:
    taken: list[str] = []

    def step(name: str, result: Callable[[], object] = lambda: None) -> Callable[[], object]:
        return lambda: taken.append(name) or result()

    async def fails() -> None:
        raise StoreFailed

    await every(step("plain"), step("raises", lambda: 1 // 0), step("coroutine", fails),
                step("deferred", lambda: fail(KeyError())), step("last", lambda: succeed(None)))
    assert taken == ["plain", "raises", "coroutine", "deferred", "last"]
    kinds = [line.split("type=")[1].split()[0] for line in production.getvalue().splitlines()]
    assert kinds == ["ZeroDivisionError", "StoreFailed", "KeyError"]


@pytest_twisted.ensureDeferred
async def test_what_takes_too_long_is_not_waited_for() -> None:
    async def works() -> None:
        await succeed(None)

    async def fails() -> None:
        raise StoreFailed

    assert await within(60, works(), reactor)
    assert not await within(0.01, Deferred(), reactor)
    with pytest.raises(StoreFailed):
        await within(60, fails(), reactor)


async def _raises() -> None:
    raise RuntimeError


@pytest.mark.parametrize("stop", [_raises, Deferred], ids=["fails", "hangs"])
@pytest_twisted.ensureDeferred
async def test_a_part_that_fails_or_hangs_does_not_keep_the_others_from_stopping(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, production, stop: Callable[[], Awaitable[None]]) -> None:
    config = load(overrides={"tor.mode": "off", "relay.listen": ["tcp:0:interface=127.0.0.1", f"unix:{tmp_path}/r"],
                             "control.socket": str(tmp_path / "run" / "c")})
    daemon = Daemon(config, reactor=reactor, timing=StopTiming(part=0.1))
    await daemon.start()
    assert os.listdir(tmp_path / "run") and (tmp_path / "r").exists()
    peer = daemon.peer
    monkeypatch.setattr(peer, "stop", stop)
    await daemon.stop()
    assert not os.listdir(tmp_path / "run") and not (tmp_path / "r").exists()
    assert "unexpected type=" in production.getvalue()
    monkeypatch.undo()
    await peer.stop()

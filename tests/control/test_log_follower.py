"""The log over the control socket: what is followed, what a slow follower costs, and that it tells no more."""

from __future__ import annotations

import json
import os
import socket
from typing import Any

import pytest
import pytest_twisted

from tests.control.hands import in_thread, line
from tests.control.sample import Serving
from tests.waiting import eventually
from whisperd import logs
from whisperd.control import log_follower
from whisperd.control.client import Client
from whisperd.errors import UsageError

pytestmark = pytest.mark.usefixtures("log")


def followed(path: str, **params: Any) -> Client:
    client = Client(path)
    client.call("log.follow", params)
    return client


def heard(client: Client, number: int) -> list[str]:
    events = [client.next_event(60) for _ in range(number)]
    return [" ".join([event["level"], event["kind"], *(f"{name}={word}" for name, word in event["fields"].items())])
            for event in events]


@pytest_twisted.ensureDeferred
async def test_lines_from_before_come_first_and_then_each_as_it_is_written(serving: Serving) -> None:
    for percent in range(5):
        logs.note("tor-state", state="bootstrapping", percent=percent)
    client = await in_thread(followed, serving.path, lines=2)
    logs.note("relay-refused", code="room-full")
    assert await in_thread(heard, client, 3) == [
        "info tor-state state=bootstrapping percent=3", "info tor-state state=bootstrapping percent=4",
        "debug relay-refused code=room-full"]
    client.close()


@pytest_twisted.ensureDeferred
async def test_only_what_is_severe_enough_is_told(serving: Serving) -> None:
    logs.note("control-refused", uid=7)
    logs.note("relay-listening", listeners=1)
    client = await in_thread(followed, serving.path, level="warning", lines=1)
    logs.note("relay-listening", listeners=2)
    logs.note("daemon-failed", code="usage")
    assert await in_thread(heard, client, 2) == ["warning control-refused uid=7", "error daemon-failed code=usage"]
    client.close()


@pytest_twisted.ensureDeferred
async def test_what_the_configuration_does_not_log_is_not_told_either(serving: Serving) -> None:
    logs.set_level("warning")
    client = await in_thread(followed, serving.path, level="debug", lines=0)
    logs.note("relay-listening", listeners=2)
    logs.note("control-refused", uid=8)
    assert await in_thread(heard, client, 1) == ["warning control-refused uid=8"]
    client.close()


@pytest_twisted.ensureDeferred
async def test_a_line_written_in_another_thread_is_told_too(serving: Serving) -> None:
    client = await in_thread(followed, serving.path, lines=0)
    await in_thread(logs.note, "control-refused", uid=9)
    assert await in_thread(heard, client, 1) == ["warning control-refused uid=9"]
    client.close()


@pytest_twisted.ensureDeferred
async def test_one_who_leaves_is_told_nothing_more(serving: Serving) -> None:
    before = len(logs._followers)
    client = await in_thread(followed, serving.path)
    assert len(logs._followers) == before + 1
    client.close()
    await eventually(lambda: len(logs._followers) == before)


@pytest_twisted.ensureDeferred
async def test_one_who_does_not_read_is_dropped_with_a_notice_and_the_others_hear_all(serving: Serving) -> None:
    quick = await in_thread(followed, serving.path, lines=0)
    slow = socket.socket(socket.AF_UNIX)
    slow.settimeout(60)
    await in_thread(slow.connect, serving.path)
    slow.sendall(line("log.follow", lines=0))
    await eventually(lambda: len(logs._followers) == 2)
    told = 0
    while len(logs._followers) == 2:
        assert told < 100_000, "the one that does not read is not let go"
        logs.note("relay-refused", code="room-full")
        told += 1
        assert (await in_thread(quick.next_event, 60))["kind"] == "relay-refused"
    assert told > log_follower.MAX_BEHIND

    def rest() -> list[dict[str, Any]]:
        with slow.makefile("rb") as lines:
            return [json.loads(each) for each in lines]

    last = (await in_thread(rest))[-1]["params"]
    assert last == {"event": "log-dropped", "lines": log_follower.MAX_BEHIND + 1}
    dropped = await in_thread(quick.next_event, 60)
    assert (dropped["kind"], dropped["fields"]) == ("control-dropped", {"uid": str(os.geteuid())})
    slow.close()
    quick.close()


@pytest_twisted.ensureDeferred
async def test_one_who_pauses_misses_nothing(serving: Serving) -> None:
    slow = await in_thread(followed, serving.path, lines=0)
    connection, = serving.server._connections
    connection.pauseProducing()
    for uid in range(log_follower.MAX_BEHIND):
        logs.note("control-refused", uid=uid)
    connection.resumeProducing()
    logs.note("control-refused", uid=log_follower.MAX_BEHIND)
    found = await in_thread(heard, slow, log_follower.MAX_BEHIND + 1)
    assert found == [f"warning control-refused uid={uid}" for uid in range(log_follower.MAX_BEHIND + 1)]
    slow.close()


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("params", [{"level": "all"}, {"lines": logs.RECENT + 1}, {"lines": -1}])
async def test_what_is_asked_for_is_bounded(serving: Serving, params: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        await in_thread(followed, serving.path, **params)


def test_no_more_than_the_last_lines_are_kept() -> None:
    for uid in range(logs.RECENT + 5):
        logs.note("control-refused", uid=uid)
    kept = logs.recent("debug", logs.RECENT)
    assert len(kept) == logs.RECENT and str(kept[0]) == "warning control-refused uid=5"

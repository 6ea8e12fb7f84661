"""'whisperctl status --check' and '--watch': a verdict in one line, and a screen that is drawn again."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from tests.cli.conftest import COMMAND, Ctl, environment
from tests.cli.terminal import Terminal
from tests.control.sample import ADDRESS, SampleApi, Serving
from whisperd.cli.verbs.health import CONDITIONS, CRITICAL, OK, UNKNOWN, WARNING, judge
from whisperd.control.events import EventBus


def well() -> dict[str, Any]:
    return asyncio.run(SampleApi(EventBus()).status())


def judged(**changes: Any) -> list[str]:
    """Return the conditions of a good status with some values changed, by their path."""
    status = well()
    for path, value in changes.items():
        *above, name = path.split("__")
        place = status
        for key in above:
            place = place[key]
        place[name] = value
    return [name for name, _ in judge(status).found]


ERROR = {"code": "onion-unreachable", "message": "not reached", "remedy": "Wait."}


@pytest.mark.parametrize(("changes", "found"), [
    ({}, []),
    ({"relay": None}, []),
    ({"tor__state": "off", "tor__onion__wanted": False}, []),
    ({"tor__state": "lost"}, ["tor-lost"]),
    ({"tor__state": "lost", "tor__error": ERROR}, ["error", "tor-lost"]),
    ({"tor__state": "bootstrapping"}, ["tor-starting"]),
    ({"tor__onion__state": "publishing"}, ["onion-pending"]),
    ({"tor__onion__state": "lost"}, ["onion-lost"]),
    ({"tor__onion__state": "absent"}, ["onion-lost"]),
    ({"tor__onion__state": "absent", "tor__onion__wanted": False}, []),
    ({"tor__onion__reached_age": 4200}, []),
    ({"tor__onion__reached_age": 4201}, ["onion-unproved"]),
    ({"tor__onion__reached_age": 4201, "tor__onion__probe_interval": 0}, []),
    ({"tor__onion__reached_age": None}, []),
    ({"tor__onion__reached_age": None, "uptime": 4201}, ["onion-unproved"]),
    ({"relay__connections": 899}, []),
    ({"relay__connections": 900}, ["relay-nearly-full"]),
    ({"relay__rooms": 500, "relay__draining": True}, ["relay-full", "draining"]),
    ({"store__state": "locked"}, ["store-locked"]),
    ({"store__state": "new"}, ["store-locked"]),
    ({"confinement__why": "this kernel has no Landlock"}, ["unconfined"]),
    ({"confinement__why": "daemon.sandbox is off", "confinement__sandbox": "off"}, []),
    ({"confinement__no_tracing": False}, ["unconfined"]),
])
def test_what_is_wrong_is_found_the_worst_first(changes: dict[str, Any], found: list[str]) -> None:
    assert judged(**changes) == found


def test_the_level_is_that_of_the_worst() -> None:
    assert judge(well()).level == OK
    assert {CONDITIONS[name].level for name in judged(relay__draining=True)} == {WARNING}
    status = well()
    status["relay"]["draining"], status["tor"]["state"] = True, "lost"
    assert judge(status).level == CRITICAL


@pytest_twisted.ensureDeferred
async def test_a_daemon_that_is_well_is_one_line_without_its_address(ctl: Ctl) -> None:
    done = await ctl("status", "--check")
    assert (done.returncode, done.stderr) == (OK, "")
    assert done.stdout == ("WHISPERD OK: up 1 h 2 min, onion service published, reached 5 s ago | uptime=3725s "
                           "connections=3;900;1000;0;1000 rooms=2;450;500;0;500 reached_age=5s\n")
    assert ADDRESS not in done.stdout


@pytest_twisted.ensureDeferred
async def test_what_is_wrong_sets_the_exit_status(serving: Serving, ctl: Ctl) -> None:
    status = well()
    status["tor"]["error"] = ERROR | {"message": "a|b\x1b[2J\nc"}

    async def answer() -> dict[str, Any]:
        return status

    serving.api.status = answer  # type: ignore[method-assign]
    done = await ctl("status", "--check")
    assert done.returncode == CRITICAL and done.stdout.startswith("WHISPERD CRITICAL: a/b[2J c | uptime=")
    done = await ctl("status", "--check", "--json")
    assert done.returncode == CRITICAL and json.loads(done.stdout)["found"][0]["condition"] == "error"


@pytest_twisted.ensureDeferred
async def test_a_daemon_that_is_not_there_is_critical(ctl: Ctl) -> None:
    done = await ctl("--socket", "/nowhere/control.sock", "status", "--check")
    assert (done.returncode, done.stderr) == (CRITICAL, "")
    assert done.stdout == "WHISPERD CRITICAL: no daemon answers on /nowhere/control.sock\n"


@pytest_twisted.ensureDeferred
async def test_an_answer_that_is_not_understood_is_unknown(serving: Serving, ctl: Ctl) -> None:
    async def answer() -> dict[str, Any]:
        return {"of": "another version"}

    serving.api.status = answer  # type: ignore[method-assign]
    done = await ctl("status", "--check")
    assert done.returncode == UNKNOWN and done.stdout.startswith("WHISPERD UNKNOWN: ")


@pytest_twisted.ensureDeferred
async def test_watching_and_judging_do_not_go_together(ctl: Ctl) -> None:
    assert (await ctl("status", "--check", "--watch")).returncode == 2


@pytest_twisted.ensureDeferred
async def test_a_watched_status_is_drawn_again_and_waits_for_a_daemon_that_is_away(serving: Serving) -> None:
    view = Terminal([*COMMAND, "status", "--watch", "--every", "0.1"], environment(serving.path))
    try:
        await deferToThread(view.wait_for, "whisperd 0.1.0")
        await serving.server.stop()
        await deferToThread(view.wait_for, "no daemon answers")
        again = {**well(), "version": "0.2.0"}

        async def answer() -> dict[str, Any]:
            return again

        serving.api.status = answer  # type: ignore[method-assign]
        await serving.server.start()
        await deferToThread(lambda: view.wait_for("whisperd 0.2.0") and view.press("\x03"))
        assert await deferToThread(view.wait_for_end) == 9
        assert view.raw.count("\x1b[H\x1b[2J") >= 3
    finally:
        view.close()


@pytest_twisted.ensureDeferred
async def test_a_watched_status_is_lines_of_json_where_that_is_asked(serving: Serving) -> None:
    def three() -> list[Any]:
        import subprocess

        with subprocess.Popen([*COMMAND, "status", "--watch", "--every", "0.1", "--json"], text=True,
                              stdout=subprocess.PIPE, env=environment(serving.path)) as process:
            assert process.stdout is not None
            rows = [json.loads(process.stdout.readline()) for _ in range(3)]
            process.terminate()
        return rows

    assert [row["pid"] for row in await deferToThread(three)] == [4242] * 3

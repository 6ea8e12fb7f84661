"""Who may only read is refused the rest, by a real socket and real users; and what the audit trail has of it."""

from __future__ import annotations

import io
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor

from tests.control.hands import call, exchange, in_thread, line
from tests.control.sample import Serving
from whisperd.control.audit import Audit
from whisperd.control.commands import METHODS, READ
from whisperd.errors import ConfigError, ConversationUnknown, WhisperdError

NOBODY = 65_534  #: a user, and the group that the user database gives it
ADMINS = 65_500

_ASK = """
import json, os, socket, sys
uid, gid = map(int, sys.argv[1:3])
os.setgroups([65534]), os.setgid(gid), os.setuid(uid)
with socket.socket(socket.AF_UNIX) as raw:
    raw.settimeout(60)
    raw.connect(sys.argv[3])
    lines = raw.makefile("rb")
    for request in sys.argv[4:]:
        raw.sendall(request.encode() + b"\\n")
        answer = json.loads(lines.readline())
        print(answer["error"]["data"]["code"] if "error" in answer else "done", flush=True)
"""


def ask_as(gid: int, path: str, *methods: str) -> list[str]:
    """Return how each method ends for an ordinary user whose process is in one group."""
    requests = [line(method, **_given(method)).decode().strip() for method in methods]
    done = subprocess.run([sys.executable, "-c", _ASK, str(NOBODY), str(gid), path, *requests], capture_output=True,
                          text=True, timeout=60)
    assert done.stderr == "", done
    return done.stdout.split()


def _given(method: str) -> dict[str, Any]:
    """Return parameters that are good enough for the method to be carried out."""
    kinds = {"string": "c1", "integer": 1, "number": 1, "boolean": True}
    return {param.name: param.choices[0] if param.choices else kinds[param.type]
            for param in METHODS[method].sent if param.required}


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can ask as somebody else")


@pytest_twisted.async_yield_fixture
async def guarded(tmp_path: Path):
    """A daemon for the group of NOBODY, administered by ADMINS, in a place that everybody may enter."""
    import shutil
    import tempfile

    folder = tempfile.mkdtemp(dir="/tmp")
    os.chmod(folder, 0o755)
    served = Serving(f"{folder}/control.sock", reactor, str(NOBODY), admin_group=str(ADMINS))
    await served.server.start()
    yield served
    await served.server.stop()
    shutil.rmtree(folder)


@needs_root
@pytest_twisted.ensureDeferred
async def test_one_of_the_reading_group_may_read_and_nothing_else(guarded: Serving) -> None:
    readable = [method for method, command in METHODS.items() if command.right == READ]
    others = [method for method, command in METHODS.items() if command.right != READ]
    assert await in_thread(ask_as, NOBODY, guarded.path, *readable[:-1]) == ["done"] * (len(readable) - 1)
    assert await in_thread(ask_as, NOBODY, guarded.path, *others) == ["permission-refused"] * len(others)
    assert guarded.api.calls == [] and guarded.api.chats == {}


@needs_root
@pytest_twisted.ensureDeferred
async def test_one_of_both_groups_administers(guarded: Serving) -> None:
    assert await in_thread(ask_as, ADMINS, guarded.path, "relay.drain", "reload", "chat.invite") == ["done"] * 3


@needs_root
@pytest_twisted.ensureDeferred
async def test_a_refusal_does_not_end_the_connection(guarded: Serving) -> None:
    assert await in_thread(ask_as, NOBODY, guarded.path, "stop", "address") == ["permission-refused", "done"]


def test_a_group_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"control.admin_group names the group nobody-has-this"):
        Serving(str(tmp_path / "c.sock"), reactor, admin_group="nobody-has-this")


# -- the audit trail -------------------------------------------------------------------------------------------------


async def audited(path: str, place: str) -> Serving:
    served = Serving(path, reactor, audit=Audit(place))
    await served.server.start()
    return served


async def administer(served: Serving) -> None:
    """Do something administrative, something that fails, something that only reads, and talk."""
    await in_thread(call, served.path, "relay.drain", stop=False)
    with pytest.raises(WhisperdError):
        await in_thread(call, served.path, "access.revoke", id="swordfish")
    await in_thread(call, served.path, "status")
    chat = (await in_thread(call, served.path, "chat.invite"))["chat"]
    await in_thread(call, served.path, "chat.end", chat=chat)
    with pytest.raises(ConversationUnknown):
        await in_thread(call, served.path, "chat.end", chat="c77")


@pytest_twisted.ensureDeferred
async def test_the_log_has_each_administrative_command_with_user_and_outcome(socket_path: str,
                                                                             log: io.StringIO) -> None:
    served = await audited(socket_path, "log")
    await administer(served)
    await served.server.stop()
    records = [each.split(" ", 2)[2] for each in log.getvalue().splitlines()]
    uid = os.geteuid()
    assert records == [f"control-audit method=relay.drain uid={uid} outcome=done",
                       f"control-audit method=access.revoke uid={uid} outcome=access-unknown"]


@pytest_twisted.ensureDeferred
async def test_a_file_has_the_same_and_is_its_owner_s_alone(socket_path: str, tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    served = await audited(socket_path, str(file))
    await administer(served)
    await served.server.stop()
    records = [json.loads(each) for each in file.read_text().splitlines()]
    assert [sorted(record) for record in records] == [["method", "outcome", "time", "uid"]] * 2
    assert [(record["method"], record["outcome"]) for record in records] == [
        ("relay.drain", "done"), ("access.revoke", "access-unknown")]
    assert file.stat().st_mode & 0o777 == 0o600
    assert "swordfish" not in file.read_text()


@pytest_twisted.ensureDeferred
async def test_without_the_key_nothing_is_recorded(serving: Serving, log: io.StringIO) -> None:
    await administer(serving)
    assert log.getvalue() == ""


@needs_root
@pytest_twisted.ensureDeferred
async def test_what_was_refused_is_recorded_whatever_it_is(guarded: Serving, log: io.StringIO) -> None:
    guarded.server.audit = Audit("log")
    await in_thread(ask_as, NOBODY, guarded.path, "chat.list", "stop")
    assert [each.split(" ", 2)[2] for each in log.getvalue().splitlines()] == [
        f"control-audit method={method} uid={NOBODY} outcome=permission-refused" for method in ("chat.list", "stop")]


@pytest_twisted.ensureDeferred
async def test_a_file_that_cannot_be_written_stops_the_start_and_leaves_nothing(socket_path: str) -> None:
    served = Serving(socket_path, reactor, audit=Audit("/proc/nowhere/audit"))
    with pytest.raises(ConfigError, match=r"control\.audit: /proc/nowhere/audit cannot be written"):
        await served.server.start()
    assert not Path(socket_path).exists() and not Path(f"{socket_path}.lock").exists()


def test_a_file_that_fails_is_complained_of_once(log: io.StringIO) -> None:
    trail = Audit("/dev/full")
    trail.open()
    for _ in range(3):
        trail.record("reload", 0, "done")
    trail.close()
    assert [each.split(" ", 1)[1] for each in log.getvalue().splitlines()] == ["error control-audit-failed"]


def test_a_pipe_that_nobody_reads_is_refused_or_complained_of_and_not_waited_for(
        tmp_path: Path, log: io.StringIO) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    trail = Audit(str(pipe))
    with pytest.raises(ConfigError, match=r"control\.audit"):
        trail.open()
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    trail.open()
    for _ in range(100_000):  # far more than a pipe holds
        if log.getvalue():
            break
        trail.record("reload", 0, "done")
    trail.close()
    os.close(reading)
    assert log.getvalue().endswith("error control-audit-failed\n")


def test_a_record_that_was_cut_short_is_on_a_line_of_its_own(tmp_path: Path, log: io.StringIO) -> None:
    file = tmp_path / "audit.log"
    trail = Audit(str(file))
    trail.open()
    trail.record("stop", 1, "done")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 10, before[1]))
    try:
        trail.record("reload", 2, "done")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    trail.record("reload", 3, "done")
    trail.close()
    first, torn, last = file.read_text().splitlines()
    assert len(torn) == 10 and [json.loads(line)["uid"] for line in (first, last)] == [1, 3]
    assert "control-audit-failed" in log.getvalue()


def test_a_file_that_was_moved_away_is_made_anew_at_the_reload(tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    trail = Audit(str(file))
    trail.open()
    trail.record("stop", 1, "done")
    file.rename(tmp_path / "audit.log.1")
    trail.reopen()
    trail.record("reload", 2, "done")
    trail.close()
    assert '"uid": 2' in file.read_text() and '"uid": 1' in (tmp_path / "audit.log.1").read_text()


@pytest_twisted.ensureDeferred
async def test_a_request_that_is_none_is_not_recorded(socket_path: str, log: io.StringIO) -> None:
    served = await audited(socket_path, "log")
    await in_thread(exchange, socket_path, b"nonsense\n" + line("stop", unheard=1), 2)
    await served.server.stop()
    assert log.getvalue() == ""

"""The control socket in the file system: whose it is, what is left of it, and who may use it."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import gatherResults

from tests.control.hands import call, in_thread
from tests.control.sample import Serving
from whisperd.control.client import Client
from whisperd.control.socket_path import SocketPlace
from whisperd.errors import (
    ConfigError,
    DaemonRunning,
    DaemonUnreachable,
)

ROOT = Path(__file__).resolve().parents[2]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


# -- the place -------------------------------------------------------------------------------------------------------


def test_the_socket_and_its_folder_are_for_owner_and_group_only(serving: Serving) -> None:
    path = Path(serving.path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.with_name("control.sock.lock").stat().st_mode) == 0o600


@pytest_twisted.ensureDeferred
async def test_a_stopped_server_leaves_nothing_and_can_start_again(serving: Serving) -> None:
    await serving.server.stop()
    assert os.listdir(Path(serving.path).parent) == []
    with pytest.raises(DaemonUnreachable):
        await in_thread(Client, serving.path)
    await serving.server.start()
    assert (await in_thread(call, serving.path, "status"))["pid"] == 4242


@pytest_twisted.ensureDeferred
async def test_stopping_closes_clients_that_wait_and_clients_that_do_not_read(socket_path: str) -> None:
    serving = Serving(socket_path, reactor, close_seconds=0.1)
    await serving.server.start()
    deaf, client = await in_thread(lambda: (Client(serving.path), Client(serving.path)))
    await in_thread(deaf.events, "c1")
    for number in range(100):
        serving.bus.emit("chat-message", chat="c1", id=number, direction="in", text="x" * 16_000, timer=0)
    events = await in_thread(client.events)
    waiting = in_thread(next, events)
    await serving.server.stop()
    with pytest.raises(DaemonUnreachable):
        await waiting
    deaf.close()
    client.close()


@pytest_twisted.ensureDeferred
async def test_the_answer_to_the_last_request_is_read_before_the_connection_closes(serving: Serving) -> None:
    def stop() -> Any:
        with Client(serving.path) as client:
            answer = client.call("stop")
            client.wait_closed(10)
            return answer, Path(serving.path).exists()

    assert await in_thread(stop) == ({"stopping": True}, False)


@pytest_twisted.ensureDeferred
async def test_stopping_works_when_somebody_removed_the_socket(serving: Serving) -> None:
    os.unlink(serving.path)
    await serving.server.stop()
    assert os.listdir(Path(serving.path).parent) == []


@pytest_twisted.ensureDeferred
async def test_a_second_daemon_is_refused_and_the_first_not_disturbed(serving: Serving) -> None:
    with pytest.raises(DaemonRunning):
        await Serving(serving.path, reactor).server.start()
    assert (await in_thread(call, serving.path, "status"))["pid"] == 4242


@pytest_twisted.ensureDeferred
async def test_a_second_daemon_is_refused_even_if_the_socket_was_removed(serving: Serving) -> None:
    os.unlink(serving.path)
    with pytest.raises(DaemonRunning):
        await Serving(serving.path, reactor).server.start()


@pytest_twisted.ensureDeferred
async def test_a_socket_that_somebody_without_a_lock_serves_is_left_alone(socket_path: str) -> None:
    os.mkdir(os.path.dirname(socket_path))
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(socket_path)
        other.listen()
        with pytest.raises(DaemonRunning):
            await Serving(socket_path, reactor).server.start()
    assert os.listdir(os.path.dirname(socket_path)) == ["control.sock"]


@pytest_twisted.ensureDeferred
async def test_a_dead_daemon_s_socket_and_lock_are_taken_over(socket_path: str) -> None:
    script = ("import os, socket, sys\nfrom whisperd.control.socket_path import SocketPlace\n"
              "SocketPlace(sys.argv[1]).claim()\ns = socket.socket(socket.AF_UNIX)\ns.bind(sys.argv[1])\ns.listen()\n"
              "os.kill(os.getpid(), 9)")
    dead = await in_thread(subprocess.run, [sys.executable, "-c", script, socket_path], cwd=ROOT)
    assert dead.returncode == -9
    assert sorted(os.listdir(os.path.dirname(socket_path))) == ["control.sock", "control.sock.lock"]
    served = Serving(socket_path, reactor)
    await served.server.start()
    assert (await in_thread(call, socket_path, "status"))["pid"] == 4242
    await served.server.stop()


@pytest_twisted.ensureDeferred
async def test_only_one_of_two_that_start_at_once_gets_the_place(socket_path: str) -> None:
    first, second = SocketPlace(socket_path), SocketPlace(socket_path)

    def claim(place: SocketPlace) -> bool:
        try:
            place.claim()
        except DaemonRunning:
            return False
        return True

    for _ in range(20):
        got = await gatherResults([in_thread(claim, first), in_thread(claim, second)])
        assert sorted(got) == [False, True]
        first.release()
        second.release()


@pytest.mark.parametrize("what", ["file", "folder", "link"])
@pytest_twisted.ensureDeferred
async def test_what_is_no_socket_is_never_removed(socket_path: str, what: str) -> None:
    path = Path(socket_path)
    path.parent.mkdir()
    {"file": path.touch, "folder": path.mkdir, "link": lambda: path.symlink_to("elsewhere")}[what]()
    with pytest.raises(ConfigError, match="is not a socket"):
        await Serving(socket_path, reactor).server.start()
    assert os.listdir(path.parent) == ["control.sock"]


@pytest_twisted.ensureDeferred
async def test_a_place_that_cannot_be_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="could not be created"):
        await Serving(str(tmp_path / "file" / "control.sock"), reactor).server.start()
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    with pytest.raises(ConfigError, match="everybody may write"):
        await Serving(str(open_to_all / "control.sock"), reactor).server.start()
    with pytest.raises(ConfigError, match="does not exist"):
        Serving(str(tmp_path / "control.sock"), reactor, group="no-such-group")


# -- who may ---------------------------------------------------------------------------------------------------------

AS_NOBODY = """
import os, sys
sys.path.insert(0, sys.argv[2])
from whisperd.control.client import Client
from whisperd.errors import WhisperdError
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    print(Client(sys.argv[1]).call("status")["pid"])
except WhisperdError as error:
    print(error.code)
"""


def as_nobody(path: str) -> str:
    done = subprocess.run([sys.executable, "-c", AS_NOBODY, path, str(ROOT)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def mode_and_group(path: Path) -> tuple[int, int]:
    found = path.stat()
    return stat.S_IMODE(found.st_mode), found.st_gid


def open_the_way(path: Path, mode: int) -> None:
    """Let other users reach the socket's folder, and give the socket this mode."""
    path.chmod(mode)
    for folder in path.parents:
        if folder.stat().st_mode & 0o005 != 0o005:
            folder.chmod(0o755)


@as_root
@pytest_twisted.ensureDeferred
async def test_another_user_is_refused_with_an_answer_and_noted(serving: Serving, log) -> None:
    open_the_way(Path(serving.path), 0o666)
    assert await in_thread(as_nobody, serving.path) == "permission-refused"
    assert "control-refused uid=65534" in log.getvalue()
    assert (await in_thread(call, serving.path, "status"))["pid"] == 4242


@as_root
@pytest_twisted.ensureDeferred
async def test_the_file_system_keeps_another_user_away_already(serving: Serving) -> None:
    open_the_way(Path(serving.path), 0o660)
    assert await in_thread(as_nobody, serving.path) == "permission-refused"


@as_root
@pytest_twisted.ensureDeferred
async def test_a_member_of_the_group_is_served(socket_path: str) -> None:
    served = Serving(socket_path, reactor, group="65534")
    await served.server.start()
    try:
        path = Path(socket_path)
        assert mode_and_group(path) == (0o660, 65534)
        assert mode_and_group(path.parent) == (0o750, 65534)
        open_the_way(path.parent, 0o750)
        assert await in_thread(as_nobody, socket_path) == "4242"
    finally:
        await served.server.stop()


def test_a_path_without_a_daemon_has_its_own_error(tmp_path: Path) -> None:
    with pytest.raises(DaemonUnreachable):
        Client(str(tmp_path / "nothing"))

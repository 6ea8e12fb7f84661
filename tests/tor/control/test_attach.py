"""Every way in which attaching to a tor works or fails has its own name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.threads import deferToThread

from tests.tor.kit import Echo, OwnTor
from whisperd.errors import (
    ConfigError,
    TorAuthRefused,
    TorCommandFailed,
    TorControlForbidden,
    TorControlUnreachable,
    TorUnavailable,
)
from whisperd.tor.control.attach import attach, socks_of
from whisperd.tor.testnet.ports import free_ports

PASSWORD = "a pässword with spaces"


@pytest.fixture
def reactor() -> Any:
    from twisted.internet import reactor

    return reactor


@pytest_twisted.async_yield_fixture
async def offline(reactor: Any, tmp_path: Path) -> AsyncIterator[Any]:
    """A function that starts a tor without any network, with these torrc lines; ended after the test."""
    started: list[OwnTor] = []

    async def start(*lines: str) -> None:
        started.append(await OwnTor(reactor, tmp_path, ["DisableNetwork 1", "SocksPort 0", *lines]).start())

    yield start
    for tor in started:
        await tor.kill()


def hashed(password: str) -> str:
    found = subprocess.run(["tor", "--quiet", "--hash-password", password], capture_output=True, text=True, check=True)
    return found.stdout.split()[-1]


@pytest_twisted.ensureDeferred
async def test_a_control_socket_with_a_cookie_is_opened(reactor: Any, offline: Any, tmp_path: Path) -> None:
    await offline(f"ControlPort unix:{tmp_path}/control", "CookieAuthentication 1")
    control = await attach(f"unix:{tmp_path}/control", reactor=reactor)
    assert (await control.request("GETINFO version")).startswith("version=0.4.")
    control.abort()
    await control.when_lost()


@pytest_twisted.ensureDeferred
async def test_a_control_port_with_a_password_takes_the_right_one_only(reactor: Any, offline: Any) -> None:
    [port] = free_ports(1)
    await offline(f"ControlPort {port}", f"HashedControlPassword {hashed(PASSWORD)}")
    place = f"tcp:127.0.0.1:{port}"
    (await attach(place, reactor=reactor, password=PASSWORD)).abort()
    with pytest.raises(TorAuthRefused, match="refused the password"):
        await attach(place, reactor=reactor, password="wrong")
    with pytest.raises(TorAuthRefused, match="requires a password"):
        await attach(place, reactor=reactor)


@pytest_twisted.ensureDeferred
async def test_a_cookie_that_is_gone_is_no_riddle(reactor: Any, offline: Any, tmp_path: Path) -> None:
    [port] = free_ports(1)
    await offline(f"ControlPort {port}", "CookieAuthentication 1")
    (await attach(f"tcp:127.0.0.1:{port}", reactor=reactor)).abort()
    (tmp_path / "data" / "control_auth_cookie").unlink()
    with pytest.raises(TorAuthRefused, match="cookie"):
        await attach(f"tcp:127.0.0.1:{port}", reactor=reactor)


@pytest_twisted.ensureDeferred
async def test_tors_refusal_of_a_command_is_passed_on_and_the_connection_lives(
        reactor: Any, offline: Any, tmp_path: Path) -> None:
    await offline(f"ControlPort unix:{tmp_path}/control")
    control = await attach(f"unix:{tmp_path}/control", reactor=reactor)
    with pytest.raises(TorCommandFailed, match="ADD_ONION: 51"):
        await control.request("ADD_ONION nonsense Port=80")
    with pytest.raises(TorUnavailable, match="has no SOCKS port"):
        await socks_of(control)
    control.abort()


@pytest.mark.parametrize("name", ["a b", 'a "quoted" one', "back\\slash", "\u00e9\u6f22", "it's", "a\ttab"])
@pytest_twisted.ensureDeferred
async def test_a_socks_socket_is_found_whatever_its_path_is(reactor: Any, tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir(mode=0o700)
    written = str(folder).replace("\\", "\\\\").replace('"', '\\"')
    tor = await OwnTor(reactor, tmp_path / "tor", [
        f"ControlPort unix:{tmp_path}/control", f'SocksPort unix:"{written}/socks"',
        "UseBridges 1", "Bridge 127.0.0.1:1"]).start()
    try:
        control = await attach(f"unix:{tmp_path}/control", reactor=reactor)
        assert await socks_of(control) == f"unix:{folder}/socks"
        control.abort()
    finally:
        await tor.kill()


@pytest_twisted.ensureDeferred
async def test_a_tor_that_hangs_is_noticed_and_no_later_command_hangs_behind_it(
        reactor: Any, offline: Any, tmp_path: Path) -> None:
    await offline(f"ControlPort unix:{tmp_path}/control", "PidFile " + str(tmp_path / "pid"))
    control = await attach(f"unix:{tmp_path}/control", reactor=reactor)
    os.kill(int((tmp_path / "pid").read_text()), 19)
    with pytest.raises(TorControlUnreachable, match="no longer answers"):
        await control.request("GETINFO version", timeout=0.2)
    await control.when_lost()
    with pytest.raises(TorControlUnreachable, match="closed"):
        await control.request("GETINFO version")
    os.kill(int((tmp_path / "pid").read_text()), 18)


@pytest_twisted.ensureDeferred
async def test_a_socks_port_given_as_control_port_is_recognised(reactor: Any, testnet: Any) -> None:
    with pytest.raises(TorControlUnreachable, match="is tor's SOCKS port, not its control port"):
        await attach(testnet.clients[0].socks, reactor=reactor)


class Silent(Protocol):
    """Listens and never answers."""


@pytest.mark.parametrize(("protocol", "seconds", "words"), [
    (Echo, 60, "is not tor's control port"), (Silent, 0.3, "does not answer")])
@pytest_twisted.ensureDeferred
async def test_something_else_on_the_port_is_no_control_port(
        reactor: Any, protocol: type, seconds: float, words: str) -> None:
    port = reactor.listenTCP(0, Factory.forProtocol(protocol), interface="127.0.0.1")
    try:
        with pytest.raises(TorControlUnreachable, match=words):
            await attach(f"tcp:127.0.0.1:{port.getHost().port}", reactor=reactor, timeout=seconds)
    finally:
        await port.stopListening()


@pytest_twisted.ensureDeferred
async def test_a_port_where_nothing_listens_is_named(reactor: Any, tmp_path: Path) -> None:
    for place in (f"tcp:127.0.0.1:{free_ports(1)[0]}", f"unix:{tmp_path}/nothing"):
        with pytest.raises(TorControlUnreachable, match=f"nothing answers on {place}"):
            await attach(place, reactor=reactor)


@pytest_twisted.ensureDeferred
async def test_a_place_that_would_need_a_resolver_is_refused(reactor: Any) -> None:
    with pytest.raises(ConfigError):
        await attach("tcp:tor.example.org:9051", reactor=reactor)


@pytest_twisted.ensureDeferred
async def test_the_usual_places_are_tried_and_the_most_telling_error_wins(
        reactor: Any, offline: Any, tmp_path: Path) -> None:
    nothing = f"unix:{tmp_path}/nothing"
    with pytest.raises(TorControlUnreachable, match="usual control ports"):
        await attach("", reactor=reactor, usual=(nothing, nothing))
    [port] = free_ports(1)
    await offline(f"ControlPort {port}", f"HashedControlPassword {hashed(PASSWORD)}")
    usual = (nothing, f"tcp:127.0.0.1:{port}")
    with pytest.raises(TorAuthRefused):
        await attach("", reactor=reactor, usual=usual)
    (await attach("", reactor=reactor, usual=usual, password=PASSWORD)).abort()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest_twisted.ensureDeferred
async def test_a_socket_or_a_cookie_of_another_user_is_named_as_forbidden(reactor: Any, offline: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        socket, [port] = Path(folder) / "private" / "control", free_ports(1)
        socket.parent.mkdir(mode=0o700)
        await offline(f"ControlPort unix:{socket}", f"ControlPort {port}", "CookieAuthentication 1",
                      f"CookieAuthFile {socket.parent / 'cookie'}")
        errors = await errors_of_nobody([f"unix:{socket}", f"tcp:127.0.0.1:{port}"])
    assert errors == [[TorControlForbidden.code, f"this user may not open unix:{socket}"],
                      [TorControlForbidden.code, "this user may not read tor's cookie file"]]


_AS_NOBODY = """
import json, os, sys
from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from whisperd.tor.control.attach import attach
from whisperd.errors import WhisperdError
async def work():
    for place in sys.argv[1:]:
        try:
            await attach(place, reactor=reactor)
            found.append(["attached", place])
        except WhisperdError as error:
            found.append([error.code, error.message])
found = []
"".encode("unicode-escape")  # txtorcon needs this codec, which nobody may not load
os.setgroups([]); os.setgid(65534); os.setuid(65534)
reactor.callWhenRunning(lambda: ensureDeferred(work()).addBoth(lambda _: reactor.stop()))
reactor.run()
print(json.dumps(found))
"""


async def errors_of_nobody(places: list[str]) -> list[list[str]]:
    """Attach to these places as the user nobody, in another process; return code and message of each error."""
    done = await deferToThread(subprocess.run, [sys.executable, "-c", _AS_NOBODY, *places], capture_output=True,
                               text=True, check=True, timeout=30)
    return json.loads(done.stdout)

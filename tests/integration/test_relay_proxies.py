"""The configurations of contrib/proxies, with the real programs in front of a real relay."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.error import ConnectError
from twisted.internet.task import deferLater

from tests.relay.certificates import write_certificate
from tests.relay.kit import ANNA, BEN, RelayWorld, Tls
from whisperd.tor.testnet.ports import free_ports

CONTRIB = Path(__file__).parents[2] / "contrib/proxies"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_certificate(tmp_path)
    (tmp_path / "certificate.pem").rename(tmp_path / "fullchain.pem")
    return tmp_path


@pytest.fixture
def run() -> Iterator:
    running: list[subprocess.Popen[bytes]] = []

    def begin(*command: str) -> None:
        running.append(subprocess.Popen(command))

    yield begin
    for process in running:
        process.terminate()
        process.wait()


def adapted(name: str, folder: Path, port: int) -> str:
    text = (CONTRIB / name).read_text()
    return (text.replace("/run/whisperd", str(folder)).replace("/etc/ssl/relay.example", str(folder))
            .replace(":443", f"127.0.0.1:{port}").replace("listen 443", f"listen 127.0.0.1:{port}"))


async def reached(world: RelayWorld, place: str, wanted: bool) -> None:
    """Wait until the proxy lets clients through to the relay, or does not any more."""
    for _ in range(100):
        try:
            through = (await world.http("GET /health HTTP/1.1\r\nConnection: close", place))[0] == 200
        except (ConnectError, IndexError):
            through = False
        if through == wanted:
            return
        await deferLater(reactor, 0.1)
    raise AssertionError("the proxy has not noticed")


async def meet(world: RelayWorld, place: str) -> None:
    """Have two peers come to a room through the proxy, and one say something."""
    anna = await world.peer(ANNA, place=place)
    assert await anna.types(1) == ["joined"]
    ben = await world.peer(BEN, place=place)
    assert await ben.types(2) == ["joined", "ready"]
    ben.sendMessage(b"through a proxy", isBinary=True)
    assert await anna.types(1) == ["ready"]
    assert await anna.next() == b"through a proxy"


@pytest_twisted.ensureDeferred
async def test_two_peers_meet_behind_nginx(folder: Path, run) -> None:
    port = free_ports(1)[0]
    (folder / "nginx.conf").write_text(
        f"daemon off; user root; pid {folder}/pid; error_log stderr crit; events {{}}\n"
        f"http {{ client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f; "
        f"uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n{adapted('nginx.conf', folder, port)}\n}}\n")
    run("nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", "stderr")
    place = f"tls:tcp:127.0.0.1:{port}"
    world = await RelayWorld(reactor, f"unix:{folder}/relay.sock:mode=666", tls=Tls()).up()
    await reached(world, place, True)
    await meet(world, place)
    _, fields, _ = await world.http("GET /health HTTP/1.1\r\nConnection: close", place)
    assert fields["Strict-Transport-Security"] == "max-age=31536000"
    await world.down()


@pytest_twisted.ensureDeferred
async def test_two_peers_meet_behind_haproxy_by_the_relay_s_own_tls_and_a_drain_turns_newcomers_away(
        folder: Path, run) -> None:
    port = free_ports(1)[0]
    (folder / "haproxy.cfg").write_text(adapted("haproxy.cfg", folder, port))
    world = RelayWorld(reactor, f"haproxy:unix:{folder}/health.sock:mode=666", tls=Tls(),
                       tls_listen=(f"haproxy:unix:{folder}/relay.sock:mode=666",),
                       tls_certificate=f"{folder}/fullchain.pem", tls_key=f"{folder}/key.pem")
    await world.up()
    run("haproxy", "-f", str(folder / "haproxy.cfg"), "-db", "-q")
    place = f"tls:tcp:127.0.0.1:{port}"
    await reached(world, place, True)
    anna = await world.peer(ANNA, place=place)
    assert await anna.types(1) == ["joined"]
    assert anna.transport.getHandle().get_group_name() == "X25519MLKEM768"
    ben = await world.peer(BEN, place=place)
    assert await ben.types(2) == ["joined", "ready"]
    world.service.drain()
    await reached(world, place, False)
    ben.sendMessage(b"still here", isBinary=True)
    assert await anna.types(1) == ["ready"]
    assert await anna.next() == b"still here"
    await world.down()


@pytest_twisted.ensureDeferred
async def test_two_peers_meet_behind_caddy(folder: Path, run) -> None:
    port = free_ports(1)[0]
    text = (CONTRIB / "Caddyfile").read_text().replace("/run/whisperd", str(folder))
    text = text.replace("relay.example {", f"https://:{port} {{")
    text = text.replace("tls {", f"tls {folder}/fullchain.pem {folder}/key.pem {{")
    options = ("admin off", "auto_https off", "default_sni relay.example", f"storage file_system {folder}/caddy")
    (folder / "Caddyfile").write_text("\n\t".join(("{", *options)) + "\n}\n" + text)
    run("env", f"HOME={folder}", "caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile")
    place = f"tls:tcp:127.0.0.1:{port}"
    world = await RelayWorld(reactor, f"unix:{folder}/relay.sock:mode=666", tls=Tls()).up()
    await reached(world, place, True)
    await meet(world, place)
    await world.down()

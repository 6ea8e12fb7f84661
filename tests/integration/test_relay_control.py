"""A daemon in the hands of its operator: limits, codes, drains, reloads and metrics over the control socket."""

from __future__ import annotations

import json
import re
import signal
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from contrib.bench.websocket_client import Client as WebSocket
from tests.integration.processes import Process
from tests.relay.kit import ANNA, BEN, CARL, ROOM
from whisperd.control.client import Client
from whisperd.errors import AccessUnknown, ConfigError, RoleDisabled
from whisperd.metrics import METRICS as DAEMON_METRICS
from whisperd.relay.metrics import METRICS as RELAY_METRICS
from whisperd.tor.testnet.ports import free_ports


class Operated:
    """A relay's daemon, its port, and its configuration file."""

    def __init__(self, start, folder: Path, **keys: object) -> None:
        self.port = free_ports(1)[0]
        self.sockets: list[WebSocket] = []
        self.path = folder / "whisperd.toml"
        self.daemon: Process = start(self.config(**keys))
        self.daemon.serving()

    def config(self, port: int = 0, **keys: object) -> str:
        lines = [f"{name} = {json.dumps(value)}" for name, value in keys.items()]
        return (f'[relay]\nlisten = ["tcp:{port or self.port}:interface=127.0.0.1"]\n' + "\n".join(lines)
                + '\n[tor]\nmode = "off"\n[peer]\nenabled = false\n')

    def rewrite(self, port: int = 0, **keys: object) -> None:
        self.path.write_text(f'[control]\nsocket = "{self.daemon.socket}"\n{self.config(port, **keys)}')

    def call(self, method: str, **params: object):
        with Client(str(self.daemon.socket)) as client:
            return client.call(method, params)

    def join(self, token: str, room: str = ROOM, **more: object) -> tuple[WebSocket, dict]:
        """Return a WebSocket that has asked for a seat, and the answer."""
        socket = WebSocket(self.port)
        self.sockets.append(socket)
        socket.say(type="join", room=room, token=token, **more)
        return socket, json.loads(socket.receive())


@pytest.fixture
def operated(start, tmp_path):
    return Operated(start, tmp_path)


def test_limits_are_shown_with_their_use_and_max_connections_comes_from_the_open_files(operated):
    operated.join(ANNA)
    rows = {(row["limit"], row["scope"]): row for row in operated.call("relay.limits")}
    limit = int(re.search(r"Max open files +(\d+)", Path(
        f"/proc/{operated.daemon.process.pid}/limits").read_text())[1])
    assert 2 <= rows["connections", "total"]["max"] <= limit
    assert rows["connections", "total"]["used"] == rows["rooms", "total"]["used"] == 1
    assert rows["frame_rate", "circuit"]["max"] == 2_500


def test_limits_are_read_again_while_the_relay_serves_and_the_rest_waits_for_a_restart(operated):
    seated, _ = operated.join(ANNA)
    operated.rewrite(free_ports(1)[0], max_rooms=1, access="code")
    answer = operated.call("reload")
    assert (answer["changed"], answer["restart"]) == (["relay.max_rooms", "relay.access"], ["relay.listen"])
    assert operated.join(CARL, "Q" * 43)[1]["code"] == "too-many-rooms"
    assert operated.join(BEN)[1]["code"] == "code-needed"
    assert operated.call("reload") == {"changed": [], "restart": ["relay.listen"]}
    seated.say(type="leave")
    assert operated.call("status")["relay"]["access"] == "code"


def test_a_configuration_that_is_wrong_changes_nothing_and_is_named(operated):
    operated.rewrite(max_rooms=1, max_frame=1)
    with pytest.raises(ConfigError, match=r"relay\.max_frame"):
        operated.call("reload")
    assert operated.join(ANNA)[1]["type"] == operated.join(CARL, "Q" * 43)[1]["type"] == "joined"


def test_codes_are_issued_spent_listed_and_revoked(start, tmp_path):
    operated = Operated(start, tmp_path, access="code")
    issued = operated.call("access.issue", uses=2, hours=1)
    assert issued["required"] is True
    assert operated.join(ANNA)[1]["code"] == "code-needed"
    assert operated.join(ANNA, code=issued["code"])[1]["type"] == "joined"
    listed = operated.call("access.list")
    assert [(row["id"], row["left"]) for row in listed] == [(issued["id"], 1)]
    assert "code" not in listed[0]
    operated.call("access.revoke", id=issued["id"])
    assert operated.join(BEN, code=issued["code"])[1]["code"] == "code-refused"
    with pytest.raises(AccessUnknown):
        operated.call("access.revoke", id=issued["id"])
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} <= {"whisperd.toml", "control.sock.lock"}


def test_codes_that_are_kept_are_good_after_a_restart(start, tmp_path):
    first = Operated(start, tmp_path, access="code", access_file=str(tmp_path / "codes"))
    code = first.call("access.issue", uses=1, hours=1)["code"]
    first.call("stop")
    first.daemon.ended()
    second = Operated(start, tmp_path, access="code", access_file=str(tmp_path / "codes"))
    assert second.call("status")["opt_in"] == ["relay.access", "relay.access_file"]
    assert second.join(ANNA, code=code)[1]["type"] == "joined"
    assert second.call("access.list") == []


def test_a_drained_relay_stops_when_its_last_room_is_over(operated):
    operated.join(ANNA)
    operated.join(BEN)
    assert operated.call("relay.drain", stop=True) == {"draining": True, "drained": False, "rooms": 1, "stop": True}
    assert operated.join(CARL, "Q" * 43)[1]["code"] == "draining"
    with pytest.raises(urllib.error.HTTPError, match="503"):
        urllib.request.urlopen(f"http://127.0.0.1:{operated.port}/health")
    for socket in operated.sockets:
        socket.leave()
        socket.close()
    assert operated.daemon.ended()[0] == 0


def test_a_relay_that_resumes_opens_rooms_and_does_not_stop(operated):
    operated.join(ANNA)
    operated.call("relay.drain", stop=True)
    assert operated.call("relay.resume") == {"draining": False}
    assert operated.join(CARL, "Q" * 43)[1]["type"] == "joined"
    assert operated.call("relay.drain", wait=0.2)["drained"] is False
    assert operated.call("status")["relay"]["draining"] is True


def test_sigterm_tells_every_client_in_its_dialect(operated):
    ours, _ = operated.join(ANNA)
    theirs = WebSocket(operated.port, None)
    theirs.say(type="join", sessionCode="CODE", isInitiator=True)
    theirs.say(type="offer", sessionCode="CODE", offer=1)
    assert json.loads(theirs.receive())["code"] == "peer-absent"
    operated.daemon.process.send_signal(signal.SIGTERM)
    for client, fatal in ((ours, {"fatal": True}), (theirs, {})):
        assert json.loads(client.receive()) == {
            "type": "error", "code": "shutting-down", "message": "the relay is shutting "
            "down", "retry_after": 5, **fatal}
    assert operated.daemon.ended()[0] == 0


def test_the_metrics_are_what_prometheus_reads_and_name_no_client(operated):
    operated.join(ANNA)
    operated.join(ANNA)
    operated.join(CARL, "not a room")
    text = operated.call("metrics")["text"]
    assert text.endswith("\n")
    samples = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, value = re.fullmatch(r'([a-z_]+(?:\{[a-z_]+="[A-Za-z0-9_-]+"(?:,[a-z_]+="[A-Za-z0-9_-]+")*\})?) '
                                       r"(-?[0-9.]+)", line).groups()
            samples[name] = float(value)
    assert samples['whisperd_relay_refused_total{code="bad-frame"}'] == 1
    assert samples['whisperd_relay_refused_total{code="replaced"}'] == 1
    assert samples['whisperd_relay_rooms{state="waiting"}'] == 1
    assert samples["whisperd_uptime_seconds"] >= 0 and "whisperd_onion_up" not in samples
    assert samples['whisperd_relay_limit_used{limit="rooms",scope="total"}'] == 1
    for name, metric in (DAEMON_METRICS | RELAY_METRICS).items():
        assert f"# HELP {name} {metric.help}\n# TYPE {name} {metric.kind}\n" in text
        assert metric.kind == ("counter" if name.endswith("_total") else "gauge")
    assert "127.0.0.1" not in text


def test_a_daemon_without_a_relay_says_so(start, tmp_path):
    daemon = start('[relay]\nenabled = false\n[tor]\nmode = "off"\n')
    daemon.serving()
    with Client(str(daemon.socket)) as client:
        for method in ("relay.limits", "relay.drain", "access.list"):
            with pytest.raises(RoleDisabled):
                client.call(method)
        assert client.call("reload") == {"changed": [], "restart": []}
        text = client.call("metrics")["text"]
        assert not [line for line in text.splitlines() if line.startswith("whisperd_tor_up")], "tor is off on purpose"
        assert "whisperd_relay" not in text

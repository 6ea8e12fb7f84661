"""An installed relay in front of somebody who wants it all."""

from __future__ import annotations

import os
import signal
import socket

from tests.installed.kit import Company, Daemon
from tests.installed.kit.guest import SECONDS, Guest, random_name
from tests.waiting import until
from whisperd.tor.testnet.ports import free_ports


def crowded(company: Company, limits: str) -> tuple[Daemon, int]:
    port = free_ports(1)[0]
    relay = company.daemon("crowded", f'[relay]\nlisten = ["tcp:{port}:interface=127.0.0.1"]\n{limits}'
                                      '[peer]\nenabled = false\n')
    relay.start()
    return relay, port


def test_rooms_that_somebody_has_deserted_are_no_reason_to_refuse_others(company: Company) -> None:
    relay, port = crowded(company, "max_waiting = 3\nmax_rooms = 3\n")
    waiting = Guest(port)
    assert waiting.join(room := random_name())["type"] == "joined"
    for _ in range(2):
        one = Guest(port)
        assert one.join(random_name())["type"] == "joined"
        one.close()
    relay.wait(lambda: relay.call("status")["relay"]["connections"] == 1)
    newcomers = [Guest(port) for _ in range(2)]
    assert [each.join(random_name())["type"] for each in newcomers] == ["joined"] * 2
    refused = Guest(port).join(random_name())
    assert refused["code"] in ("too-many-rooms", "too-many-waiting")
    assert Guest(port).join(room)["type"] == "joined", "whoever is there keeps the room"


def test_who_comes_back_to_a_deserted_room_finds_it_again(company: Company) -> None:
    relay, port = crowded(company, "max_waiting = 1\n")
    room, token = random_name(), random_name()
    first = Guest(port)
    assert first.join(room, token)["type"] == "joined"
    first.close()
    relay.wait(lambda: relay.call("status")["relay"]["connections"] == 0)
    another = Guest(port)
    assert another.join(random_name())["type"] == "joined"
    another.close()
    relay.wait(lambda: relay.call("status")["relay"]["connections"] == 0)
    again = Guest(port)
    assert again.join(room, token)["type"] == "joined"
    assert Guest(port).join(room)["peer"] is True


def test_hundreds_may_come_at_once_before_the_relay_looks(company: Company) -> None:
    relay, port = crowded(company, "")
    os.kill(relay.pid, signal.SIGSTOP)
    clients = []
    try:
        for _ in range(300):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
            clients.append(client)
        until(lambda: all(map(_connected, clients)), "the kernel's queue is shorter")
    finally:
        os.kill(relay.pid, signal.SIGCONT)
        for client in clients:
            client.close()


def _connected(client: socket.socket) -> bool:
    """Return whether the kernel has put it into the queue; none can get in while the relay takes none out."""
    try:
        client.getpeername()
    except OSError:
        return False
    return True


def test_those_who_never_read_fill_no_more_memory_than_the_relay_gives_all_of_them(company: Company) -> None:
    relay, port = crowded(company, "max_unsent_total = 1_048_576\nframe_rate = 0\nbyte_rate = 0\n"
                                   "circuit_frame_rate = 0\ncircuit_byte_rate = 0\n")
    honest = pair(port)
    attacks = [pair(port, deaf=True) for _ in range(2)]
    for sender, _ in attacks:
        for _ in range(15):
            sender.send(bytes(60_000), binary=True)
    relay.wait(lambda: unsent(relay)["refused"])
    assert unsent(relay)["used"] <= 1_048_576
    for one, other in (honest, honest[::-1]):
        one.send(b"still here", binary=True)
        assert other.receive() == b"still here"


def pair(port: int, *, deaf: bool = False) -> tuple[Guest, Guest]:
    """Return two who have met in a room; the second may be deaf."""
    room, one, other = random_name(), Guest(port), Guest(port, deaf=deaf)
    assert (one.join(room)["type"], other.join(room)["type"]) == ("joined", "joined")
    assert (one.hear()["type"], other.hear()["type"]) == ("ready", "ready")
    return one, other


def unsent(relay: Daemon) -> dict[str, int]:
    (row,) = (row for row in relay.ask("relay", "limits") if row["limit"] == "unsent")
    return dict(row)


def test_odd_requests_get_the_answers_that_the_standard_asks_for(company: Company) -> None:
    _, port = crowded(company, "")
    assert answered(port, b"GET /health HTTP/1.1\r\n\r\n") == b"HTTP/1.1 400 Bad Request"
    for head in (b"GET http://relay/health HTTP/1.1", b"\r\nGET /health HTTP/1.1"):
        assert answered(port, head + b"\r\nHost: relay\r\n\r\n") == b"HTTP/1.1 200 OK"


def answered(port: int, request: bytes) -> bytes:
    """Return the status line of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as client:
        client.sendall(request)
        with client.makefile("rb") as answer:
            return answer.readline().strip()


def test_who_reads_all_the_time_is_never_too_slow(company: Company) -> None:
    _, port = crowded(company, "")
    room = random_name()
    reader, writer = Guest(port, deaf=True), Guest(port)
    assert reader.join(room)["type"] == writer.join(room)["type"] == "joined"
    assert reader.hear()["type"] == writer.hear()["type"] == "ready"
    frame = os.urandom(32_768)
    for _ in range(30):
        writer.send(frame, binary=True)
    for _ in range(150):  # 900 KB on their way, always: the relay's buffer is never empty
        assert reader.receive() == frame
        writer.send(frame, binary=True)
    for _ in range(30):
        assert reader.receive() == frame

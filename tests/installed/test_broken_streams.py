"""A daemon whose standard error or output is broken: it serves, says goodbye, leaves nothing and ends well."""

from __future__ import annotations

import os
import socket
import urllib.request

import pytest

from tests.installed.kit import PATIENCE, Daemon, heard, meet, until
from tests.installed.kit.account import give
from tests.installed.kit.streams import WAYS, Broken, Closed, NoReader, Streamed, Unread, read_until
from whisperd.control.client import Client
from whisperd.errors import AddressInUse
from whisperd.standard_streams import MAX_WAITING
from whisperd.tor.testnet.ports import free_ports


@pytest.fixture
def person(company):
    def start(*given, **environment) -> Streamed:
        made = company.add(Streamed(company.programs, company.folder / f"p{len(company.daemons)}", *given,
                                    **environment))
        made.launch()
        return made

    return start


@pytest.fixture(scope="module")
def guest(shared):
    """Somebody whose daemon is well, and who talks with one after the other."""
    made = shared.person("guest", "http://127.0.0.1:1")
    made.start()
    return made


def both_roles(port: int) -> str:
    return f'[relay]\nlisten = ["tcp:{port}:interface=127.0.0.1"]\n[tor]\nmode = "off"\n[peer]\nloopback = true\n'


def meet_and_talk(host: Daemon, other: Daemon) -> tuple[str, str]:
    """Have two daemons hold a conversation, and say something in it both ways."""
    ours, theirs = meet(host, other)
    for who, chat, hears, there in ((host, ours, other, theirs), (other, theirs, host, ours)):
        who.call("chat.send", chat=chat, text="hello")
        until(lambda hears=hears, there=there: heard(hears, there), "nothing arrives")
    return ours, theirs


def stops_well(daemon: Streamed) -> None:
    """It stops as it is told, says so when it has, and leaves nothing."""
    told = daemon.told_to_stop()
    assert (told.returncode, told.stdout) == (0, "stopped\n"), told.stderr
    assert daemon.process.poll() == 0, "it was said before it was so"
    assert daemon.left() == []


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_with_a_broken_standard_error_it_serves_says_goodbye_and_leaves_nothing(person, guest, way):
    port, = free_ports(1)
    host = person(both_roles(port), way()).serving()
    _, theirs = meet_and_talk(host, guest)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=PATIENCE) as answer:
        assert answer.status == 200
    stops_well(host)
    until(lambda: guest.state(theirs) == "ended", "nobody was told goodbye")


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_start_that_fails_ends_with_its_status_whatever_standard_error_is(person, way):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        daemon = person(both_roles(taken.getsockname()[1]), way())
        assert daemon.ended() == AddressInUse.exit_status
    assert daemon.left() == []


@pytest.mark.parametrize("way", [Closed, NoReader, Unread, WAYS["Full"], WAYS["Stopped"]])
def test_what_is_shown_at_the_start_may_reach_nobody(person, way):
    daemon = person(both_roles(*free_ports(1)), None, way(), "--invite").serving()
    until(lambda: daemon.call("chat.list"), "no invite was made")
    stops_well(daemon)


def test_the_invite_is_shown_where_letters_are_few(person):
    class Kept(Broken):
        def __init__(self) -> None:
            super().__init__()
            self.reading, self.descriptor = os.pipe()

    shown = Kept()
    daemon = person(both_roles(*free_ports(1)), None, shown, "--invite", LC_ALL="C", PYTHONCOERCECLOCALE="0",
                    PYTHONUTF8="0").serving()
    text = read_until(shown.reading, b"To talk, run")
    assert b"#" in text and b"\\u" not in text
    stops_well(daemon)


@pytest.mark.skipif(os.geteuid() != 0, reason="what others have open is shown to root only")
def test_no_socket_becomes_one_of_the_three(person):
    daemon = person(both_roles(*free_ports(1)), Closed()).serving()
    assert [os.readlink(f"/proc/{daemon.process.pid}/fd/{number}") for number in range(3)] == ["/"] * 3
    stops_well(daemon)


def test_a_reader_who_reads_again_is_told_how_many_lines_are_missing(person):
    err = Unread()
    daemon = person(both_roles(*free_ports(1)), err, control='audit = "log"').serving()
    with Client(str(daemon.socket)) as client:
        for _ in range(MAX_WAITING + 100):
            client.call("relay.resume")
    text = read_until(err.reading, b"log-lines-lost lines=")
    assert text.count(b"relay.resume") >= MAX_WAITING - 100
    stops_well(daemon)


def test_what_a_daemon_that_was_killed_has_left_goes_whatever_the_next_one_is(person):
    daemon = person(both_roles(*free_ports(1)))
    daemon.serving()
    service = daemon.runtime / "tor-abandoned" / "service"
    service.mkdir(parents=True)
    made = [service.parent / "lock", service / "hs_ed25519_secret_key", service, service.parent]
    for path in made:
        path.is_dir() or path.write_text("secret")
        give(path)
    daemon.process.kill()
    daemon.ended()
    assert set(made) < set(daemon.runtime.rglob("*"))
    daemon.start()
    daemon.serving()
    assert daemon.left() == ["control.sock", "control.sock.lock"]
    stops_well(daemon)

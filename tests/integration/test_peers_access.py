"""Peers at a relay that admits only those who have an access code."""

from __future__ import annotations

import pytest

from whisperd.demo.daemon_process import DaemonProcess
from whisperd.errors import UsageError
from whisperd.tor.testnet.ports import free_ports


@pytest.fixture
def daemons(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("a"), free_ports(1)[0]
    off = '[tor]\nmode = "off"\n'
    person = f'{off}[relay]\nenabled = false\n[peer]\nloopback = true\nrelay = "http://127.0.0.1:{port}"\n'
    relay = DaemonProcess("relay", folder, f'{off}[relay]\nlisten = ["tcp:{port}:interface=127.0.0.1"]\n'
                                           'access = "code"\n[peer]\nenabled = false\n')
    people = DaemonProcess("anna", folder, person), DaemonProcess("ben", folder, person)
    try:
        for daemon in (relay, *people):
            daemon.start()
        yield relay, *people
    finally:
        for daemon in (*people, relay):
            daemon.stop()


def wait_state(person: DaemonProcess, state: str) -> dict:
    return person.wait(lambda event: event["event"] == "chat-state" and event["state"] == state, 60, state)


def test_two_people_with_a_code_each_meet_and_one_without_hears_why_not(daemons):
    relay, anna, ben = daemons
    anna.call("chat.invite")
    assert wait_state(anna, "ended")["reason"] == "relay-refused"
    error = anna.wait(lambda event: event["event"] == "chat-error", 60, "the reason")
    assert "--access" in error["remedy"]
    code = relay.call("access.issue", uses=2)["code"]
    link = anna.call("chat.invite", access=code)["link"]
    assert code not in link
    ben.call("chat.join", link=link, access=code)
    for person in (anna, ben):
        wait_state(person, "connected")


def test_a_code_that_cannot_be_one_is_refused_before_anything_happens(daemons):
    _, anna, _ = daemons
    with pytest.raises(UsageError):
        anna.call("chat.invite", access="x" * 65)
    assert anna.call("chat.list") == []

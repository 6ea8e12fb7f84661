"""A relay that lets one side in no more, and strangers in its place: the conversation waits, and goes on."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from contrib.bench.websocket_client import Client
from tests.installed.kit import Company, Daemon, heard, meet
from whisperd.peer.handshake.keys import InviteKeys
from whisperd.wire.invite import parse


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@contextmanager
def squatters(url: str, room: bytes, seats: int) -> Iterator[None]:
    """Strangers who know a room, and sit in it."""
    with ExitStack() as stack:
        for _ in range(seats):
            client = Client(int(url.rpartition(":")[2]))
            stack.callback(client.close)
            client.say(type="join", room=_b64(room), token=_b64(os.urandom(32)))
            client.wait_for("joined")
            stack.callback(client.leave)
        yield


def says_that_it_waits(person: Daemon, chat: str, code: str) -> None:
    """Wait until somebody is told what is wrong, and see that nothing has ended."""
    person.wait(lambda: person.chats()[chat]["trouble"] == code)
    assert person.chats()[chat]["state"] == "away"


def talk(one: Daemon, its: str, other: Daemon, others: str) -> None:
    """Wait until both are connected, and have a text go either way."""
    for person, chat in ((one, its), (other, others)):
        person.until_state(chat, "connected")
    for number, (person, chat, listener, heard_in) in enumerate(((one, its, other, others), (other, others, one, its))):
        done = person.whisperctl("chat", "send", chat, f"text {number}", "--wait", "100")
        assert done.returncode == 0, done.stderr
        assert heard(listener, heard_in)[-1] == f"text {number}"


@pytest.mark.parametrize("code", [False, True], ids=["link", "spoken code"])
def test_strangers_in_the_room_end_nothing_and_it_goes_on_when_they_leave(company: Company, code):
    relay, url = company.relay()
    anna, ben = (company.person(name, url, sealed=True) for name in ("anna", "ben"))
    anna.start()
    ben.start()
    if code:
        invite = anna.ask("chat", "invite", "--code", "--relay", url)
        its, others = invite["chat"], ben.ask("chat", "join", "--code", invite["code"], "--relay", url)["chat"]
        room = InviteKeys.of_nameplate(int(invite["code"].partition("-")[0])).room
    else:
        invite = anna.ask("chat", "invite", "--no-qr")
        its, others = invite["chat"], ben.ask("chat", "join", invite["link"])["chat"]
        room = InviteKeys.derive(parse(invite["link"], time.time()).secret).room
    talk(anna, its, ben, others)
    for person in (anna, ben):
        person.kill()
    relay.kill()
    relay.start()
    with squatters(url, room, 2):
        anna.start()
        says_that_it_waits(anna, its, "room-full")
        waiting = anna.ask("chat", "send", its, "said meanwhile")
        ben.start()
        says_that_it_waits(ben, others, "room-full")
    ben.wait(lambda: "said meanwhile" in heard(ben, others))
    assert waiting["state"] == "queued"
    talk(anna, its, ben, others)


def test_access_codes_that_are_switched_on_end_nothing(company: Company):
    relay, url = company.relay()
    anna, ben = (company.person(name, url, sealed=True) for name in ("anna", "ben"))
    anna.start()
    ben.start()
    its, others = meet(anna, ben)
    anna.kill()
    relay.kill()
    open_to_all = relay.path.read_text()
    relay.write("whisperd.toml", open_to_all.replace("[relay]\n", '[relay]\naccess = "code"\n'))
    relay.start()
    anna.start()
    for person, chat in ((anna, its), (ben, others)):
        says_that_it_waits(person, chat, "relay-refused")
    relay.kill()
    relay.write("whisperd.toml", open_to_all)
    relay.start()
    talk(anna, its, ben, others)


def test_an_invite_that_the_relay_refuses_is_over_at_once(company: Company):
    _, url = company.relay(more='access = "code"\n')
    anna = company.person("anna", url)
    anna.start()
    chat = anna.ask("chat", "invite", "--no-qr")["chat"]
    anna.wait(lambda: anna.chats()[chat]["state"] == "ended")
    assert anna.chats()[chat]["reason"] == "relay-refused"

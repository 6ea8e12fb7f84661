"""A relay and two people as three processes, each of them killed in turn in the middle of a conversation."""

from __future__ import annotations

import pytest

from whisperd.demo.processes import DaemonProcess
from whisperd.tor.testnet.ports import free_ports


class Conversation:
    """Alice invited Bob, and both are connected; the peers may write nothing to any file."""

    def __init__(self, folder) -> None:
        port = free_ports(1)[0]
        off = '[tor]\nmode = "off"\n'
        person = f'{off}[relay]\nenabled = false\n[peer]\nloopback = true\nrelay = "http://127.0.0.1:{port}"\n'
        self.relay = DaemonProcess(
            "relay", folder, f'{off}[relay]\nlisten = ["tcp:{port}:interface=127.0.0.1"]\n[peer]\nenabled = false\n')
        self.alice = DaemonProcess("alice", folder, person)
        self.bob = DaemonProcess("bob", folder, person)
        self.chats: dict[str, str] = {}
        self.everybody = (self.relay, self.alice, self.bob)
        self.leaving = (self.alice, self.bob, self.relay)

    def begin(self) -> None:
        for daemon in self.everybody:
            daemon.start()
        invite = self.alice.call("chat.invite")
        self.chats = {"alice": invite["chat"], "bob": self.bob.call("chat.join", link=invite["link"])["chat"]}
        for person in (self.alice, self.bob):
            self.wait_state(person, "connected")

    def wait_state(self, person: DaemonProcess, state: str) -> dict:
        return person.wait(lambda event: event["event"] == "chat-state" and event["state"] == state, 30, state)

    def say(self, person: DaemonProcess, text: str) -> int:
        return person.call("chat.send", chat=self.chats[person.name], text=text)["id"]

    def wait_delivered(self, person: DaemonProcess, message: int) -> None:
        person.wait(lambda event: event["event"] == "message-state" and event["id"] == message
                    and event["state"] == "delivered", 60, "delivery")

    def heard(self, person: DaemonProcess) -> list[str]:
        rows = person.call("chat.history", chat=self.chats[person.name])
        return [row["text"] for row in rows if row["direction"] == "in"]


@pytest.fixture
def conversation(tmp_path_factory):
    running = Conversation(tmp_path_factory.mktemp("t"))
    try:
        running.begin()
        yield running
    finally:
        for daemon in running.leaving:
            daemon.stop()


def test_a_relay_that_is_killed_twice_loses_and_doubles_nothing(conversation):
    alice, bob = conversation.alice, conversation.bob
    for round_ in range(2):
        before = [conversation.say(alice, f"before {round_}"), conversation.say(bob, f"from bob, before {round_}")]
        conversation.relay.kill()
        meanwhile = [conversation.say(alice, f"meanwhile {round_}"), conversation.say(bob, f"bob meanwhile {round_}")]
        conversation.relay.start()
        for person, number in zip((alice, bob, alice, bob), before + meanwhile, strict=True):
            conversation.wait_delivered(person, number)
    assert conversation.heard(bob) == ["before 0", "meanwhile 0", "before 1", "meanwhile 1"]
    assert conversation.heard(alice) == [
        "from bob, before 0", "bob meanwhile 0", "from bob, before 1", "bob meanwhile 1"]


@pytest.mark.parametrize("name", ["alice", "bob"])
def test_when_a_peer_is_killed_the_other_side_is_told(conversation, name):
    victim, other = (conversation.alice, conversation.bob)[:: 1 if name == "alice" else -1]
    victim.kill()
    assert conversation.wait_state(other, "away")["reason"] == "peer-lost"
    victim.start()
    assert victim.call("chat.list") == []
    assert other.call("chat.list")[0]["state"] == "away"


def test_when_a_peer_is_stopped_the_conversation_has_ended_on_both_sides(conversation):
    conversation.wait_delivered(conversation.alice, conversation.say(conversation.alice, "last words"))
    conversation.bob.stop()
    assert conversation.wait_state(conversation.alice, "ended")["reason"] == "peer-ended"


def test_nothing_is_on_disk_and_nothing_of_the_conversation_in_a_log(conversation):
    sent = conversation.say(conversation.alice, "a text that must not be found")
    conversation.wait_delivered(conversation.alice, sent)
    for daemon in conversation.leaving:
        daemon.stop()
        assert not any(size for size in daemon.files().values()), daemon.files()
        assert b"must not be found" not in daemon.log + daemon.printed

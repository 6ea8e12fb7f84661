"""A relay and two people as three processes, each of them killed in turn in the middle of a conversation."""

from __future__ import annotations

import pytest

from tests.integration.daemons import Conversation


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

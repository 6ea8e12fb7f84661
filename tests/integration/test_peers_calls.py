"""A call gives a conversation in which the two can talk, whatever became of the ones before, and nobody is taken for
somebody else: calls that are given up, that cross, and that find one side without what it had."""

from __future__ import annotations

import pytest
import pytest_twisted
from twisted.internet import reactor

from tests.integration.contacts import parted, saved, secrets, talk
from tests.integration.peers import Person
from tests.integration.remains import doubled, nothing_remains
from whisperd.errors import FloorNotMet
from whisperd.peer.contacts.rendezvous import RendezvousTiming
from whisperd.peer.contacts.secrets import call_keys, epoch_of
from whisperd.peer.service import Tuning

in_the_reactor = pytest_twisted.ensureDeferred


@pytest.fixture
def tuning() -> Tuning:
    """A contact is listened for again at once after a call that came to nothing, and soon by another secret."""
    return Tuning(rest=0.0, rendezvous=RendezvousTiming(turn=1.0))


async def given_up(person: Person, name: str) -> None:
    chat = (await person.service.contacts.call(name=name))["chat"]
    assert doubled() == []
    await person.service.chats.end(chat=chat)
    assert doubled() == []


def living(person: Person) -> list[str]:
    return [chat for chat, driver in person.service.conversations._drivers.items() if driver.state != "ended"]


async def ended_while_away(kept) -> None:
    """Ben has ended the conversation while Anna's daemon was off; she has a text for him there."""
    await saved(kept)
    await kept.annas_keeper.stop()
    await kept.ben.until_state(kept.bens, "away")
    await kept.ben.service.chats.end(chat=kept.bens)
    kept.anna = kept.annas_keeper.start()


@pytest.mark.parametrize("caller", ["anna", "ben"])
@in_the_reactor
async def test_a_call_that_is_given_up_and_made_again_many_times_has_one_seat(kept, caller):
    await saved(kept)
    await parted(kept)
    one, other = (kept.anna, kept.ben) if caller == "anna" else (kept.ben, kept.anna)
    name, back = ("ben", "anna") if caller == "anna" else ("anna", "ben")
    for _ in range(20):
        await given_up(one, name)
    chat = (await one.service.contacts.call(name=name))["chat"]
    answer = (await other.service.contacts.call(name=back))["chat"]
    await one.until_state(chat, "connected")
    await other.until_state(answer, "connected")
    assert doubled() == [] and one.contact_errors() == other.contact_errors() == []
    await talk(kept, *((chat, answer) if caller == "anna" else (answer, chat)), "here I am")
    await one.service.chats.end(chat=chat)
    await other.until_state(answer, "ended")
    await nothing_remains(kept.relay, one, other)


@pytest.mark.parametrize("caller", ["anna", "ben"])
@in_the_reactor
async def test_calls_that_are_given_up_by_both_at_any_moment_come_to_one_conversation_in_the_end(kept, caller):
    """The other one listens; a call is given up right away, when somebody is there, and when it is just connected."""
    await saved(kept)
    await parted(kept)
    one, other = (kept.anna, kept.ben) if caller == "anna" else (kept.ben, kept.anna)
    name, back = ("ben", "anna") if caller == "anna" else ("anna", "ben")
    await other.service.contacts.listen(name=back)
    for number in range(9):
        chat = (await one.service.contacts.call(name=name))["chat"]
        if number % 3:
            await one.until_state(chat, "handshake" if number % 3 == 1 else "connected")
        await one.service.chats.end(chat=chat)
        assert doubled() == []
    chat = (await one.service.contacts.call(name=name))["chat"]
    await one.until_state(chat, "connected")
    assert doubled() == [] and one.contact_errors() == other.contact_errors() == []
    assert living(one) == [chat]
    await other.until(lambda: [chat for chat in living(other) if other.states(chat)[-1][0] == "connected"] != [])
    (answer,) = [chat for chat in living(other) if other.states(chat)[-1][0] == "connected"]
    await talk(kept, *((chat, answer) if caller == "anna" else (answer, chat)), "here I am")
    assert secrets(one)[0] == secrets(other)[0]


@in_the_reactor
async def test_two_who_call_at_once_and_give_up_at_once_meet_at_last(kept):
    await saved(kept)
    await parted(kept)
    for _ in range(8):
        anna = (await kept.anna.service.contacts.call(name="ben"))["chat"]
        ben = (await kept.ben.service.contacts.call(name="anna"))["chat"]
        assert doubled() == []
        await kept.anna.service.chats.end(chat=anna)
        await kept.ben.service.chats.end(chat=ben)
    anna = (await kept.anna.service.contacts.call(name="ben"))["chat"]
    ben = (await kept.ben.service.contacts.call(name="anna"))["chat"]
    await kept.anna.until_state(anna, "connected")
    await kept.ben.until_state(ben, "connected")
    await talk(kept, anna, ben, "at last")
    assert kept.anna.contact_errors() == kept.ben.contact_errors() == [] and doubled() == []


@in_the_reactor
async def test_a_contact_whose_daemon_starts_again_between_calls_is_reached(kept):
    await saved(kept)
    await parted(kept)
    await kept.ben.service.contacts.listen(name="anna")
    for _ in range(3):
        await given_up(kept.anna, "ben")
        kept.ben = await kept.bens_keeper.restart()
        assert doubled() == []
    chat = (await kept.anna.service.contacts.call(name="ben"))["chat"]
    await kept.anna.until_state(chat, "connected")
    await talk(kept, chat, await kept.ben.until_contact("anna", "called"), "again")
    assert kept.anna.contact_errors() == kept.ben.contact_errors() == [] and doubled() == []


@in_the_reactor
async def test_a_call_leaves_a_conversation_that_the_contact_ended_out_of_reach(kept):
    await ended_while_away(kept)
    await kept.ben.service.contacts.listen(name="anna")
    lost = await kept.anna.service.messages.send(chat=kept.annas, text="into the dark")
    called = await kept.anna.service.contacts.call(name="ben")
    assert called["chat"] != kept.annas
    assert await kept.anna.service.contacts.call(name="ben") == called | {
        "state": kept.anna.service.conversations.driver(called["chat"]).state}
    await kept.anna.until_state(called["chat"], "connected")
    await talk(kept, called["chat"], await kept.ben.until_contact("anna", "called"), "can you hear me now?")
    await kept.anna.until_state(kept.annas, "ended", "superseded")
    assert ("message-state", {"chat": kept.annas, "id": lost["id"], "state": "failed"}) in kept.anna.events
    (row,) = await kept.anna.service.contacts.list()
    assert (row["chat"], row["state"]) == (called["chat"], "connected")
    assert (await kept.anna.service.contacts.call(name="ben"))["chat"] == called["chat"]


@in_the_reactor
async def test_a_contact_who_ended_out_of_reach_and_calls_takes_the_place_of_the_old_conversation(kept):
    await ended_while_away(kept)
    lost = await kept.anna.service.messages.send(chat=kept.annas, text="into the dark")
    await kept.anna.service.contacts.listen(name="ben")
    ben = (await kept.ben.service.contacts.call(name="anna"))["chat"]
    anna = await kept.anna.until_contact("ben", "called")
    await kept.anna.until_state(anna, "connected")
    await kept.anna.until_state(kept.annas, "ended", "superseded")
    assert ("message-state", {"chat": kept.annas, "id": lost["id"], "state": "failed"}) in kept.anna.events
    await talk(kept, anna, ben, "it is me")
    assert (await kept.anna.service.contacts.call(name="ben"))["chat"] == anna


@in_the_reactor
async def test_a_call_never_returns_what_is_being_ended_or_has_ended(kept):
    await saved(kept)
    await kept.relay.stop()
    await kept.anna.until_state(kept.annas, "away")
    kept.anna.service.conversations.driver(kept.annas).end()
    first = await kept.anna.service.contacts.call(name="ben")
    assert first["chat"] != kept.annas and first["state"] == "waiting"
    kept.anna.service.conversations.driver(first["chat"]).end()  # whose effects are held until the store has it
    second = await kept.anna.service.contacts.call(name="ben")
    assert second["chat"] != first["chat"] and second["state"] == "waiting"
    await kept.anna.until_state(kept.annas, "ended")
    assert (await kept.anna.service.contacts.list())[0]["chat"] == second["chat"]


@in_the_reactor
async def test_a_conversation_that_comes_back_makes_the_call_needless(kept):
    """The contact had it all the time; what waits there is delivered."""
    await saved(kept)
    await kept.bens_keeper.stop()
    await kept.anna.until_state(kept.annas, "away")
    text = await kept.anna.service.messages.send(chat=kept.annas, text="when you are back")
    called = (await kept.anna.service.contacts.call(name="ben"))["chat"]
    assert called != kept.annas
    kept.ben = kept.bens_keeper.start()
    await kept.anna.until_delivered(kept.annas, text["id"])
    await kept.anna.until_state(called, "ended", "superseded")
    assert await kept.anna.service.contacts.call(name="ben") == {"chat": kept.annas, "state": "connected"}
    assert kept.anna.contact_errors() == []


@in_the_reactor
async def test_a_conversation_whose_ratchet_is_missing_is_not_called(kept):
    await saved(kept)
    await kept.annas_keeper.stop()
    kept.anna = kept.annas_keeper.start(ratchet=["double"], floor="standard")
    assert kept.anna.states(kept.annas) == [] or kept.anna.states(kept.annas)[-1][0] == "ended"
    with pytest.raises(FloorNotMet):  # as for a new conversation
        await kept.anna.service.contacts.call(name="ben")
    await kept.anna.service.chats.end(chat=kept.annas)
    assert [row["contact"] for row in await kept.anna.service.contacts.list()] == ["ben"]


@in_the_reactor
async def test_a_seat_that_a_conversation_holds_is_left_to_it_until_a_call_needs_it(kept):
    """Anna has the new secret, Ben never came to it: her conversation stands in the room in which he waits."""
    await saved(kept)
    await parted(kept)
    await kept.anna.service.contacts.listen(name="ben")
    chat = (await kept.ben.service.contacts.call(name="anna"))["chat"]
    await kept.ben.until_state(chat, "connected")
    anna = await kept.anna.until_contact("ben", "called")
    await kept.anna.until_state(anna, "connected")
    await talk(kept, anna, chat, "hello")
    service = kept.anna.service
    (key,) = service._book.contacts
    used = service._bindings.of(anna).rendezvous.secret
    service._book.change(key, secrets=(secrets(kept.anna)[0], used))
    service._contacts._listening.listen_anew(key)
    (waiting,) = service._contacts._listening._all.values()
    waiting._turn = 1  # its turn in the other room has come
    waiting._leave()
    waiting.begin()
    assert waiting.keys.room == call_keys(used, epoch_of(reactor.seconds())).room and doubled() == []
    await kept.bens_keeper.stop()
    await kept.anna.until_state(anna, "away")
    called = (await service.contacts.call(name="ben"))["chat"]
    assert called != anna and doubled() == []
    await kept.anna.until_state(anna, "ended", "superseded")

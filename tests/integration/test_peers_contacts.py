"""Contacts on real sockets: kept by both, called without an invite, verified, blocked, and never mistaken."""

from __future__ import annotations

import os

import pytest
import pytest_twisted
from twisted.internet import reactor

from tests.integration.contacts import heard, parted, saved, secrets, talk
from tests.integration.peers import Person, Relay, Scene
from whisperd.errors import (
    ContactBlocked,
    ContactExists,
    ContactUnknown,
    ConversationNotConnected,
    NotVerified,
    TooManyConversations,
    UsageError,
    WhisperdError,
)
from whisperd.peer.contacts.rendezvous import RendezvousTiming
from whisperd.peer.contacts.secrets import call_keys, epoch_of
from whisperd.peer.handshake.keys import Seal
from whisperd.peer.links.context import LinkContext
from whisperd.peer.links.link import NOT_THEIRS, Link, Verdict
from whisperd.peer.links.routes import Host, Relays
from whisperd.peer.service import Tuning
from whisperd.store.memory import MemoryStore
from whisperd.wire.contacts import SaveContact, WithdrawContact, encode_contact_message
from whisperd.wire.envelope import Stream
from whisperd.wire.invite import RelayAddress

in_the_reactor = pytest_twisted.ensureDeferred

#: Whoever waits for a contact in two rooms, or at two relays, changes places soon.
SOON = Tuning(rendezvous=RendezvousTiming(turn=0.2))


@in_the_reactor
async def test_two_who_save_each_other_share_a_secret_and_their_names_stay_their_own(scene):
    await saved(scene)
    assert secrets(scene.anna) == secrets(scene.ben) and len(secrets(scene.anna)) == 1
    (row,) = await scene.anna.service.contacts.list()
    assert row == {"contact": "ben", "relays": [f"127.0.0.1:{scene.relay.port}"], "level": "quantum-resistant",
                   "verified": False, "listens": False, "state": "connected", "chat": scene.annas}
    assert [row["contact"] for row in await scene.ben.service.chats.list()] == ["anna"]


@pytest.mark.parametrize("caller", ["anna", "ben"])
@in_the_reactor
async def test_a_call_reaches_whoever_listens(scene, caller):
    await saved(scene)
    await parted(scene)
    people = {"anna": scene.anna, "ben": scene.ben}
    callee = "ben" if caller == "anna" else "anna"
    await people[callee].service.contacts.listen(name=caller)
    called = await people[caller].service.contacts.call(name=callee)
    answered = await people[callee].until_contact(caller, "called")
    chats = {caller: called["chat"], callee: answered}
    for name, person in people.items():
        await person.until_state(chats[name], "connected")
    await talk(scene, chats["anna"], chats["ben"], f"{caller} called")
    assert scene.anna.service._bindings.contact_name(chats["anna"]) == "ben"
    assert secrets(scene.anna) == secrets(scene.ben) and len(secrets(scene.anna)) == 1


@in_the_reactor
async def test_two_who_call_each_other_at_the_same_time_meet_once(scene):
    await saved(scene)
    await parted(scene)
    anna = (await scene.anna.service.contacts.call(name="ben"))["chat"]
    ben = (await scene.ben.service.contacts.call(name="anna"))["chat"]
    await scene.anna.until_state(anna, "connected")
    await scene.ben.until_state(ben, "connected")
    await talk(scene, anna, ben, "hello")
    assert [len(await person.service.chats.list()) for person in (scene.anna, scene.ben)] == [1, 1]
    assert await scene.anna.service.contacts.call(name="ben") == {"chat": anna, "state": "connected"}


@in_the_reactor
async def test_two_who_only_listen_stay_silent(scene):
    await saved(scene)
    await parted(scene)
    await scene.anna.service.contacts.listen(name="ben")
    await scene.ben.service.contacts.listen(name="anna")
    for person, other in ((scene.anna, "ben"), (scene.ben, "anna")):
        await person.until_contact(other, "here")
    assert await scene.anna.service.chats.list() == await scene.ben.service.chats.list() == []
    await scene.ben.service.contacts.call(name="anna")
    await scene.anna.until_contact("ben", "called")


@in_the_reactor
async def test_each_call_has_another_secret_and_another_room(scene):
    await saved(scene)
    seen = [secrets(scene.anna)[0]]
    await parted(scene)
    await scene.ben.service.contacts.listen(name="anna")
    for number in range(3):
        scene.ben.events.clear()
        anna = (await scene.anna.service.contacts.call(name="ben"))["chat"]
        ben = await scene.ben.until_contact("anna", "called")
        await scene.anna.until_state(anna, "connected")
        await talk(scene, anna, ben, f"call {number}")
        seen.append(secrets(scene.anna)[0])
        assert secrets(scene.ben) == (seen[-1],)
        scene.annas, scene.bens = anna, ben
        await parted(scene)
    assert len(set(seen)) == 4
    assert len({call_keys(secret, epoch_of(0)).room for secret in seen}) == 4


@in_the_reactor
async def test_one_who_saves_alone_has_no_contact(scene):
    await scene.meet()
    await scene.anna.service.contacts.save(chat=scene.annas, name="ben")
    await scene.ben.until_contact("", "asked")
    (offer,) = await scene.anna.service.contacts.list()
    (asked,) = await scene.ben.service.contacts.list()
    assert (offer["state"], asked["state"], asked["contact"]) == ("offered", "asked", None)
    with pytest.raises(ContactUnknown):
        await scene.anna.service.contacts.call(name="ben")
    await scene.anna.service.contacts.remove(name="ben")
    await talk(scene, scene.annas, scene.bens, "taken back")
    assert (await scene.ben.service.contacts.save(chat=scene.bens, name="anna"))["state"] == "offered"


@in_the_reactor
async def test_before_the_key_is_confirmed_nobody_can_be_saved_and_names_are_checked(scene):
    await scene.invite()
    with pytest.raises(ConversationNotConnected):
        await scene.anna.service.contacts.save(chat=scene.annas, name="ben")
    await scene.anna.service.chats.end(chat=scene.annas)
    await saved(scene)
    for name in ("", "a b", "-x", "x" * 33, "a/b", "\x1b[31m"):
        with pytest.raises(UsageError):
            await scene.anna.service.contacts.rename(name="ben", new=name)
    assert (await scene.anna.service.contacts.rename(name="ben", new="Bén.2"))["contact"] == "Bén.2"
    with pytest.raises(ContactUnknown):
        await scene.anna.service.contacts.call(name="ben")


@in_the_reactor
async def test_somebody_new_under_an_old_name_is_refused_loudly(scene):
    await saved(scene)
    await parted(scene)
    link = (await scene.anna.service.invites.invite(relay=scene.relay.url))
    third = Person()
    scene.others.append(third)
    await third.service.invites.join(link=link["link"])
    await scene.anna.until_state(link["chat"], "connected")
    for name in ("ben", "BEN"):
        with pytest.raises(ContactExists):
            await scene.anna.service.contacts.save(chat=link["chat"], name=name)
    assert scene.anna.service._bindings.contact_name(link["chat"]) is None


@in_the_reactor
async def test_the_verified_mark_is_kept_for_the_contact_and_its_calls(scene):
    await saved(scene)
    await scene.anna.service.chats.verify(chat=scene.annas, confirm=True)
    await parted(scene)
    await scene.ben.service.contacts.listen(name="anna")
    anna = (await scene.anna.service.contacts.call(name="ben"))["chat"]
    await scene.anna.until_state(anna, "connected")
    assert [row["verified"] for row in await scene.anna.service.chats.list()] == [True]
    assert [row["verified"] for row in await scene.ben.service.chats.list()] == [False]
    assert (await scene.anna.service.chats.verify(chat=anna))["contact"] == "ben"


@in_the_reactor
async def test_nothing_is_sent_or_taken_before_it_is_verified_where_that_is_required(scene, tmp_path):
    careful = Person(require_verify=True, downloads=str(tmp_path))
    scene.others.append(careful)
    made = await careful.service.invites.invite(relay=scene.relay.url)
    ben = (await scene.ben.service.invites.join(link=made["link"]))["chat"]
    chat = made["chat"]
    await careful.until_state(chat, "connected")
    await scene.ben.until_state(ben, "connected")
    (tmp_path / "song").write_bytes(b"la")
    with (tmp_path / "song").open("rb") as song:
        offered = await scene.ben.service.files.send(chat=ben, name="song", file=song.fileno())
        await careful.until(lambda: any(name == "file-state" for name, _ in careful.events))
        with pytest.raises(NotVerified):
            await careful.service.messages.send(chat=chat, text="hello")
        with pytest.raises(NotVerified):
            await careful.service.files.send(chat=chat, name="song", file=song.fileno())
        with pytest.raises(NotVerified):
            await careful.service.files.accept(chat=chat, file=offered["file"])
        assert (await careful.service.chats.list())[0]["require_verify"]
        await careful.service.chats.verify(chat=chat, confirm=True)
        await careful.service.messages.send(chat=chat, text="hello")
        await careful.service.files.accept(chat=chat, file=offered["file"])
    assert (await scene.ben.service.chats.list())[0]["require_verify"] is False
    await scene.ben.service.chats.verify(chat=ben, require=True)
    with pytest.raises(NotVerified):
        await scene.ben.service.messages.send(chat=ben, text="wait")


@in_the_reactor
async def test_a_blocked_contact_is_not_answered_and_sees_nobody(scene):
    await saved(scene)
    await scene.anna.service.contacts.listen(name="ben")
    await scene.anna.service.contacts.block(name="ben")
    await scene.ben.until_state(scene.bens, "ended", "peer-ended")
    assert await scene.anna.service.chats.list() == [] and scene.anna.service._contacts._listening._all == {}
    ben = (await scene.ben.service.contacts.call(name="anna"))["chat"]
    await scene.ben.until(lambda: len(scene.ben.dialer.opened) == 2)
    with pytest.raises(ContactBlocked):
        await scene.anna.service.contacts.call(name="ben")
    (row,) = await scene.anna.service.contacts.list()
    assert row["state"] == "blocked"
    assert scene.ben.states(ben) == [("waiting", "calling")]
    await scene.anna.service.contacts.unblock(name="ben")
    await scene.ben.until_state(ben, "connected")


@in_the_reactor
async def test_a_removed_contact_is_gone_and_its_calls_find_nobody(scene):
    await saved(scene)
    await scene.anna.service.contacts.listen(name="ben")
    await scene.anna.service.contacts.remove(name="ben")
    assert await scene.anna.service.contacts.list() == [] and scene.anna.service._contacts._listening._all == {}
    assert [row["contact"] for row in await scene.anna.service.chats.list()] == [None]
    with pytest.raises(ContactUnknown):
        await scene.anna.service.contacts.remove(name="ben")


@in_the_reactor
async def test_contacts_outlive_the_daemon_where_the_store_does(scene):
    stores = MemoryStore(), MemoryStore()
    scene.anna, scene.ben = (Person(store=store) for store in stores)
    await saved(scene)
    await scene.ben.service.contacts.listen(name="anna")
    await scene.anna.service.stop()
    await scene.ben.service.stop()
    scene.anna, scene.ben = (Person(store=store) for store in stores)
    scene.ben.service.resume()
    anna = (await scene.anna.service.contacts.call(name="ben"))["chat"]
    await scene.anna.until_state(anna, "connected")
    await scene.ben.until_contact("anna", "called")


@pytest.mark.parametrize("tuning", [SOON])
@in_the_reactor
async def test_a_side_that_died_before_it_heard_the_other_still_finds_it(scene):
    """One side has replaced the secret, the other has not: the first waits for both."""
    await saved(scene)
    await parted(scene)
    (key,) = scene.ben.service._book.contacts
    old = secrets(scene.ben)[0]
    scene.ben.service._book.change(key, secrets=(bytes(32), old))
    await scene.anna.service.contacts.listen(name="ben")
    ben = (await scene.ben.service.contacts.call(name="anna"))["chat"]
    await scene.ben.until_state(ben, "connected")
    anna = await scene.anna.until_contact("ben", "called")
    await scene.anna.until_state(anna, "connected")
    await talk(scene, anna, ben, "found")
    assert len(secrets(scene.ben)) == 1 and secrets(scene.anna) == secrets(scene.ben)


class Intruder:
    """Somebody who sits in a room and says something: the relay itself can, and nobody else knows the room."""

    def __init__(self, scene: Scene, room: bytes, *frames: bytes) -> None:
        self.frames = frames
        self.link = Relays(LinkContext(reactor, scene.ben.dialer, os.urandom)).link(
            Host.of(RelayAddress("127.0.0.1", scene.relay.port)), room, "")
        self.link.start(self)

    def link_up(self, link: Link) -> None:
        for frame in self.frames:
            self.link.send(frame)

    def link_down(self, link: Link, reason: str) -> None:
        """The other one went."""

    def frame_received(self, link: Link, frame: bytes) -> Verdict:
        return NOT_THEIRS

    def link_troubled(self, link: Link, error: WhisperdError) -> None:
        raise error

    link_failed = link_troubled


@in_the_reactor
async def test_somebody_else_in_the_contact_s_place_is_told_of_and_the_contact_still_comes(scene):
    await saved(scene)
    await parted(scene)
    await scene.ben.service.contacts.listen(name="anna")
    (waiting,) = scene.ben.service._contacts._listening._all.values()
    stale = call_keys(bytes(32), 0)
    forged = Seal.for_role(stale, inviter=True).close(b"old", os.urandom)
    intruder = Intruder(scene, waiting.keys.room, b"\x01" + os.urandom(300), forged, b"\x02" + os.urandom(300), b"")
    await scene.ben.until(lambda: scene.ben.contact_errors() == ["contact-changed"])
    assert await scene.ben.service.chats.list() == []
    await intruder.link.stop()
    anna = (await scene.anna.service.contacts.call(name="ben"))["chat"]
    await scene.anna.until_state(anna, "connected")
    assert scene.ben.contact_errors() == ["contact-changed"]


@in_the_reactor
async def test_somebody_else_who_answers_a_call_is_told_of_and_does_not_end_it(scene):
    await saved(scene)
    await parted(scene)
    room = call_keys(secrets(scene.anna)[0], epoch_of(reactor.seconds())).room
    intruder = Intruder(scene, room, b"\x01" + os.urandom(300))
    anna = (await scene.anna.service.contacts.call(name="ben"))["chat"]
    await scene.anna.until(lambda: scene.anna.contact_errors() == ["contact-changed"])
    await intruder.link.stop()
    ben = (await scene.ben.service.contacts.call(name="anna"))["chat"]
    await scene.ben.until_state(ben, "connected")
    await scene.anna.until_state(anna, "connected")


@in_the_reactor
async def test_a_daemon_that_was_killed_takes_its_own_seat_back(scene):
    """The relay keeps the seat for its token, which is the same in another run."""
    store = MemoryStore()
    scene.ben = Person(store=store)
    await saved(scene)
    await parted(scene)
    await scene.ben.service.contacts.listen(name="anna")
    await scene.ben.until(lambda: len(scene.ben.dialer.opened) == 2)
    await scene.anna.service.contacts.listen(name="ben")
    await scene.anna.until_contact("ben", "here")
    for waiting in scene.ben.service._contacts._listening._all.values():
        waiting._link._turn("stop")
        waiting._link._reconnecting.stop(cancel=False)
    scene.ben.dialer.cut()
    await scene.anna.until_contact("ben", "gone")
    killed, scene.ben = scene.ben, Person(store=store)
    scene.ben.service.resume()
    called = (await scene.ben.service.contacts.call(name="anna"))["chat"]
    await scene.ben.until_state(called, "connected")
    await killed.service.stop()


@in_the_reactor
async def test_a_contact_who_lost_the_conversation_calls_and_the_old_one_ends(scene):
    store = MemoryStore()
    scene.anna = Person(store=store)
    await saved(scene)
    await scene.ben.service.contacts.listen(name="anna")
    old, scene.anna = scene.anna, Person(store=store)
    old.service.conversations.driver(scene.annas)._link.stop()
    anna = (await scene.anna.service.contacts.call(name="ben"))["chat"]
    ben = await scene.ben.until_contact("anna", "called")
    await scene.anna.until_state(anna, "connected")
    await scene.ben.until_state(scene.bens, "ended")
    await talk(scene, anna, ben, "I am back")
    await old.service.stop()


@in_the_reactor
async def test_a_name_that_was_changed_stays_when_the_other_side_saves_again(scene):
    await saved(scene)
    await heard(scene.ben, scene.bens)
    await scene.anna.service.contacts.rename(name="ben", new="bert")
    await scene.ben.service.contacts.save(chat=scene.bens, name="anna")
    await scene.anna.until_contact("bert", "saved")
    assert [row["contact"] for row in await scene.anna.service.contacts.list()] == ["bert"]
    await scene.anna.service.contacts.save(chat=scene.annas, name="benjamin")
    await scene.ben.until(lambda: scene.ben.contact_states().count(("anna", "saved")) == 3)
    assert [row["contact"] for row in await scene.anna.service.contacts.list()] == ["benjamin"]
    await heard(scene.anna, scene.annas)
    assert secrets(scene.anna) == secrets(scene.ben)


@pytest.mark.parametrize("tuning", [SOON])
@in_the_reactor
async def test_a_call_meets_at_the_next_relay_when_the_first_is_gone(scene):
    second = Relay()
    await second.start()
    made = await scene.anna.service.invites.invite(relay=[scene.relay.url, second.url])
    scene.annas, scene.bens = made["chat"], (await scene.ben.service.invites.join(link=made["link"]))["chat"]
    await scene.anna.until_state(scene.annas, "connected")
    await scene.ben.until_state(scene.bens, "connected")
    await scene.anna.service.contacts.save(chat=scene.annas, name="ben")
    await scene.ben.until_contact("", "asked")
    await scene.ben.service.contacts.save(chat=scene.bens, name="anna")
    await scene.anna.until_contact("ben", "saved")
    await parted(scene)
    await scene.relay.stop()
    await scene.ben.service.contacts.listen(name="anna")
    called = (await scene.anna.service.contacts.call(name="ben"))["chat"]
    await scene.anna.until_state(called, "connected")
    await talk(scene, called, await scene.ben.until_contact("anna", "called"), "elsewhere")
    for person in (scene.anna, scene.ben):
        await person.service.stop()
    await second.stop()


@in_the_reactor
async def test_what_a_peer_says_about_contacts_is_bounded_and_checked(scene):
    await scene.meet()

    def say(payload: bytes) -> None:
        scene.ben.service.conversations.driver(scene.bens).tell(Stream.CONTACTS, payload)

    trailing = encode_contact_message(SaveContact(bytes(32))) + b"!"
    for payload in (b"", b"\xff", b"\x81\xa1t\xa4keep", trailing, b"\x81\xa1t\xa4take"):
        say(payload)
    for number in range(40):
        say(encode_contact_message(SaveContact(bytes([number]) * 32)))
    await talk(scene, scene.annas, scene.bens, "still here")
    await scene.anna.until_contact("", "asked")
    assert scene.anna.contact_states() == [("", "asked")]
    await scene.anna.service.contacts.save(chat=scene.annas, name="ben")
    for number in range(40):
        say(encode_contact_message(SaveContact(bytes([100 + number]) * 32)))
    say(encode_contact_message(WithdrawContact()))
    await talk(scene, scene.annas, scene.bens, "and here")
    sent = await scene.ben.service.messages.send(chat=scene.bens, text="done")
    await scene.ben.until_delivered(scene.bens, sent["id"])
    assert scene.anna.contact_states().count(("ben", "saved")) == 8
    assert [row["contact"] for row in await scene.anna.service.contacts.list()] == ["ben"]


@in_the_reactor
async def test_who_saves_again_renews_the_secret_on_both_sides(scene):
    await saved(scene)
    await heard(scene.ben, scene.bens)
    before = secrets(scene.anna)
    await scene.ben.service.contacts.save(chat=scene.bens, name="anna")
    await scene.anna.until(lambda: scene.anna.contact_states().count(("ben", "saved")) == 2)
    await heard(scene.ben, scene.bens)
    assert secrets(scene.anna) == secrets(scene.ben) != before
    assert len(await scene.anna.service.contacts.list()) == 1


@in_the_reactor
async def test_there_are_no_more_calls_than_conversations_may_be(scene):
    scene.anna = Person(max_chats=1)
    await saved(scene)
    await parted(scene)
    await scene.anna.service.invites.invite(relay=scene.relay.url)
    with pytest.raises(TooManyConversations):
        await scene.anna.service.contacts.call(name="ben")
    await scene.anna.service.contacts.listen(name="ben")
    await scene.ben.service.contacts.call(name="anna")
    await scene.anna.until(lambda: scene.anna.contact_errors() == ["too-many-chats"])


@in_the_reactor
async def test_contacts_call_each_other_through_tor(testnet, onion):
    anna = Person(loopback=False, socks=testnet.clients[1].socks, relay=onion)
    ben = Person(loopback=False, socks=testnet.clients[2].socks)
    made = await anna.service.invites.invite()
    chat = (await ben.service.invites.join(link=made["link"]))["chat"]
    await ben.until_state(chat, "connected")
    await anna.until_state(made["chat"], "connected")
    await anna.service.contacts.save(chat=made["chat"], name="ben")
    await ben.until_contact("", "asked")
    await ben.service.contacts.save(chat=chat, name="anna")
    await anna.until_contact("ben", "saved")
    await anna.service.chats.end(chat=made["chat"])
    await ben.service.contacts.listen(name="anna")
    called = (await anna.service.contacts.call(name="ben"))["chat"]
    answered = await ben.until_contact("anna", "called")
    await anna.until_state(called, "connected")
    sent = await anna.service.messages.send(chat=called, text="no invite, six relays")
    await anna.until_delivered(called, sent["id"])
    assert ben.heard(answered) == ["no invite, six relays"]
    for person in (anna, ben):
        await person.service.stop()


@in_the_reactor
async def test_no_two_are_offered_or_kept_under_one_name_and_none_under_that_of_a_conversation(scene):
    await scene.meet()
    third = Person()
    scene.others.append(third)
    other = await scene.anna.service.invites.invite(relay=scene.relay.url)
    thirds = (await third.service.invites.join(link=other["link"]))["chat"]
    await scene.anna.until_state(other["chat"], "connected")
    people = scene.anna.service.contacts
    await people.save(chat=scene.annas, name="ben")
    assert (await scene.anna.service.chats.find(chat="BEN"))["chat"] == scene.annas, "although nobody has agreed yet"
    for name in ("ben", "Ben"):
        with pytest.raises(ContactExists):
            await people.save(chat=other["chat"], name=name)
    with pytest.raises(UsageError):
        await people.save(chat=other["chat"], name="C4")
    assert (await people.save(chat=scene.annas, name="Ben"))["contact"] == "Ben", "its own may change"
    await people.save(chat=other["chat"], name="carl")
    scene.anna.service._bindings.of(other["chat"]).name = "c1"  # as a version before this rule had it
    await third.until_contact("", "asked")
    await third.service.contacts.save(chat=thirds, name="anna")
    await scene.anna.until_contact("contact-c1", "saved")
    assert (await scene.anna.service.chats.find(chat="contact-c1"))["chat"] == other["chat"]
    book = scene.anna.service._book
    book.change(book.find("contact-c1"), name="c1")  # and as it had called a contact
    for word in ("c1", "C1"):
        with pytest.raises(UsageError, match="name of a contact"):
            await scene.anna.service.chats.find(chat=word)
    await people.rename(name="c1", new="carl")
    assert (await scene.anna.service.chats.find(chat="c1"))["chat"] == scene.annas
    assert (await scene.anna.service.chats.find(chat="carl"))["chat"] == other["chat"]

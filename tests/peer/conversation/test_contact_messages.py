"""What is said about contacts in a conversation: what is recorded of it, what is told again, and what is taken back."""

from __future__ import annotations

from twisted.internet.task import Clock

from tests.peer.conversation.test_driver import QuietLink, Writes
from tests.peer.conversation.test_resume import Two
from tests.peer.support import events
from whisperd.errors import StoreFailed
from whisperd.peer.conversation.contact_messages import MAX_CONTACT_MESSAGE, ContactMessages
from whisperd.peer.conversation.driver import Driver, DriverListener
from whisperd.peer.effects import ContactMessageAcknowledged, ContactMessageReceived
from whisperd.wire.envelope import Stream


def connected() -> Two:
    two = Two()
    two.link_up()
    two.deliver()
    return two


def test_what_is_put_goes_with_the_next_frame_and_is_told_when_it_has_arrived():
    two = connected()
    anna = two.sides["anna"]
    anna.put_contact_message(b"save")
    assert not anna.contact_messages.arrived and two.sides["ben"].contact_messages.heard == b""
    two.do("anna", anna.use(lambda channel: channel.pump(two.now), two.now))
    two.deliver()
    assert anna.contact_messages.arrived and two.sides["ben"].contact_messages.heard == b"save"
    assert ContactMessageAcknowledged() in two.told and events(two.told, "chat-message") == []


def test_what_is_taken_back_was_never_said():
    two = connected()
    anna = two.sides["anna"]
    undo = anna.put_contact_message(b"save")
    undo()
    two.do("anna", anna.use(lambda channel: channel.pump(two.now), two.now))
    two.deliver()
    assert anna.contact_messages.arrived and two.sides["ben"].contact_messages.heard == b""


def test_what_is_forgotten_is_there_again_when_that_is_undone():
    messages = ContactMessages()
    messages.received(b"save")
    undo = messages.forget_heard()
    assert messages.heard == b""
    undo()
    assert messages.heard == b"save"


def test_what_is_too_long_is_not_recorded():
    messages = ContactMessages()
    messages.received(b"save")
    messages.received(bytes(MAX_CONTACT_MESSAGE + 1))
    assert messages.heard == b"save"


def test_a_record_knows_what_has_not_arrived():
    messages = ContactMessages()
    messages.load(b"save", [(3, Stream.CHAT), (5, Stream.CONTACTS), (4, Stream.CONTACTS)])
    assert not messages.arrived and not messages.acknowledged(4)
    assert messages.acknowledged(5) and messages.arrived


def test_what_was_heard_before_a_restart_is_told_again_and_held_where_that_cannot_be_written():
    two, told, full = connected(), [], [True]
    two.do("ben", two.sides["ben"].use(lambda channel: channel.send_first(Stream.CONTACTS, b"save", 0.0), 0.0))
    two.deliver()
    two.link_down()
    two.restart("anna")

    def hear(message: ContactMessageReceived) -> list:
        if full:
            raise StoreFailed
        return [lambda: told.append(message.payload)]

    writes = Writes()
    driver = Driver(two.sides["anna"], QuietLink(), Clock(), DriverListener(lambda name, **fields: None,
                                                                            contact_message=hear), None, writes)
    driver.contacts.tell_again()
    assert told == [] and writes.names == ["anna"]
    full.clear()
    driver.release()
    assert told == [b"save"]

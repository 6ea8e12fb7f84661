"""What two people have agreed on in the moment in which their conversation ends holds for both of them.

What comes in within one turn of the reactor is written at its end: here that turn lasts until the end is in it, too.
"""

from __future__ import annotations

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from tests.integration.contacts import parted, saved, secrets, talk
from tests.integration.peers import Person
from whisperd.peer.conversation.driver import Driver
from whisperd.peer.effects import Confirmed, ContactMessageReceived, Effect
from whisperd.peer.service import Tuning

in_the_reactor = pytest_twisted.ensureDeferred


@pytest.fixture
def tuning() -> Tuning:
    """A contact is listened for again at once after a call that came to nothing."""
    return Tuning(rest=0.0)


class LongTurn:
    """One person's turn that holds ``what`` lasts until the conversation ends; ``then`` is called when it has begun."""

    def __init__(self, person: Person, what: type[Effect], then=lambda driver: None) -> None:
        self._service, self._what, self._then = person.service, what, then
        self._flush = self._service._write_ahead._flush
        self._service._write_ahead._flush = self._end
        self.seen: set[str] = set()

    def _end(self) -> None:
        for driver in list(self._service.conversations._drivers.values()):
            if any(isinstance(effect, self._what) for effect in driver._executor._held) and driver.resumable:
                self._begun(driver)
            if any(isinstance(effect, self._what) for effect in driver._executor._held) and driver.resumable:
                reactor.callLater(0.01, self._end)
                return
        self._flush()

    def _begun(self, driver: Driver) -> None:
        if driver.name not in self.seen:
            self.seen.add(driver.name)
            self._then(driver)

    def over(self) -> None:
        self._service._write_ahead._flush = self._flush


async def call(kept) -> tuple[str, str]:
    """Ben calls Anna, who listens; return what each calls the conversation."""
    chat = (await kept.ben.service.contacts.call(name="anna"))["chat"]
    await kept.ben.until_state(chat, "connected")
    return await kept.anna.until_contact("ben", "called"), chat


@in_the_reactor
async def test_a_call_that_is_ended_with_the_first_word_leaves_both_with_the_same_secret(kept):
    await saved(kept)
    await parted(kept)
    await kept.anna.service.contacts.listen(name="ben")
    before = secrets(kept.anna)
    ends: list[Deferred] = []
    turn = LongTurn(kept.anna, Confirmed, lambda driver: ends.append(
        Deferred.fromCoroutine(kept.anna.service.chats.end(chat=driver.name))))
    anna, ben = await call(kept)
    await kept.anna.until_state(anna, "ended")
    await kept.ben.until_state(ben, "ended")
    for end in ends:
        await end
    turn.over()
    assert turn.seen == {anna}
    assert secrets(kept.anna)[0] == secrets(kept.ben)[0] and secrets(kept.anna)[0] not in before
    kept.anna.events.clear()
    kept.ben.events.clear()
    anna, ben = await call(kept)
    await kept.anna.until_state(anna, "connected")
    await talk(kept, anna, ben, "once more")
    assert kept.anna.contact_errors() == kept.ben.contact_errors() == []


@pytest.mark.parametrize("who", ["the other", "this side"])
@in_the_reactor
async def test_who_agrees_and_ends_at_once_is_a_contact_of_both(kept, who):
    await kept.meet()
    await kept.ben.service.contacts.save(chat=kept.bens, name="anna")
    await kept.anna.until_contact("", "asked")
    ends: list[Deferred] = []

    def ended(driver: Driver) -> None:
        ends.append(Deferred.fromCoroutine(kept.ben.service.chats.end(chat=kept.bens)))

    turn = LongTurn(kept.ben, ContactMessageReceived, ended if who == "this side" else lambda driver: None)
    await kept.anna.service.contacts.save(chat=kept.annas, name="ben")
    if who == "the other":
        await kept.anna.service.chats.end(chat=kept.annas)
    await kept.ben.until_state(kept.bens, "ended")
    for end in ends:
        await end
    turn.over()
    assert secrets(kept.anna) == secrets(kept.ben)
    assert [contact.confirmed for person in (kept.anna, kept.ben)
            for contact in person.service._book.contacts.values()] == [True, True]

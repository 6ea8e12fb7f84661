"""A store that cannot be written, at each write of what two people do: nothing is half done, and nobody is misled."""

from __future__ import annotations

import pytest
import pytest_twisted

from tests.integration.contacts import heard
from tests.integration.keepers import Faulty, Keeper, say
from tests.integration.peers import Person
from tests.waiting import eventually
from whisperd.errors import StoreFailed
from whisperd.peer.persistence.write_ahead import StoreTiming
from whisperd.peer.service import Tuning

in_the_reactor = pytest_twisted.ensureDeferred


@pytest.fixture
def tuning() -> Tuning:
    """A store that could not be written is tried again soon."""
    return Tuning(store=StoreTiming(retry=0.05, max_retry=0.1))


async def tried(what) -> bool:
    """Whether this worked, and not because it is not possible yet."""
    try:
        await what
    except StoreFailed:
        return False
    return True


async def until_well(keeper: Keeper, chat: str) -> None:
    person = keeper.person
    if ("store-state", {"state": "failing"}) in person.events:
        await person.until(lambda: [fields["state"] for name, fields in person.events if name == "store-state"][-1]
                           == "open")
    assert keeper.store.trouble is None
    await heard(person, chat)


def standing(person: Person) -> tuple[set[bytes], set[str]]:
    """The secrets that somebody holds, and what they are told of contacts."""
    contacts = person.service._book.contacts.values()
    return {secret for contact in contacts for secret in contact.secrets}, {
        "confirmed" if contact.confirmed else "unconfirmed" for contact in contacts}


@pytest.mark.parametrize("who", ["anna", "ben"])
@pytest.mark.parametrize("killed", [False, True], ids=["mended", "killed"])
@in_the_reactor
async def test_a_contact_is_common_or_nobodys_whichever_write_fails(kept, who, killed, tmp_path):
    first = failures = 0
    while True:
        first += 1
        await kept.meet()
        keepers = {"anna": kept.annas_keeper, "ben": kept.bens_keeper}
        disk = Faulty(keepers[who], first)
        saved = [await tried(kept.anna.service.contacts.save(chat=kept.annas, name="ben"))]
        await eventually(lambda disk=disk: disk.failed or ("", "asked") in kept.ben.contact_states())
        saved.append(await tried(kept.ben.service.contacts.save(chat=kept.bens, name="anna")))
        other = kept.ben if who == "anna" else kept.anna
        for _ in range(3):
            await tried(say(kept.anna, kept.annas, "one"))
            await tried(say(kept.ben, kept.bens, "two"))
        await other.service.chats.verify(chat=kept.annas if other is kept.anna else kept.bens, confirm=True)
        if killed:
            keepers[who].copy(tmp_path / f"{who}{first}")
            await keepers[who].stop()
            keepers[who].put_back(tmp_path / f"{who}{first}")
            setattr(kept, who, keepers[who].start())
        else:
            disk.mend()
        failures += bool(disk.failed)
        await until_well(kept.annas_keeper, kept.annas)
        await until_well(kept.bens_keeper, kept.bens)
        await until_well(kept.annas_keeper, kept.annas)
        annas, bens = standing(kept.anna), standing(kept.ben)
        if annas[1] or bens[1]:
            assert annas[1] == bens[1] == {"confirmed"}, (first, saved, annas[1], bens[1])
            assert len(annas[0]) == 1 and annas[0] == bens[0], (first, saved)
        for person, name, chat in ((kept.anna, "ben", kept.annas), (kept.ben, "anna", kept.bens)):
            if person.service._book.contacts:
                await person.service.contacts.remove(name=name)
            await person.service.chats.end(chat=chat)
            person.events.clear()
        if not disk.failed:
            break
    assert failures >= 4

"""Two people who keep each other as contacts, for tests."""

from __future__ import annotations

from tests.integration.peers import Person, Scene


async def saved(scene: Scene) -> None:
    """Anna keeps Ben, and Ben keeps Anna."""
    await scene.meet()
    await scene.anna.service.contacts.save(chat=scene.annas, name="ben")
    assert await scene.ben.until_contact("", "asked") == scene.bens
    assert (await scene.ben.service.contacts.save(chat=scene.bens, name="anna"))["state"] == "saved"
    await scene.anna.until_contact("ben", "saved")


async def parted(scene: Scene) -> None:
    """Their conversation is over."""
    await scene.anna.service.chats.end(chat=scene.annas)
    await scene.ben.until_state(scene.bens, "ended")
    await scene.ben.service.chats.end(chat=scene.bens)


async def heard(person: Person, chat: str) -> None:
    """Wait until the other side has what this one said before, its wish to keep a contact among it."""
    sent = await person.service.messages.send(chat=chat, text="are you there?")
    await person.until_delivered(chat, sent["id"])


def secrets(person: Person) -> tuple[bytes, ...]:
    (contact,) = person.service._book.contacts.values()
    return contact.secrets


async def talk(scene: Scene, anna: str, ben: str, text: str) -> None:
    sent = await scene.anna.service.messages.send(chat=anna, text=text)
    await scene.anna.until_delivered(anna, sent["id"])
    assert scene.ben.heard(ben)[-1] == text

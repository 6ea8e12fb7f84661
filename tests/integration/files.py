"""What people see of files that are on their way."""

from __future__ import annotations

from tests.integration.peers import Person


def file_states(person: Person, file: str) -> list[tuple[str, str]]:
    return [(fields["state"], fields["reason"]) for name, fields in person.events
            if name == "file-state" and fields["file"] == file]


async def until_file(person: Person, file: str, state: str) -> None:
    await person.until(lambda: [one for one, _ in file_states(person, file)][-1:] == [state])


async def progress(person: Person, least: int) -> None:
    """Wait until some file of this person has moved by ``least`` bytes."""
    await person.until(lambda: any(name == "file-progress" and fields["moved"] >= least
                                   for name, fields in person.events))

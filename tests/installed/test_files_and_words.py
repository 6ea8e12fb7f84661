"""Two people with installed programs: files both ways, comparison words, and messages that disappear."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.installed.kit import Company, Daemon, meet

CONTENT = bytes(range(256)) * 400


@pytest.fixture(scope="module")
def people(shared: Company) -> Iterator[tuple[Daemon, Daemon]]:
    """Anna and Ben, connected in c1; what is sent to Ben goes into a folder of his."""
    _, url = shared.relay()
    anna = shared.person("anna", url)
    ben = shared.person("ben", url, more=f'downloads = "{shared.folder}/ben/downloads"\n')
    ben.make("downloads")
    anna.start()
    ben.start()
    meet(anna, ben)
    yield anna, ben


def offered(anna: Daemon, ben: Daemon, name: str) -> str:
    """Have Anna offer a file; return what Ben calls it."""
    path = anna.folder / name
    path.write_bytes(CONTENT)
    anna.own(path)
    anna.ask("chat", "send-file", "c1", str(path))

    def row() -> str:
        return next((row["file"] for row in ben.ask("chat", "files", "c1")
                     if row["filename"] == name and row["state"] == "offered"), "")

    return ben.wait(row)


def state(person: Daemon, name: str) -> str:
    """Return what became of a file."""
    return next(row["state"] for row in person.ask("chat", "files") if row["filename"] == name)


def test_a_file_that_is_accepted_arrives_whole(people):
    anna, ben = people
    ben.ask("chat", "accept", "c1", offered(anna, ben, "picture.bin"))
    ben.wait(lambda: state(ben, "picture.bin") == "done")
    anna.wait(lambda: state(anna, "picture.bin") == "done")
    assert (ben.folder / "downloads/picture.bin").read_bytes() == CONTENT


def test_a_file_that_is_refused_or_taken_back_leaves_nothing(people):
    anna, ben = people
    ben.ask("chat", "refuse", "c1", offered(anna, ben, "unwanted.bin"))
    anna.wait(lambda: state(anna, "unwanted.bin") == "refused")
    offered(anna, ben, "mistaken.bin")
    number = next(row["file"] for row in anna.ask("chat", "files") if row["filename"] == "mistaken.bin")
    anna.ask("chat", "cancel", "c1", number)
    ben.wait(lambda: state(ben, "mistaken.bin") == "cancelled")
    assert not {"unwanted.bin", "mistaken.bin"} & {path.name for path in (ben.folder / "downloads").iterdir()}


def test_the_words_are_the_same_on_both_sides_and_the_mark_stays(people):
    anna, ben = people
    words = anna.ask("chat", "verify", "c1")["words"]
    assert words == ben.ask("chat", "verify", "c1")["words"] and words
    assert anna.ask("chat", "verify", "c1", "--yes")["verified"] is True
    assert [row["verified"] for row in anna.ask("chat", "list")] == [True]
    assert [row["verified"] for row in ben.ask("chat", "list")] == [False]


def test_messages_disappear_on_both_sides_once_both_agreed(people):
    anna, ben = people
    anna.ask("chat", "timer", "c1", "5")
    ben.wait(lambda: ben.ask("chat", "timer", "c1")["by"] == "them")
    ben.ask("chat", "timer", "c1", "accept")
    anna.wait(lambda: anna.ask("chat", "timer", "c1")["seconds"] == 5)
    assert anna.ask("chat", "send", "c1", "gone soon", "--wait", "100")["state"] == "delivered"
    for person in people:
        person.wait(lambda person=person: not any(row["text"] for row in person.call("chat.history", chat="c1")))

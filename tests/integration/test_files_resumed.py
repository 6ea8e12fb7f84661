"""Daemons with sealed stores that are killed at every step of a file, on either side: it arrives, once and whole."""

from __future__ import annotations

import os
import random
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.integration.killed import Person, meet, relay
from whisperd.control.client import Client
from whisperd.errors import DaemonUnreachable

#: Enough that some of it is flushed twice before the end.
CONTENT = os.urandom(2_500_000)


class Sharer(Person):
    """Somebody who sends files and takes them, until the step that ``die_at`` names."""

    module = "tests.integration.dying"

    def __init__(self, folder: Path, name: str, url: str) -> None:
        self.downloads = folder / f"{name}-downloads"
        self.downloads.mkdir()
        super().__init__(folder, name, url, peer=f'downloads = "{self.downloads}"\n')

    def restart(self, die_at: str = "", *, wait: bool = True) -> None:
        """Kill it if it lives, and start it again; it dies at that call of the operating system."""
        if self.process is not None and self.process.poll() is None:
            self.kill()
        where = self.folder / "die-at"
        where.unlink(missing_ok=True)
        if die_at:
            where.write_text(die_at)
        if wait:
            self.start()
        else:
            self.launch()

    def died(self) -> None:
        """Wait until it has killed itself."""
        assert self.process is not None and self.process.wait(60) == -signal.SIGKILL

    def row(self, name: str) -> dict[str, Any]:
        """Return what is known of a file, by its name."""
        return next((row for row in self.call("chat.files", chat="c1") if row["filename"] == name), {"state": ""})

    def until(self, name: str, *states: str) -> dict[str, Any]:
        found: dict[str, Any] = self.wait(lambda: (row := self.row(name))["state"] in states and row)
        return found


class Stage:
    """Two people who are connected, and the files that have come so far."""

    def __init__(self, folder: Path, url: str) -> None:
        self.anna, self.ben = Sharer(folder, "anna", url), Sharer(folder, "ben", url)
        self.source = folder / "source"
        self.names: list[str] = []
        self.offers = 0

    @property
    def name(self) -> str:
        return self.names[-1]

    def offer(self) -> None:
        """Have Anna offer one more file; she may die of it."""
        self.offers += 1
        self.names.append(f"{self.offers}.bin")
        self.source.unlink(missing_ok=True)
        self.source.write_bytes(CONTENT)
        with suppress(DaemonUnreachable), self.source.open("rb") as file:
            self.anna.wait(lambda: self.anna.state() == "connected")
            self.anna.call("chat.send-file", file=file.fileno(), chat="c1", name=self.name)

    def accept(self) -> None:
        """Have Ben accept it, if he has not yet; he may die of it."""
        row = self.ben.until(self.name, "offered", "moving", "done", *[""] * self.there())
        if row["state"] == "offered":
            with suppress(DaemonUnreachable), Client(self.ben.socket) as client:
                client.call("chat.accept", {"chat": "c1", "file": row["file"]})

    def half(self) -> None:
        """Have some of a file flushed at Ben's."""
        self.offer()
        self.accept()
        self.ben.wait(lambda: self.ben.row(self.name)["moved"] >= 1 << 20)

    def there(self) -> bool:
        """Whether it stands in its place; a daemon that is started again lists it no more."""
        return (self.ben.downloads / self.name).exists()

    def tidy(self) -> bool:
        """Whether each file that came stands there once, and nothing beside them."""
        return sorted(os.listdir(self.ben.downloads)) == sorted(self.names)

    def arrives(self) -> None:
        self.accept()
        self.anna.until(self.name, "done", "")  # as above
        self.ben.wait(self.tidy)
        assert (self.ben.downloads / self.name).read_bytes() == CONTENT

    def fails(self, here: str, there: str) -> None:
        """Wait until it has failed on both sides, for these reasons; nothing of it stays."""
        assert self.anna.until(self.name, "failed")["reason"] == here
        assert self.ben.until(self.name, "failed")["reason"] == there
        self.names.pop()
        self.ben.wait(self.tidy)


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("k")
    meeting, url = relay(folder / "relay")
    made = Stage(folder, url)
    try:
        meet(made.anna, made.ben)
        yield made
    finally:
        for process in (made.anna, made.ben, meeting):
            process.stop()


RECEIVER = ["flock 1 after", "pwrite 2 after", "fsync 1 before", "fsync 2 after", "link 1 before", "link 1 after",
            "unlink 1 before", "unlink 1 after"]


@pytest.mark.parametrize("die_at", RECEIVER, ids=lambda value: value.replace(" ", "-"))
def test_a_receiver_that_is_killed_at_any_step_has_the_file_in_the_end(stage, die_at):
    stage.ben.restart(die_at)
    stage.offer()
    stage.accept()
    stage.ben.died()
    stage.ben.restart()
    stage.arrives()


@pytest.mark.parametrize("die_at", ["fstat 1 after", "pread 2 after", "pread 4 before", "pread 6 after"],
                         ids=lambda value: value.replace(" ", "-"))
def test_a_sender_that_is_killed_at_any_step_sends_all_of_it_in_the_end(stage, die_at):
    stage.anna.restart(die_at)
    stage.offer()
    if die_at.startswith("pread") and die_at > "pread 3":
        stage.accept()
    stage.anna.died()
    stage.anna.restart()
    stage.anna.wait(lambda: stage.anna.state() == "connected")
    if not stage.anna.row(stage.name)["state"]:  # killed before it was an offer
        stage.names.pop()
        stage.offer()
    stage.arrives()


@pytest.mark.parametrize(("who", "die_at"), [("anna", "open 1 after"), ("anna", "pread 2 before"),
                                             ("ben", "open 2 after"), ("ben", "ftruncate 1 before")],
                         ids=lambda value: value.replace(" ", "-"))
def test_one_that_is_killed_again_while_it_compares_what_it_has_goes_on_all_the_same(stage, who, die_at):
    stage.half()
    person = getattr(stage, who)
    person.restart(die_at, wait=False)
    person.died()
    person.restart()
    stage.arrives()


def test_both_are_killed_in_the_middle(stage):
    stage.half()
    stage.anna.kill()
    stage.ben.kill()
    stage.ben.restart()
    stage.anna.restart()
    stage.arrives()


@pytest.mark.parametrize("rounds", [3, pytest.param(40, marks=pytest.mark.soak)])
def test_they_are_killed_at_any_moment(stage, rounds):
    chosen = random.Random(rounds)
    stage.offer()
    stage.accept()
    for number in range(rounds):
        least = chosen.randrange(len(CONTENT))
        stage.ben.wait(lambda least=least: stage.there() or stage.ben.row(stage.name)["moved"] >= least)
        (stage.anna, stage.ben)[number % 2].restart()
        if stage.there():
            stage.arrives()
            stage.offer()
            stage.accept()
    stage.arrives()


@pytest.mark.parametrize(("change", "here", "there"), [
    (lambda path: os.truncate(path, 5), "file-changed", "file-changed"),
    (lambda path: path.write_bytes(bytes(len(CONTENT))), "file-changed", "file-changed"),
    (lambda path: path.unlink(), "file-failed", "withdrawn")], ids=["cut", "changed", "removed"])
def test_a_source_that_is_not_what_it_was_is_an_error_on_both_sides(stage, change, here, there):
    stage.ben.restart("fsync 2 before")
    stage.offer()
    stage.accept()
    stage.ben.died()
    stage.anna.kill()
    change(stage.source)
    stage.anna.restart()
    stage.ben.restart()
    stage.fails(here, there)


@pytest.mark.parametrize("change", [lambda path: os.truncate(path, 5), lambda path: path.unlink()],
                         ids=["cut", "removed"])
def test_a_partial_file_that_is_not_what_it_was_comes_anew(stage, change):
    stage.ben.restart("fsync 2 before")
    stage.offer()
    stage.accept()
    stage.ben.died()
    (partial,) = stage.ben.downloads.glob(".whisperd-*.part")
    assert partial.stat().st_size > 1 << 20
    change(partial)
    stage.ben.restart()
    stage.arrives()

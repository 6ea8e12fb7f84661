"""Three people: Anna, her contact Ben, who is away, and Carl, with whom she has the only conversation."""

from __future__ import annotations

import json
import os
import pty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.installed.kit import Company, Daemon, Installation, meet, until
from whisperd.errors import WhisperdError
from whisperd.tor.testnet.ports import free_ports


class Three:
    """Anna, Ben and Carl; ``with_carl`` and ``carls`` are the ids of the one conversation."""

    def __init__(self, company: Company) -> None:
        port = free_ports(1)[0]
        self.anna = company.daemon(
            "anna", f'[relay]\nlisten = ["tcp:{port}:interface=127.0.0.1"]\n[peer]\nloopback = true\n')
        self.ben, self.carl = (company.person(name, f"http://127.0.0.1:{port}") for name in ("ben", "carl"))
        for daemon in (self.anna, self.ben, self.carl):
            daemon.launch()
        for daemon in (self.anna, self.ben, self.carl):
            daemon.wait(daemon.serves)
        for name in ("mallory", "ben"):
            self._keep_and_part(name)
        self.anna.call("contact.block", name="mallory")
        self.with_carl, self.carls = meet(self.anna, self.carl)

    def _keep_and_part(self, name: str) -> None:
        annas, bens = meet(self.anna, self.ben)
        self.anna.call("contact.save", chat=annas, name=name)
        until(lambda: any(row["state"] == "asked" for row in self.ben.call("contact.list")))
        self.ben.call("contact.save", chat=bens, name=f"anna-{name}")
        until(lambda: any(row["contact"] == name and row["state"] == "connected"
                          for row in self.anna.call("contact.list")))
        self.anna.call("chat.end", chat=annas)
        until(lambda: self.ben.state(bens) in ("ended", "gone"))


@contextmanager
def three_people(programs: Installation) -> Iterator[Three]:
    """The three, until the end of the block."""
    company = Company(programs)
    try:
        yield Three(company)
    finally:
        company.end()


def on_a_terminal(person: Daemon, *words: str) -> tuple[int, str]:
    """Run whisperctl where a person could answer; return its status and what it wrote to standard error."""
    ours, theirs = pty.openpty()
    try:
        done = person.whisperctl(*words, stdin=theirs, stdout=theirs)
    finally:
        os.close(ours)
        os.close(theirs)
    return done.returncode, done.stderr


def watched(person: Daemon, name: str, lines: int) -> list[dict[str, Any]]:
    """Return so many lines of 'chat watch' with this name."""
    with person.running("chat", "watch", name, "--json") as watching:
        until(lambda: len(watching.lines) >= lines, lambda: watching.said.decode())
        return [json.loads(line) for line in watching.lines[:lines]]


def all_there_is(person: Daemon) -> dict[str, Any]:
    """Return everything that a verb could change, without what changes by itself."""
    rows = [{name: value for name, value in row.items() if name != "created_age"} for row in person.call("chat.list")]
    return {"chats": rows, "contacts": person.call("contact.list"), "files": person.call("chat.files"),
            "said": [person.call("chat.history", chat=row["chat"]) for row in rows]}


def code_of(daemon: Daemon, method: str, **params: Any) -> str:
    """Return the code of the error that a method ends with, or "done"."""
    try:
        daemon.call(method, **params)
    except WhisperdError as error:
        return error.code
    return "done"


@contextmanager
def nothing_happens(three: Three) -> Iterator[None]:
    """Whatever the block does leaves Anna's daemon, and Carl's, as it was."""
    before = all_there_is(three.anna), all_there_is(three.carl)
    yield
    assert (all_there_is(three.anna), all_there_is(three.carl)) == before

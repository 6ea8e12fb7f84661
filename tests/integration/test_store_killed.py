"""Daemons with sealed stores that are killed in the middle of a conversation: every text arrives once, in order."""

from __future__ import annotations

import random
import resource

import pytest

from tests.integration.killed import Person, everything_arrived, meet, relay
from whisperd.errors import StoreFailed


@pytest.fixture
def people(tmp_path):
    meeting, url = relay(tmp_path / "relay")
    anna, ben = Person(tmp_path, "anna", url), Person(tmp_path, "ben", url)
    yield anna, ben
    for process in (anna, ben, meeting):
        process.stop()


@pytest.mark.parametrize("rounds", [4, pytest.param(60, marks=pytest.mark.soak)])
def test_killing_either_side_loses_and_doubles_nothing(people, rounds):
    meet(*people)
    chosen = random.Random(rounds)
    for number in range(rounds):
        victim = people[number % 2]
        for _ in range(chosen.randrange(1, 12)):
            for person in people:
                assert person.say()
        victim.kill()
        other = people[1 - number % 2]
        assert other.say() and not victim.say()
        victim.come_back()
    everything_arrived(*people)


@pytest.mark.parametrize("writes", [[30, 61], pytest.param(list(range(20, 140, 3)), marks=pytest.mark.soak)])
def test_killing_one_side_at_any_write_loses_and_doubles_nothing(people, writes):
    """strace kills the daemon at so many writes to its store after it came back."""
    anna, ben = people
    meet(anna, ben)
    anna.kill()
    for number in writes:
        anna.come_back("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64", "-e",
                       f"inject=pwrite64:signal=KILL:when={number}")
        while anna.say():
            ben.say()
        anna.process.wait()
    anna.come_back()
    everything_arrived(anna, ben)


def test_a_full_disk_holds_everything_back_and_loses_nothing(people):
    """The daemon's files may not grow for a while, which is what it sees of a full disk."""
    anna, ben = people
    meet(anna, ben)
    assert anna.say() and ben.say()
    everything_arrived(anna, ben)
    limits = resource.prlimit(anna.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(anna.process.pid, resource.RLIMIT_FSIZE, (512, limits[1]))
    with pytest.raises(StoreFailed):
        anna.say()
    with pytest.raises(StoreFailed):
        anna.say()
    assert ben.say() and len(anna.heard()) == 1 and len(ben.heard()) == 1
    resource.prlimit(anna.process.pid, resource.RLIMIT_FSIZE, limits)
    anna.said.append("anna 1")  # which was taken in, and could not be written at first
    ben.wait(lambda: len(ben.heard()) == 2)
    assert anna.say()
    everything_arrived(anna, ben)
    anna.kill()
    anna.come_back()
    everything_arrived(anna, ben)


def test_a_conversation_that_was_moved_goes_on_elsewhere_and_not_here(people, tmp_path, request):
    anna, ben = people
    meet(anna, ben)
    assert anna.say() and ben.say()
    everything_arrived(anna, ben)
    elsewhere = Person(tmp_path, "elsewhere", "")
    request.addfinalizer(elsewhere.stop)
    elsewhere.start()
    blob = tmp_path / "export"
    with blob.open("wb") as file:
        assert anna.call("store.export", file=file.fileno(), passphrase="for the export", move=True)["moved"]
    assert anna.call("chat.list") == []
    anna.stop()
    assert ben.say()
    with blob.open("rb") as file:
        elsewhere.call("store.import", file=file.fileno(), passphrase="for the export")
    elsewhere.name, elsewhere.said = "anna", list(anna.said)
    assert elsewhere.say()
    everything_arrived(elsewhere, ben)

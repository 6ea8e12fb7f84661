"""Access codes: issued once, spent at joins, expired, revoked; guesses locked out; kept only where it is asked for."""

from __future__ import annotations

import inspect
import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.relay.kit import bounds
from whisperd import logs
from whisperd.errors import AccessFull, AccessUnknown, ConfigError
from whisperd.relay.access_codes import ALPHABET, AccessCodes, AccessRecord, AccessStore, CodeAdmission
from whisperd.relay.access_file import AccessFile
from whisperd.relay.admission import ConnectionLimits
from whisperd.relay.limits import Denial, RelayLimits
from whisperd.relay.limits_table import guesses


class World:
    def __init__(self, guesses: int = 0, circuit_guesses: int = 0, **most: int) -> None:
        self.access = AccessCodes(os.urandom, **most)
        self.guesses = {"guesses": guesses, "circuit_guesses": circuit_guesses}
        self.access.apply(required=False, **self.guesses)
        self.sockets = ConnectionLimits(RelayLimits(bounds()))
        self.listener = self.sockets.new_listener()
        self.source = self.circuit(1)

    def circuit(self, number: int):
        return self.sockets.source(self.listener, number, 0)

    def issued(self, uses: int = 1, hours: float = 1, now: float = 0) -> str:
        return str(self.access.issue(uses, hours, now)["code"])

    def enter(self, code: str, now: float = 0) -> str:
        found = self.access.find(code, self.source, now)
        if isinstance(found, CodeAdmission):
            found.spend()
            return "in"
        return found.code


class Remembered:
    """A store in memory, which may fail."""

    def __init__(self, record: AccessRecord | None = None) -> None:
        self.record = record
        self.broken = False

    def read(self) -> AccessRecord | None:
        return self.record

    def write(self, record: AccessRecord) -> None:
        if self.broken:
            raise ConfigError("it cannot be written")
        self.record = record


def persisted(path) -> AccessCodes:
    """Return the codes of a relay that persists them in this file."""
    access = AccessCodes(os.urandom)
    access.persist(AccessFile(str(path)))
    return access


def test_both_stores_are_stores() -> None:
    for store in (Remembered, AccessFile):
        for name in ("read", "write"):
            assert inspect.signature(getattr(store, name)) == inspect.signature(getattr(AccessStore, name))


def test_a_code_has_12_characters_that_look_like_no_other_and_no_two_are_equal() -> None:
    world = World()
    codes = {world.issued() for _ in range(200)}
    assert len(codes) == 200
    assert all(len(code) == 14 and set(code) <= {*ALPHABET, "-"} for code in codes)
    assert set(ALPHABET) & set("IO01") == set()
    assert set().union(*codes) == {*ALPHABET, "-"}


def test_a_code_is_good_for_as_many_joins_as_it_was_issued_for() -> None:
    world = World()
    code = world.issued(uses=2)
    assert [world.enter(code) for _ in range(3)] == ["in", "in", "code-refused"]
    assert world.access.list(0) == []


@pytest.mark.parametrize("change", [
    str.lower, lambda code: code.replace("-", ""), lambda code: f" {code[:7]} {code[7:]}",
])
def test_a_code_may_be_written_in_other_ways(change) -> None:
    world = World()
    assert world.enter(change(world.issued())) == "in"


def test_a_code_expires_and_is_forgotten() -> None:
    world = World()
    code = world.issued(hours=0.5)
    assert world.access.list(600)[0]["expires_in"] == 1_200
    assert world.enter(code, now=1_800) == "code-refused"
    world.access.forget(1_800)
    assert len(world.access) == 0


def test_a_code_that_is_revoked_is_worth_nothing_and_an_unknown_one_is_named() -> None:
    world = World()
    issued = world.access.issue(5, 1, 0)
    assert world.access.list(0) == [{"id": issued["id"], "uses": 5, "left": 5, "expires_in": 3_600}]
    world.access.revoke(str(issued["id"]))
    assert world.enter(str(issued["code"])) == "code-refused"
    with pytest.raises(AccessUnknown):
        world.access.revoke(str(issued["id"]))


def test_the_code_itself_is_not_kept() -> None:
    world = World()
    code = world.issued()
    record = world.access._record()
    assert code.replace("-", "") not in repr(record).replace("-", "")
    record.key = os.urandom(32)
    other = AccessCodes(os.urandom)
    other.persist(Remembered(record))
    assert other.find(code, world.source, 0) == Denial("code-refused")
    other.persist(Remembered(world.access._record()))
    assert isinstance(other.find(code, world.source, 0), CodeAdmission)


def test_no_code_is_said_apart_from_a_wrong_one() -> None:
    world = World()
    assert [world.enter(code) for code in ("", "wrong", "\x00" * 64)] == ["code-needed", "code-refused", "code-refused"]


def test_one_circuit_that_guesses_is_locked_out_and_no_other_and_its_right_code_waits_too() -> None:
    world = World(circuit_guesses=2)
    code = world.issued()
    assert [world.enter("wrong") for _ in range(3)] == ["code-refused", "code-refused", "too-many-guesses"]
    assert world.access.find(code, world.source, 0) == Denial("too-many-guesses", 30)
    assert isinstance(world.access.find(code, world.circuit(2), 0), CodeAdmission)
    assert world.enter(code, now=30) == "in"


def test_many_circuits_that_guess_together_are_locked_out_together() -> None:
    world = World(guesses=3, circuit_guesses=2)
    for number in range(3):
        assert world.access.find("wrong", world.circuit(number), 0) == Denial("code-refused")
    assert world.access.find(world.issued(), world.circuit(9), 0) == Denial("too-many-guesses", 20)
    assert world.access.find("wrong", world.circuit(9), 20) == Denial("code-refused")


def test_guesses_are_shown_among_the_limits_with_their_use_and_refusals_where_codes_are_needed() -> None:
    world = World(guesses=4, circuit_guesses=2)
    assert guesses(world.access, 0) == []
    world.access.apply(required=True, **world.guesses)
    assert [world.enter("wrong") for _ in range(3)] == ["code-refused", "code-refused", "too-many-guesses"]
    for number in (2, 3):
        world.access.find("wrong", world.circuit(number), 0)
    assert world.access.find("wrong", world.circuit(4), 0).code == "too-many-guesses"
    assert guesses(world.access, 0) == [
        {"limit": "access_guesses", "scope": "total", "max": 4, "used": 4, "refused": 1, "slowed": 0},
        {"limit": "access_guesses", "scope": "circuit", "max": 2, "used": None, "refused": 1, "slowed": 0}]
    assert guesses(world.access, 60)[0]["used"] == 0


def test_a_clock_that_goes_back_locks_nobody_out() -> None:
    world = World(guesses=1)
    assert [world.enter("wrong", now=1_000_000) for _ in range(2)] == ["code-refused", "too-many-guesses"]
    assert world.enter("wrong", now=5) == "code-refused"


def test_neither_guessers_nor_codes_grow_without_bound() -> None:
    world = World(guesses=10_000, circuit_guesses=1, max_guessers=10, max_codes=5)
    for number in range(50):
        world.access.find("wrong", world.circuit(number), 0)
    assert len(world.access._until) == 10
    assert None in world.access._until
    world.access.forget(500)
    assert world.access._until == {}
    for _ in range(5):
        world.issued()
    with pytest.raises(AccessFull):
        world.issued()
    assert world.issued(now=3_600)


@given(st.text(max_size=64))
def test_whatever_is_tried_is_refused(code: str) -> None:
    world = World()
    world.issued()
    assert world.enter(code) in ("code-refused", "code-needed")


def test_codes_that_are_kept_outlive_the_process_and_nobody_else_reads_them(tmp_path) -> None:
    path = tmp_path / "codes"
    first = persisted(path)
    code = str(first.issue(2, 1, 0)["code"])
    gone = first.issue(1, 1, 0)
    first.revoke(str(gone["id"]))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["codes"]
    assert code.replace("-", "").encode() not in path.read_bytes()
    second = persisted(path)
    found = second.find(code, World().source, 0)
    assert isinstance(found, CodeAdmission)
    found.spend()
    third = persisted(path)
    assert [row["left"] for row in third.list(0)] == [1]
    assert third.find(str(gone["code"]), World().source, 0) == Denial("code-refused")


@pytest.mark.parametrize(("content", "mode", "why"), [
    (b"{}", 0o600, "not what this program writes"),
    (b"\xff", 0o600, "not what this program writes"),
    (b'{"version":2,"key":"","grants":[]}', 0o600, "another version"),
    (b"{}", 0o640, "other users than its owner"),
])
def test_a_file_that_is_not_its_own_is_named_and_left_alone(tmp_path, content: bytes, mode: int, why: str) -> None:
    path = tmp_path / "codes"
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(ConfigError, match=why):
        persisted(path)
    assert path.read_bytes() == content


def test_a_folder_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="/nonexistent/codes cannot be used"):
        persisted("/nonexistent/codes")


def test_a_join_is_spent_although_the_file_cannot_be_written_any_more(tmp_path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    access = persisted(folder / "codes")
    code = str(access.issue(1, 1, 0)["code"])
    found = access.find(code, World().source, 0)
    assert isinstance(found, CodeAdmission)
    (folder / "codes").unlink()
    folder.rmdir()
    noted: list[str] = []
    end = logs.follow(lambda line: noted.append(line.event))
    found.spend()
    end()
    assert noted == ["relay-access-not-written"]
    assert not folder.exists()
    assert access.find(code, World().source, 0) == Denial("code-refused")

"""Where a passphrase comes from when nobody is asked."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import keyring
import pytest

from whisperd.errors import StoreKeyMissing, UsageError
from whisperd.store.passphrases import MAX, checked, from_credential, from_descriptor, from_keyring

STORE = Path("/var/lib/whisperd/store/store.db")


def descriptor(content: bytes) -> int:
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    return reading


def test_a_descriptor_gives_its_first_line_and_is_closed():
    reading = descriptor(b"correct horse\r\nsecond line\n")
    assert from_descriptor(reading) == b"correct horse"
    with pytest.raises(OSError):
        os.fstat(reading)


@pytest.mark.parametrize("content", [b"", b"short\n", b"x" * (MAX + 1)])
def test_what_is_no_passphrase_is_said_so(content):
    with pytest.raises(StoreKeyMissing):
        from_descriptor(descriptor(content))


def test_a_descriptor_that_is_not_open_is_said_so():
    reading = descriptor(b"")
    os.close(reading)
    with pytest.raises(StoreKeyMissing, match="descriptor"):
        from_descriptor(reading)


def test_a_credential_is_a_file_of_the_service_manager_and_nothing_beside_it(tmp_path):
    (tmp_path / "there").write_bytes(b"correct horse\n")
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "whisperd-store").write_bytes(b"battery staple\n")
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path / "given")}
    assert from_credential("whisperd-store", environment) == b"battery staple"
    for name, where in (("../there", environment), ("absent", environment), ("whisperd-store", {})):
        with pytest.raises(StoreKeyMissing):
            from_credential(name, where)


@pytest.mark.parametrize("passphrase", ["", "short", "x" * (MAX + 1)])
def test_a_new_passphrase_has_a_least_and_a_most_length(passphrase):
    with pytest.raises(UsageError):
        checked(passphrase)


class Ring(ModuleType):
    """What the package keyring offers, with a keyring in memory that fails in ways in which a real one seldom does."""

    def __init__(self, *, broken: bool = False, forgetful: bool = False, priority: float = 5) -> None:
        super().__init__("keyring")
        self.kept: dict[tuple[str, str], str] = {}
        self.priority = priority
        self._broken = broken
        self._forgetful = forgetful

    def get_keyring(self) -> Ring:
        return self

    def get_password(self, service: str, name: str) -> str | None:
        if self._broken:
            raise RuntimeError("broken")
        return self.kept.get((service, name))

    def set_password(self, service: str, name: str, password: str) -> None:
        if not self._forgetful:
            self.kept[service, name] = password


class Chain(Ring):
    """Several keyrings, as the package chains them."""

    def __init__(self, *backends: Ring) -> None:
        super().__init__(priority=10)
        self.backends = backends


def test_a_new_store_s_passphrase_is_made_and_given_to_the_keyring_once(monkeypatch):
    ring = Ring()
    monkeypatch.setitem(sys.modules, "keyring", ring)
    with pytest.raises(StoreKeyMissing, match="no passphrase"):
        from_keyring(STORE, new=False, random=os.urandom)
    made = from_keyring(STORE, new=True, random=os.urandom)
    assert len(made) == 64 and list(ring.kept.values()) == [made.decode()]
    assert from_keyring(STORE, new=True, random=os.urandom) == from_keyring(STORE, new=False, random=bytes) == made


def test_of_several_keyrings_the_best_one_is_taken_alone(monkeypatch):
    best, other = Ring(), Ring(priority=4.8)
    monkeypatch.setitem(sys.modules, "keyring", Chain(best, other))
    from_keyring(STORE, new=True, random=os.urandom)
    assert best.kept and not other.kept


@pytest.mark.parametrize(("ring", "said"), [
    (Ring(broken=True), "RuntimeError"),
    (Ring(forgetful=True), "did not store"),
    (Ring(priority=0.5), "has no keyring"),  # a file in the clear
    (Chain(Ring(priority=0.5), Ring(priority=-1)), "has no keyring"),
    (None, "not installed"),
])
def test_a_keyring_that_fails_or_keeps_nothing_safe_or_is_not_installed_is_said_so(monkeypatch, ring, said):
    monkeypatch.setitem(sys.modules, "keyring", ring)
    with pytest.raises(StoreKeyMissing, match=said):
        from_keyring(STORE, new=True, random=os.urandom)
    assert ring is None or not ring.kept


@pytest.mark.parametrize("backend", ["null", "fail"])
def test_the_package_s_own_stand_ins_for_a_keyring_are_none(monkeypatch, backend):
    """Or a new store would be made under a passphrase that nobody has."""
    before = keyring.get_keyring()
    keyring.set_keyring(import_module(f"keyring.backends.{backend}").Keyring())
    try:
        with pytest.raises(StoreKeyMissing, match="has no keyring"):
            from_keyring(STORE, new=True, random=os.urandom)
    finally:
        keyring.set_keyring(before)

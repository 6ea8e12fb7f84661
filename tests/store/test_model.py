"""The stores against a model, and a sealed one whose process is killed at each write."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.store.kit import PASSPHRASE, Place, content
from whisperd.store.memory import MemoryStore

COLLECTIONS = ("contact", "chat", "")
KEYS = st.sampled_from(["", "a", "b", "é/\0"])
VALUES = st.binary(max_size=700)


class StoreModel(RuleBasedStateMachine):
    """Whatever is done, both stores hold what a dictionary would."""

    @initialize()
    def begin(self):
        self.folder = tempfile.TemporaryDirectory()
        self.place = Place(Path(self.folder.name) / "store.db")
        self.sealed = self.place.open()
        self.memory = MemoryStore()
        self.model = {}

    def teardown(self):
        if hasattr(self, "sealed"):
            self.sealed.close()
            self.folder.cleanup()

    @rule(collection=st.sampled_from(COLLECTIONS), key=KEYS, value=VALUES)
    def put(self, collection, key, value):
        for store in (self.sealed, self.memory):
            store.put(collection, key, value)
        self.model[collection, key] = value

    @rule(collection=st.sampled_from(COLLECTIONS), key=KEYS)
    def delete(self, collection, key):
        for store in (self.sealed, self.memory):
            store.delete(collection, key)
        self.model.pop((collection, key), None)

    @rule(changes=st.lists(st.tuples(st.sampled_from(COLLECTIONS), KEYS, st.none() | VALUES), max_size=4))
    def several_at_once(self, changes):
        for store in (self.sealed, self.memory):
            with store.together():
                for collection, key, value in changes:
                    if value is None:
                        store.delete(collection, key)
                    else:
                        store.put(collection, key, value)
        for collection, key, value in changes:
            self.model.pop((collection, key), None) if value is None else self.model.update({(collection, key): value})

    @rule(collection=st.sampled_from(COLLECTIONS), key=KEYS, value=VALUES)
    def several_that_fail(self, collection, key, value):
        try:
            with self.sealed.together():
                self.sealed.put(collection, key, value)
                self.sealed.delete("contact", "a")
                self.sealed.put("chat", "a", value)
                raise RuntimeError
        except RuntimeError:
            pass

    @rule()
    def lock_and_open(self):
        self.sealed.close()
        self.sealed = self.place.open()

    @precondition(lambda self: len(self.model) > 4)
    @rule()
    def wipe(self):
        for store in (self.sealed, self.memory):
            store.wipe()
        self.model.clear()

    @invariant()
    def both_hold_what_the_model_holds(self):
        if hasattr(self, "model"):
            assert content(self.sealed, *COLLECTIONS) == content(self.memory, *COLLECTIONS) == self.model


TestStoreModel = StoreModel.TestCase
TestStoreModel.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)

#: Says on standard output what is kept, after it is, and leaves it to strace to kill it.
WRITER = """
import os, sys
from pathlib import Path
from tests.store.kit import Place, CHEAP, PASSPHRASE
from whisperd.store.sealed import SealedStore
store = SealedStore(Path(sys.argv[1]), cost=CHEAP)
store.open_with(PASSPHRASE)
for number in range(4):
    with store.together():
        store.put("chat", "state", bytes([number]) * 3_000)
        store.put("incoming", str(number), bytes([number]) * 300)
        store.delete("incoming", str(number - 2))
    os.write(1, bytes([number]))
store.put("chat", "end", b"")
store.close()
os.write(1, b"e")
"""
CALLS = "pwrite64,fdatasync,fsync,ftruncate,unlink"


def killed_at(path: Path, call: int) -> tuple[bytes, bool]:
    """Run the writer and kill it at the ``call``-th call that writes; return what it said, and whether it was."""
    done = subprocess.run(
        ["strace", "-f", "-o", "/dev/null", "-e", f"trace={CALLS}", "-e", f"inject={CALLS}:signal=KILL:when={call}",
         sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, check=False)
    return done.stdout, done.returncode != 0


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.soak)])
def test_a_process_that_is_killed_at_any_write_has_kept_what_it_said_is_kept(tmp_path, step):
    """At every fifth call from the first to the last, and in the long tests at every single one."""
    call, killed, seen = 1, True, set()
    while killed:
        path = tmp_path / f"{call}.db"
        said, killed = killed_at(path, call)
        store = Place(path).closed()
        if store.state != "new":
            store.open_with(PASSPHRASE)
            last = store.get("chat", "state")
            number = -1 if last is None else last[0]
            assert number in (len(said.rstrip(b"e")) - 1, len(said.rstrip(b"e")))
            expected = {str(each): bytes([each]) * 300 for each in (number - 1, number) if each >= 0}
            assert {key: store.get("incoming", key) for key in store.keys("incoming")} == expected
            assert last is None or last == bytes([number]) * 3_000
            seen.add(number)
        else:
            assert said == b""
        store.close()
        call += step
    assert said.endswith(b"e") and seen >= {0, 1, 2, 3}

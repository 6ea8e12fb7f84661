"""The ids of conversations, of which none is ever given twice: an old pipe, script or watcher goes on naming its own.

A durable store has the last number, which is on the disk before anybody is told an id. What the process has given
outlives a store that is locked, wiped or filled from an export, because connections to the process do, too.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence

from whisperd.errors import StoreDamaged
from whisperd.interfaces import Store

#: The collection of the last number, which is under an empty key.
NUMBERS = "last-conversation"

_NUMBER = struct.Struct(">Q")
#: A collection, a key, a value.
_Record = tuple[str, str, bytes]


class Given:
    """The last number that this process has given, or found in a store."""

    last = 0


class Ids:
    """The ids of the conversations that ``store`` is to hold."""

    def __init__(self, store: Store, given: Given) -> None:
        self._store = store
        self._given = given
        value = store.get(NUMBERS, "")
        self._stored = 0 if value is None else _decode(value)
        self._last = 0
        self._found(self._stored)

    def was_given(self, word: str) -> bool:
        """Return whether this was a conversation's id."""
        number = word.removeprefix("c")
        return number.isdecimal() and word == id_of(int(number)) and 1 <= int(number) <= self._given.last

    def found(self, name: str) -> None:
        """There is a conversation of this name."""
        self._found(number_of(name))

    def take(self, persist: Callable[[], object]) -> str:
        """Return a new id; ``persist()`` is to ``write`` and may raise, then none is taken."""
        before, self._last = self._last, max(self._last, self._given.last) + 1
        try:
            persist()
        except BaseException:
            self._last = before
            raise
        self._given.last = self._last
        return id_of(self._last)

    def write(self) -> None:
        """Put the last number into the store, if that lasts and has less; a part of a transaction. A store of an
        earlier version may have none."""
        before = self._stored
        if self._store.durable and before < self._last:
            self._store.put(NUMBERS, "", _NUMBER.pack(self._last))
            self._stored = self._last
            self._store.undo(lambda: setattr(self, "_stored", before))

    def _found(self, number: int) -> None:
        self._last = max(self._last, number)
        self._given.last = max(self._given.last, number)


def id_of(number: int) -> str:
    """Return the id of this number."""
    return f"c{number}"


def number_of(name: str) -> int:
    """Return the number of an id."""
    return int(name.removeprefix("c"))


def taken_in(records: Sequence[_Record], named: Iterable[str], given: Given) -> list[_Record]:
    """Return the ``records`` of an export for a process that has given ids already.

    In the collections ``named`` each key is an id, or begins with one and a slash. If one of them was given here, all
    get higher numbers in the same order; and none of the ids is given again where the records go to."""
    collections = frozenset(named)
    ids = {key.partition("/")[0] for collection, key, _ in records if collection in collections}
    numbers = {name: number_of(name) for name in ids}
    last = max((_decode(value) for collection, _, value in records if collection == NUMBERS), default=0)
    more = given.last if any(number <= given.last for number in numbers.values()) else 0

    def renamed(key: str) -> str:
        name, slash, rest = key.partition("/")
        return id_of(numbers[name] + more) + slash + rest

    moved = [(collection, renamed(key) if collection in collections else key, value)
             for collection, key, value in records if collection != NUMBERS]
    last = max(given.last, more + max([last, *numbers.values()])) if numbers or last else 0
    return [*moved, (NUMBERS, "", _NUMBER.pack(last))] if last else moved


def _decode(value: bytes) -> int:
    if len(value) != _NUMBER.size:
        raise StoreDamaged("the store contains a record from another version of whisperd")
    return int(_NUMBER.unpack(value)[0])

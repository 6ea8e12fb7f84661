"""The keys of the relay's onion service: the one in force and, after a rotation, the one on its way out.

A persistent key stands in ``onion.key_file``; the one before stands beside it, in a file of the same name with
``.retiring`` behind it, which says until when it is good: ``until <unix seconds>`` in its second line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from whisperd.config import OnionSection
from whisperd.errors import OnionKeyUnusable
from whisperd.tor.onion.key import OnionKey, new_key
from whisperd.tor.onion.key_file import KeyFile, checked_key, read_private, remove_private, write_private

Random = Callable[[int], bytes]


@dataclass(frozen=True)
class Retiring:
    """A key that is good until ``until`` (unix seconds)."""

    key: OnionKey
    until: float


class OnionKeys(Protocol):
    """Where the keys are."""

    def current(self) -> OnionKey:
        """Return the key in force, made now if there was none; raises OnionKeyUnusable."""

    def retiring(self) -> Retiring | None:
        """Return the key before that, where an earlier process left one; raises OnionKeyUnusable."""

    def rotate(self, until: float | None) -> None:
        """Put a new key into force, and hold the one before until ``until`` (None: not at all).

        Raises OnionKeyUnusable, and then the one before is still in force."""

    def retire(self) -> None:
        """Forget the key before; raises OnionKeyUnusable."""


def keys_of(settings: OnionSection, random: Random) -> OnionKeys:
    """Return where ``settings`` (the section ``onion``) wants the keys."""
    return PersistentKeys(Path(settings.key_file), random) if settings.key == "persistent" else MemoryKeys(random)


class MemoryKeys:
    """Keys that no file ever holds."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._key: OnionKey | None = None

    def current(self) -> OnionKey:
        """As ``OnionKeys.current``."""
        self._key = self._key or new_key(self._random)
        return self._key

    def retiring(self) -> Retiring | None:
        """As ``OnionKeys.retiring``."""
        return None

    def rotate(self, until: float | None) -> None:
        """As ``OnionKeys.rotate``."""
        self._key = new_key(self._random)

    def retire(self) -> None:
        """Nothing is recorded."""


class PersistentKeys:
    """Keys in files of mode 0600, each written in one step."""

    def __init__(self, path: Path, random: Random) -> None:
        self._file = KeyFile(path)
        self._old = path.with_name(f"{path.name}.retiring")
        self._random = random

    def current(self) -> OnionKey:
        """As ``OnionKeys.current``."""
        if found := self._file.load():
            return OnionKey(found)
        key = new_key(self._random)
        self._file.save(key.text)
        return key

    def check(self) -> None:
        """Read what is there, and change nothing; raises OnionKeyUnusable."""
        self._file.load()
        self._read_retiring()

    def retiring(self) -> Retiring | None:
        """As ``OnionKeys.retiring``."""
        found = self._read_retiring()
        if found is not None and found.key.text == self._file.load():  # cut off before the new key was written
            self.retire()
            return None
        return found

    def _read_retiring(self) -> Retiring | None:
        content = read_private(self._old)
        if content is None:
            return None
        text, _, rest = content.decode("ascii", "replace").partition("\n")
        word, _, until = rest.strip().partition(" ")
        if word != "until" or not until.isascii() or not until.isdigit() or len(until) > 12:
            raise OnionKeyUnusable(f"{self._old} does not say when it expires", remedy=_REMEDY)
        return Retiring(OnionKey(checked_key(text, self._old)), float(until))

    def rotate(self, until: float | None) -> None:
        """As ``OnionKeys.rotate``."""
        before = self.current()
        if until is None:
            self.retire()
        else:
            write_private(self._old, f"{before.text}\nuntil {round(until)}\n")
        try:
            self._file.save(new_key(self._random).text)
        except OnionKeyUnusable:
            if until is not None:
                self.retire()
            raise

    def retire(self) -> None:
        """As ``OnionKeys.retire``."""
        remove_private(self._old)


_REMEDY = "Delete it. The old address that belongs to it then no longer answers."

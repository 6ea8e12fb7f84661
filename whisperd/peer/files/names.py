"""Names of files that somebody else chose -> names that are safe to write and to show."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import count

#: Maximum number of bytes of UTF-8 in a name, with room for a number in brackets.
MAX_NAME_BYTES = 200
NAMELESS = "file"

_MAX_SUFFIX = 20
_REPLACED = re.compile(r'[<>:"|?*]')
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\.|\Z)", re.IGNORECASE)
_FORBIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def safe_name(name: str) -> str:
    """Return the last part of ``name`` without anything that a shell, a terminal or a file system may trip over.

    Folders, control characters, escapes, bidirectional and other invisible characters, leading dots and dashes are
    taken away; reserved names get an underscore; an empty name becomes 'file'. At most MAX_NAME_BYTES.
    """
    last = unicodedata.normalize("NFC", re.split(r"[/\\]", name)[-1])
    plain = "".join(character for character in last if unicodedata.category(character) not in _FORBIDDEN)
    plain = _REPLACED.sub("_", " ".join(plain.split())).lstrip(". -").rstrip(". ")
    if _RESERVED.match(plain):
        plain = "_" + plain
    return _shortened(plain, MAX_NAME_BYTES) or NAMELESS


def alternatives(name: str) -> Iterator[str]:
    """Yield ``name``, and then 'name (1).txt', 'name (2).txt' and so on."""
    yield name
    stem, suffix = _split(name)
    for number in count(1):
        yield f"{stem} ({number}){suffix}"


def _shortened(name: str, maximum: int) -> str:
    if len(name.encode()) <= maximum:
        return name
    stem, suffix = _split(name)
    return stem.encode()[:maximum - len(suffix.encode())].decode(errors="ignore").rstrip(". ") + suffix


def _split(name: str) -> tuple[str, str]:
    stem, dot, suffix = name.rpartition(".")
    if not stem or not suffix or len(suffix.encode()) > _MAX_SUFFIX:
        return name, ""
    return stem, dot + suffix

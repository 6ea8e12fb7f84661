"""The names of people: which spellings are one name, and which names look like the id of a conversation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import category, normalize

from whisperd.errors import UsageError

#: Names that a message shows at most, and characters of a word that was typed.
MAX_SHOWN, MAX_WORD = 6, 40
#: Characters of what can be a name in another spelling; a contact's has 32, and each may be written as several.
MAX_FOLDED = 128

#: The letter of an id and what looks the same, as it is folded: Cyrillic, Greek, Latin, Coptic, Cherokee, Burmese,
#: Lisu, Deseret, Carian, Old Italic and Elbasan; normalisation sees to what is round, wide, Roman or mathematical.
_LIKE_C = ("c\u0441\u03c2\u03c3\u03f2\u1d04\u2ca5\u13df\u1004\ua4da"
           "\U0001043d\U000102a2\U00010302\U0001051c")
_LIKE_ID = re.compile(rf"[{_LIKE_C}]\d+")


@dataclass(frozen=True)
class Named:
    """Somebody with a name: a contact, by its key, or an offer to exchange contacts, by its conversation."""

    name: str
    key: str
    blocked: bool = False


def folded(name: str) -> str:
    """Return what is the same in all spellings of a name: case, width and composition do not matter.

    What is too long for a name stays as it is, so that nobody can keep the daemon busy with it."""
    return name if len(name) > MAX_FOLDED else normalize("NFKC", normalize("NFKC", name).casefold())


def like_id(word: str) -> bool:
    """Return whether a person may take a word for the id of a conversation: ``c4``, but also ``C4`` or ``c04``."""
    return _LIKE_ID.fullmatch(folded(word)) is not None


def like_any_id(name: str) -> bool:
    """Return whether a name is one letter, whichever, and a number: a person may read that as an id.

    No list of what looks like a letter is complete, so none is asked."""
    spelt = folded(name)
    return spelt[:1].isalpha() and len(spelt) > 1 and all(category(each).startswith("N") for each in spelt[1:])


def called(word: str, contacts: Sequence[Named]) -> list[Named]:
    """Return who has this name, in exactly this spelling if anybody has."""
    exact = [each for each in contacts if each.name == word]
    return exact or [each for each in contacts if folded(each.name) == folded(word)]


def person(name: str, contacts: Sequence[Named]) -> Named | None:
    """Return who is called so, in exactly this spelling if anybody is; None if nobody is.

    Raises UsageError where several people are."""
    found = called(name, contacts)
    if len(found) > 1:
        raise UsageError(f"{len(found)} contacts are called '{shortened(name)}': "
                         f"{listed([each.name for each in found])}",
                         remedy="Write the name exactly as 'whisperctl contact list' shows it.")
    return found[0] if found else None


def listed(names: Sequence[str]) -> str:
    """Return the first of many names, as an error shows them."""
    more = [f"and {len(names) - MAX_SHOWN} more"] if len(names) > MAX_SHOWN else []
    return ", ".join([*names[:MAX_SHOWN], *more])


def shortened(word: str) -> str:
    """Return a word that somebody typed, as an error shows it."""
    return word if len(word) <= MAX_WORD else f"{word[:MAX_WORD]}..."

"""Spoken codes: a nameplate and three words <-> text. [whisperd-protocol(7), SPOKEN CODES]

``NUMBER-WORD-WORD-WORD``, with words of the BIP-39 English list. The number, the nameplate, says where two people meet
and is no secret; the words are, for as long as it takes to meet.
"""

from __future__ import annotations

import difflib
import re
import string
from dataclasses import dataclass, field

from whisperd.errors import SpokenCodeMalformed
from whisperd.wire.sas import word_list

#: Words in a code; each is 11 bits.
WORDS = 3
#: Bytes that ``SpokenCode.make`` takes; the last 7 bits are not used.
WORDS_SIZE = 5
MAX_NAMEPLATE = 999_999

_BITS = 11
#: Letters of a word of the list that name it already.
_ENOUGH = 4
_NAMEPLATE = re.compile(r"0*[1-9][0-9]{0,5}\Z")
#: Case is folded in ASCII only: what else looks like a letter is none of these words.
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_ORDINALS = ("first", "second", "third")


@dataclass(frozen=True)
class SpokenCode:
    """What two people tell each other; ``str()`` is the form in which it goes into the key exchange."""

    nameplate: int
    words: tuple[str, ...] = field(repr=False)

    @classmethod
    def make(cls, nameplate: int, value: bytes) -> SpokenCode:
        """Return the code with the words that the first 33 bits of 5 random bytes say."""
        number = int.from_bytes(value) >> 8 * WORDS_SIZE - _BITS * WORDS
        places = reversed(range(WORDS))
        return cls(nameplate, tuple(word_list()[number >> _BITS * place & (1 << _BITS) - 1] for place in places))

    def __str__(self) -> str:
        return "-".join([str(self.nameplate), *self.words])


def parse(text: str) -> SpokenCode:
    """Return the code that somebody typed: case, spaces and punctuation do not matter, and four letters of a word do.

    Raises SpokenCodeMalformed, which says what does not fit, before anybody else could learn of the slip.
    """
    nameplate, *words = re.findall(r"[^\W_]+", text[:256].translate(_LOWER)) or [""]
    if not _NAMEPLATE.match(nameplate):
        raise SpokenCodeMalformed(f"a spoken code begins with a number from 1 to {MAX_NAMEPLATE}")
    if len(words) != WORDS:
        raise SpokenCodeMalformed(f"a spoken code has a number and {WORDS} words, but there are {len(words)} words "
                                  "here")
    return SpokenCode(int(nameplate), tuple(_listed(word, place) for place, word in enumerate(words)))


def _listed(typed: str, place: int) -> str:
    """Return the word of the list that was meant."""
    if typed in word_list():
        return typed
    begun = [word for word in word_list() if len(typed) >= _ENOUGH and word.startswith(typed)]
    if len(begun) == 1:
        return begun[0]
    near = difflib.get_close_matches(typed, word_list(), n=1)
    raise SpokenCodeMalformed(f"the {_ORDINALS[place]} word is not in the list of code words",
                        remedy=f"Is it '{near[0]}'? Ask for it again." if near else None)

"""Short authentication strings: random-looking bytes -> words and a number that people compare.

[whisperd-protocol(7), VERIFICATION]
"""

from __future__ import annotations

from functools import cache

from mnemonic import Mnemonic

#: Bytes that ``words`` takes; the last 6 bits are not used.
WORDS_SIZE = 9
#: Bytes that ``number`` takes.
NUMBER_SIZE = 60

_WORDS = 6
_BITS = 11
_GROUP_BYTES = 5


def words(value: bytes) -> list[str]:
    """Return six words of the BIP-39 English list, 11 bits each, from the first 66 bits of 9 bytes."""
    if len(value) != WORDS_SIZE:
        raise ValueError(f"words are made from {WORDS_SIZE} bytes")
    number = int.from_bytes(value) >> (8 * WORDS_SIZE - _WORDS * _BITS)
    return [word_list()[number >> _BITS * place & (1 << _BITS) - 1] for place in reversed(range(_WORDS))]


def number(value: bytes) -> str:
    """Return 60 digits in 12 groups of 5, with a space between: each group is 5 of the 60 bytes, modulo 100000."""
    if len(value) != NUMBER_SIZE:
        raise ValueError(f"a number is made from {NUMBER_SIZE} bytes")
    groups = (value[start:start + _GROUP_BYTES] for start in range(0, NUMBER_SIZE, _GROUP_BYTES))
    return " ".join(f"{int.from_bytes(group) % 100_000:05}" for group in groups)


@cache
def word_list() -> list[str]:
    """Return the 2048 words of the BIP-39 English list."""
    return Mnemonic("english").wordlist

"""Which conversation a word means: the one resolver, for all that ask the daemon. [whisperctl(1), NAMES]

A conversation is never guessed from a word that may be meant as somebody's name. Cores and edges know conversations by
their ids alone; a word becomes an id here, once, at the control socket.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from whisperd.errors import ContactBlocked, ConversationUnknown, UsageError
from whisperd.peer.contacts.naming import MAX_SHOWN, Named, called, folded, like_id, listed, shortened
from whisperd.peer.conversation.states import ENDED

#: From this length on a name is taken for misspelt with two mistakes in it, below it with one.
LONG_NAME = 6

_ID = re.compile(r"c[1-9][0-9]{0,15}", re.ASCII)
#: What may stand around a name in a sentence.
_AROUND = "@,:;.!?'\"()<>"


@dataclass(frozen=True)
class Candidate:
    """One conversation: its id, its state, and the key of whoever ``Named`` it is held with, or ""."""

    chat: str
    state: str
    key: str = ""


@dataclass(frozen=True)
class Known:
    """All that a word can mean."""

    conversations: Sequence[Candidate]
    contacts: Sequence[Named]

    def names(self) -> list[str]:
        return [*(seen.chat for seen in self.conversations), *(person.name for person in self.contacts)]


def is_id(word: str) -> bool:
    """Return whether a word is the id of a conversation, there or not."""
    return _ID.fullmatch(word) is not None


def conversation(word: str, known: Known) -> str:
    """Return the id of the conversation that ``word`` means; one that is an id need not be there.

    Raises ConversationUnknown, ContactBlocked or UsageError, with what can be meant instead.
    """
    contacts = called(word, known.contacts)
    if like_id(word):
        return _by_id(word, contacts, known)
    if len(contacts) > 1:
        raise UsageError(f"{len(contacts)} contacts are called '{shortened(word)}'",
                         remedy=f"Name the conversation instead. {_choices(known)}")
    if not contacts:
        raise ConversationUnknown(f"there is no conversation or contact '{shortened(word)}'",
                          remedy=f"{_suggestion(word, known)}{_choices(known)}")
    if contacts[0].blocked:
        raise ContactBlocked(f"the contact {contacts[0].name} is blocked",
                             remedy=f"To unblock it, run 'whisperctl contact unblock {contacts[0].name}'.")
    return _held_with(contacts[0], known)


def only(known: Known, text: str = "", word: str = "") -> str:
    """Return the id of the one conversation there is; an ended one counts if it is alone.

    Raises ConversationUnknown or UsageError: there is none or more than one, ``text`` begins with what may be meant as
    a name, or ``word``, an argument of another kind, is the name of somebody else.
    """
    if text:
        _check_no_name(text, known)
    living = [seen for seen in known.conversations if seen.state != ENDED] or known.conversations
    other = [person for person in called(word, known.contacts) if len(living) != 1 or person.key != living[0].key]
    if word and (like_id(word) or other):
        raise UsageError(f"'{shortened(word)}' could be the name of a conversation, and then an argument is missing "
                         "after it",
                         remedy=f"Write the conversation first, then the other arguments. {_choices(known)}")
    if not living:
        raise ConversationUnknown("there is no conversation", remedy="Make one with 'whisperctl chat invite', or join "
                                  "one with 'whisperctl chat join LINK'.")
    if len(living) > 1:
        raise UsageError(f"which conversation? You have {_listed(living, known)}",
                         remedy="Name one of them.")
    return living[0].chat


def _by_id(word: str, contacts: Sequence[Named], known: Known) -> str:
    there = {seen.chat: seen.key for seen in known.conversations}
    for person in contacts:
        if person.key != there.get(word, ""):
            first = f"'whisperctl contact unblock {person.name}', then " if person.blocked else ""
            raise UsageError(f"'{shortened(word)}' is the name of a contact, but looks like the id of a conversation",
                             remedy=f"Give the contact another name: {first}'whisperctl contact rename {person.name} "
                                    "NEW'.")
    if not is_id(word):
        raise ConversationUnknown(f"there is no conversation '{shortened(word)}'",
                          remedy=f"{_suggestion(word, known)}{_choices(known)}")
    return word


def _held_with(person: Named, known: Known) -> str:
    found = [seen for seen in known.conversations if seen.key == person.key]
    found = [seen for seen in found if seen.state != ENDED] or found
    if len(found) > 1:
        shown = ", ".join(f"{seen.chat} ({seen.state})" for seen in found)
        raise UsageError(f"which conversation? You have {len(found)} with {person.name}: {shown}",
                         remedy="Give the id of one of them.")
    if not found:
        raise ConversationUnknown(f"there is no conversation with {person.name}",
                          remedy=f"To call this contact, run 'whisperctl chat call {person.name}'.")
    return found[0].chat


def _check_no_name(text: str, known: Known) -> None:
    """Raise UsageError when ``text`` begins with a name, or is one word that is nearly one."""
    words = text.split()
    first = words[0].strip(_AROUND) if words else ""
    alone = len(words) == 1
    near = [first] if like_id(first) else [
        name for name in known.names() if folded(name) == folded(first) or (alone and _near(first, name))]
    if near:
        which = "" if near[0] == first else f" {near[0]}"
        raise UsageError(f"'{shortened(first)}' could be the name{which} instead of the start of the message",
                         remedy="Name the conversation before the message: 'whisperctl chat send CHAT TEXT'. "
                                f"{_choices(known)}")


def _suggestion(word: str, known: Known) -> str:
    near = [name for name in known.names() if _near(word, name)]
    return f"Did you mean {' or '.join(near[:MAX_SHOWN])}? " if near else ""


def _choices(known: Known) -> str:
    """Return what can be meant, as a sentence."""
    with_one = {seen.key for seen in known.conversations}
    without = [person.name for person in known.contacts if person.key not in with_one and not person.blocked]
    parts = [f"Conversations: {_listed(known.conversations, known) or 'none'}."]
    if without:
        parts.append(f"Contacts without a conversation ('whisperctl chat call NAME' calls one): {listed(without)}.")
    return " ".join(parts)


def _listed(conversations: Sequence[Candidate], known: Known) -> str:
    names = {person.key: person.name for person in known.contacts}
    return listed([f"{seen.chat} ({names[seen.key]})" if seen.key in names else seen.chat for seen in conversations])


def _near(word: str, name: str) -> bool:
    """Return whether ``word`` may be ``name`` with a mistake in it."""
    typed, meant = folded(word).strip(), folded(name)
    limit = 2 if len(meant) >= LONG_NAME else 1
    return abs(len(typed) - len(meant)) <= limit and _mistakes(typed, meant) <= limit


def _mistakes(typed: str, meant: str) -> int:
    """Return how many letters are too many, missing, wrong or swapped with the next."""
    rows = list(_rows(typed, meant))
    return rows[-1][-1]


def _rows(typed: str, meant: str) -> Iterator[list[int]]:
    before, last = [0] * (len(meant) + 1), list(range(len(meant) + 1))
    yield last
    for i, letter in enumerate(typed, 1):
        row = [i]
        for j, other in enumerate(meant, 1):
            least = min(last[j] + 1, row[-1] + 1, last[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == meant[j - 2] and typed[i - 2] == other:
                least = min(least, before[j - 2] + 1)
            row.append(least)
        before, last = last, row
        yield row

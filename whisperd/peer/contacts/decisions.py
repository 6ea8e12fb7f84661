"""What follows from a decision about contacts: it is told and done once what was decided is on the disk, or not at all.

What a conversation says about contacts and what follows from it are one transaction, so that it is on the disk before
the other side hears of it, and nothing of it has happened where the transaction fails.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeVar

from whisperd.errors import WhisperdError
from whisperd.peer.conversation.driver import Steps

_T = TypeVar("_T")


class Transactions(Protocol):
    """What is asked of write-ahead persistence; ``peer.persistence.write_ahead`` has the shape."""

    def atomically(self, work: Callable[[], _T], *names: str) -> _T:
        """Do ``work()`` and return what it returns: what it changes is on the disk then, together with these
        conversations, or has not happened. Raises StoreFailed."""

    def undo(self, step: Callable[[], None]) -> None:
        """Have ``step()`` called if what is being written now is not committed."""


class Decisions:
    """Decisions about contacts, written by ``transactions``; ``emit(name, **fields)`` takes events."""

    def __init__(self, transactions: Transactions, emit: Callable[..., object]) -> None:
        self._transactions = transactions
        self._emit = emit
        #: What is to be done once what is being decided is on the disk; None while nothing is being decided.
        self._later: list[Callable[[], None]] | None = None

    def of(self, work: Callable[[], object]) -> Steps:
        """Have ``work`` write what it writes, as a part of a transaction, and return what is to be done once that is
        committed."""
        before, self._later = self._later, []
        try:
            work()
            return self._later
        finally:
            self._later = before

    def do(self, work: Callable[[], _T], *chats: str) -> _T:
        """Do ``work``, with what it changes of these conversations, and what follows from it; return what it returns.
        Raises StoreFailed, and what ``work`` raises."""
        done: list[_T] = []
        for step in self._transactions.atomically(lambda: self.of(lambda: done.append(work())), *chats):
            step()
        return done[0]

    def then(self, step: Callable[[], None]) -> None:
        """Do this once what is being decided is on the disk, or now."""
        if self._later is None:
            step()
        else:
            self._later.append(step)

    def undo(self, step: Callable[[], None]) -> None:
        """Have ``step()`` called if what is being decided does not get onto the disk."""
        self._transactions.undo(step)

    def tell(self, name: str, state: str, *chats: str) -> None:
        """Tell of a contact's state then, for each of these conversations, because whoever shows one goes by that; or
        for none."""
        for chat in chats or ("",):
            self.then(partial(self._tell, name, state, chat))

    def complain(self, name: str, error: WhisperdError) -> None:
        """Tell what is wrong with a contact."""
        self._emit("contact-error", contact=name, code=error.code, message=error.message, remedy=error.remedy)

    def _tell(self, name: str, state: str, chat: str) -> None:
        self._emit("contact-state", contact=name, state=state, chat=chat)

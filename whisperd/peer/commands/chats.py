"""What the control socket may ask of conversations as a whole."""

from __future__ import annotations

from typing import Any, Protocol

from whisperd.peer.commands import resolver
from whisperd.peer.commands.resolver import Candidate, Known
from whisperd.peer.commands.settling import Persistence
from whisperd.peer.commands.verification import Verification
from whisperd.peer.contacts.bindings import Bindings
from whisperd.peer.conversation.driver import Driver
from whisperd.peer.conversation.states import ENDED

Row = dict[str, Any]


class Conversations(Protocol):
    """``peer.conversations`` has the shape."""

    def driver(self, chat: str) -> Driver:
        """Return the driver of a conversation. Raises ConversationUnknown or ConversationEnded."""

    def all(self) -> list[Driver]:
        """Return the drivers of all conversations, the oldest first."""

    async def end(self, chat: str) -> None:
        """End a conversation, or forget one that has ended."""


class ChatCommands:
    """Lists, finds, verifies and ends conversations."""

    def __init__(self, conversations: Conversations, bindings: Bindings, verification: Verification,
                 persistence: Persistence) -> None:
        self._conversations = conversations
        self._bindings = bindings
        self._verification = verification
        self._persistence = persistence

    async def list(self) -> list[Row]:
        """Return one row for each conversation; those that were ended here are gone."""
        return [{**driver.row(), **self._facts(driver.name)} for driver in self._conversations.all()]

    def resolve(self, word: str) -> str:
        """Return the id of the conversation that ``word`` means, its id or its contact's name.

        Raises ConversationUnknown, ConversationEnded, ContactBlocked or UsageError."""
        found = resolver.conversation(word, self._known())
        self._conversations.driver(found)
        return found

    async def find(self, chat: str = "", text: str = "", word: str = "") -> Row:
        """Return which conversation is meant: the one named, or the only one, as ``resolver.only`` has it.

        Raises ConversationUnknown, ConversationEnded, ContactBlocked or UsageError."""
        found = self.resolve(chat) if chat else resolver.only(self._known(), text, word)
        return {"chat": found, "state": self._conversations.driver(found).state,
                "contact": self._bindings.contact_name(found)}

    async def verify(self, chat: str, confirm: bool = False, require: bool = False) -> Row:
        """Return the words and the number to compare.

        With ``confirm`` they were compared, which holds for a contact from now on; with ``require`` nothing is sent
        before. Raises ConversationUnknown, ConversationEnded, ConversationNotConnected or StoreFailed.
        """
        driver = self._conversations.driver(chat)

        def work() -> Row:
            if confirm:
                self._persistence.undo(driver.mark_verified())
            answer = driver.comparison()
            if confirm:
                self._bindings.verified(chat)
            if require:
                self._bindings.require(chat)
            return answer

        answer = self._persistence.atomically(work, chat) if confirm or require else driver.comparison()
        await self._persistence.settled(chat)
        return {**answer, **self._facts(chat)}

    async def end(self, chat: str) -> Row:
        """End a conversation: tell the other side, 5 seconds at most, destroy the keys, forget what was said.

        One that the other side ended, or that failed, is forgotten. Raises ConversationUnknown, or ConversationEnded
        for one that is being ended already; StoreFailed while it cannot be removed from the store, which is tried
        again.
        """
        await self._conversations.end(chat)
        return {"chat": chat, "state": ENDED}

    def _facts(self, chat: str) -> Row:
        return {"contact": self._bindings.contact_name(chat), "require_verify": self._verification.required(chat)}

    def _known(self) -> Known:
        return Known([Candidate(driver.name, driver.state, self._bindings.key_of(driver.name))
                      for driver in self._conversations.all()], self._bindings.named())

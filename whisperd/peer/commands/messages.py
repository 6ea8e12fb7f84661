"""What the control socket may ask of the messages of one conversation."""

from __future__ import annotations

from typing import Any

from whisperd.peer.commands.settling import Persistence
from whisperd.peer.commands.verification import Verification
from whisperd.peer.contacts.exchange import Drivers

Row = dict[str, Any]


class MessageCommands:
    """Sends messages, and shows those that there are.

    Texts of the other side come through unchanged and may hold control characters."""

    def __init__(self, drivers: Drivers, verification: Verification, persistence: Persistence) -> None:
        self._drivers = drivers
        self._verification = verification
        self._persistence = persistence

    async def send(self, chat: str, text: str) -> Row:
        """Accept a text for delivery.

        Raises ConversationUnknown, ConversationEnded, ConversationNotConnected, NotVerified, UsageError,
        MessageTooLarge, QueueFull or StoreFailed.
        """
        driver = self._verification.driver(chat)
        self._persistence.check()
        message = driver.send(text)
        await self._persistence.settled(chat, "the message")
        return {"chat": chat, "id": message.id, "state": message.state}

    async def history(self, chat: str, after: int = 0) -> list[Row]:
        """Return what was said with a number above ``after``, as far as it is still there, and what of that is unread,
        which it stays. Raises ConversationUnknown."""
        driver = self._drivers.driver(chat)
        stored = self._persistence.history(chat, after)
        rows = driver.history(after) if stored is None else stored
        unread = driver.unread
        return [{**row, "unread": row["id"] in unread} for row in rows]

    async def read(self, chat: str, id: int, after: int = 0) -> Row:
        """Somebody was shown what the other side said with a number above ``after`` and up to ``id``: a store need not
        have it for them. Return how many messages are unread still.

        Raises ConversationUnknown, or StoreFailed as long as that cannot be written down: after a restart they are
        unread.
        """
        driver = self._drivers.driver(chat)
        driver.seen(id, after + 1)
        self._persistence.check()
        await self._persistence.settled()
        return {"chat": chat, "unread": len(driver.unread)}

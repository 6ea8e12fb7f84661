"""What the control socket may ask of the files of one conversation."""

from __future__ import annotations

from typing import Any

from whisperd.errors import FileUnknown
from whisperd.peer.commands.chats import Conversations
from whisperd.peer.commands.settling import Persistence
from whisperd.peer.commands.verification import Verification
from whisperd.peer.files.uploads import UploadSource

Row = dict[str, Any]


class FileCommands:
    """Offers, accepts, refuses, cancels and lists files."""

    def __init__(self, conversations: Conversations, verification: Verification, persistence: Persistence) -> None:
        self._conversations = conversations
        self._verification = verification
        self._persistence = persistence

    async def send(self, chat: str, name: str, file: int) -> Row:
        """Offer the file that the descriptor ``file`` has open, under ``name``; the descriptor stays the caller's.

        Raises ConversationUnknown, NotVerified, StoreFailed, and what ``FilesEdge.offer`` raises.
        """
        source = UploadSource(file)
        try:
            row = await self._verification.driver(chat).files.offer(name, source)
        except BaseException:
            source.close()
            raise
        await self._persistence.settled(chat)
        return row

    async def accept(self, chat: str, file: str) -> Row:
        """Accept a file; it is written into the folder of peer.downloads.

        Raises ConversationUnknown, NotVerified, StoreFailed, and what ``FilesEdge.accept`` raises."""
        row = await self._verification.driver(chat).files.accept(file)
        await self._persistence.settled(chat)
        return row

    async def refuse(self, chat: str, file: str) -> Row:
        """Refuse a file that was offered. Raises ConversationUnknown, StoreFailed, and what ``FilesEdge.refuse``
        raises."""
        row = self._conversations.driver(chat).files.refuse(file)
        await self._persistence.settled(chat)
        return row

    async def cancel(self, chat: str, id: str) -> Row:
        """Give up the file that is named, or take back a message that is queued, by its number.

        Raises ConversationUnknown, ConversationEnded, ConversationNotConnected, FileUnknown, TooLate or StoreFailed."""
        driver = self._conversations.driver(chat)
        number = id.removeprefix("#")
        if number.isascii() and number.isdecimal() and len(number) < 16:
            driver.cancel(int(number))
        elif id.startswith("f"):
            driver.files.cancel(id)
        else:
            raise FileUnknown
        await self._persistence.settled(chat)
        return {"chat": chat, "id": id, "state": "cancelled"}

    async def list(self, chat: str = "") -> list[Row]:
        """Return a row for each file of one conversation, or of all. Raises ConversationUnknown."""
        drivers = [self._conversations.driver(chat)] if chat else self._conversations.all()
        return [row for driver in drivers for row in driver.files.rows()]

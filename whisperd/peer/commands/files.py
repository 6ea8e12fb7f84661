"""What the control socket may ask of the files of one conversation."""

from __future__ import annotations

from typing import Any

from whisperd.errors import FileUnknown
from whisperd.peer.conversation.driver import Driver
from whisperd.peer.files.uploads import UploadSource
from whisperd.peer.persistence.write_ahead import WriteAhead

Row = dict[str, Any]


def cancel(driver: Driver, what: str) -> Row:
    """Give up the file that is named, or take back a message that is queued, by its number.

    Raises ConversationEnded, ConversationNotConnected, FileUnknown or TooLate.
    """
    number = what.removeprefix("#")
    if number.isascii() and number.isdecimal() and len(number) < 16:
        driver.cancel(int(number))
    elif what.startswith("f"):
        driver.files.cancel(what)
    else:
        raise FileUnknown
    return {"chat": driver.name, "id": what, "state": "cancelled"}


class FileVerbs:
    """What PeerService serves of files; it has the conversations, as ``_chats`` and by ``_find``."""

    _chats: dict[str, Driver]
    _keeping: WriteAhead

    def _find(self, name: str) -> Driver:
        raise NotImplementedError

    def _find_verified(self, name: str) -> Driver:
        raise NotImplementedError

    async def send_file(self, chat: str, name: str, file: int) -> Row:
        """Offer the file that the descriptor ``file`` has open, under ``name``; the descriptor stays the caller's.

        Raises ConversationUnknown, NotVerified, StoreFailed, and what ``FilesEdge.offer`` raises.
        """
        source = UploadSource(file)
        try:
            row = await self._find_verified(chat).files.offer(name, source)
        except BaseException:
            source.close()
            raise
        await self._keeping.settled(chat)
        return row

    async def accept(self, chat: str, file: str) -> Row:
        """Accept a file; it is written into the folder of peer.downloads.

        Raises ConversationUnknown, NotVerified, StoreFailed, and what ``FilesEdge.accept`` raises."""
        row = await self._find_verified(chat).files.accept(file)
        await self._keeping.settled(chat)
        return row

    async def refuse(self, chat: str, file: str) -> Row:
        """Refuse a file that was offered. Raises ConversationUnknown, StoreFailed, and what ``FilesEdge.refuse`` raises."""
        row = self._find(chat).files.refuse(file)
        await self._keeping.settled(chat)
        return row

    async def cancel(self, chat: str, id: str) -> Row:
        """Give up a file, or take back a queued message. Raises ConversationUnknown, StoreFailed, and what ``cancel`` does."""
        row = cancel(self._find(chat), id)
        await self._keeping.settled(chat)
        return row

    async def files(self, chat: str = "") -> list[Row]:
        """Return a row for each file of one conversation, or of all. Raises ConversationUnknown."""
        drivers = [self._find(chat)] if chat else self._chats.values()
        return [row for driver in drivers for row in driver.files.rows()]

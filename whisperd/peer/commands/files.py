"""What the control socket may ask of the files of one conversation."""

from __future__ import annotations

from typing import Any

from whisperd.errors import FileUnknown
from whisperd.peer.conversation.driver import Driver
from whisperd.peer.files.uploads import UploadSource
from whisperd.peer.persistence.write_ahead import WriteAhead

Row = dict[str, Any]


async def offer(driver: Driver, name: str, source: UploadSource) -> Row:
    """Offer ``source`` under ``name``; from then on it is closed when it is not needed any more.

    Raises ConversationEnded, ConversationNotConnected, FileFailed, FileTooLarge or TooManyFiles.
    """
    driver.conversation.open_files().check_offer(source.size)
    digest, place = await driver.disk.examine(source)
    transfer, effects = driver.conversation.open_files().offer(name, source.size, digest, place)
    driver.disk.take(transfer.number, source)
    driver.enact(effects)
    return transfer.row(driver.conversation.name)


async def accept(driver: Driver, label: str) -> Row:
    """Let the other side send a file that it offered, or the rest of one that halted here.

    Raises ConversationEnded, ConversationNotConnected, FileUnknown, TooLate, NoDownloads or FileFailed.
    """
    number = driver.conversation.open_files().acceptable(label).number
    partial = await driver.disk.begin(number)
    try:
        files = driver.conversation.open_files()
        transfer = files.acceptable(label)
        effects = files.accept(label, partial.on_disk if partial is not None else None)
    except BaseException:
        if partial is not None:
            driver.disk.give_back(partial)
        raise
    if partial is not None:
        driver.disk.take(number, partial)
    driver.enact(effects)
    return transfer.row(driver.conversation.name)


def refuse(driver: Driver, label: str) -> Row:
    """Refuse a file that was offered. Raises ConversationEnded, ConversationNotConnected, FileUnknown or TooLate."""
    files = driver.conversation.open_files()
    transfer = files.acceptable(label)
    driver.enact(files.refuse(label))
    return transfer.row(driver.conversation.name)


def cancel(driver: Driver, what: str) -> Row:
    """Give up the file that is named, or take back a message that is queued, by its number.

    Raises ConversationEnded, ConversationNotConnected, FileUnknown or TooLate.
    """
    number = what.removeprefix("#")
    if number.isascii() and number.isdecimal() and len(number) < 16:
        driver.carry_out(driver.conversation.cancel(int(number)))
    elif what.startswith("f"):
        driver.enact(driver.conversation.open_files().cancel(what))
    else:
        raise FileUnknown
    return {"chat": driver.conversation.name, "id": what, "state": "cancelled"}


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

        Raises ConversationUnknown, NotVerified, StoreFailed, and what ``offer`` raises.
        """
        source = UploadSource(file)
        try:
            row = await offer(self._find_verified(chat), name, source)
        except BaseException:
            source.close()
            raise
        await self._keeping.settled(chat)
        return row

    async def accept(self, chat: str, file: str) -> Row:
        """Accept a file; it is written into the folder of peer.downloads.

        Raises ConversationUnknown, NotVerified, StoreFailed, and what ``accept`` raises."""
        row = await accept(self._find_verified(chat), file)
        await self._keeping.settled(chat)
        return row

    async def refuse(self, chat: str, file: str) -> Row:
        """Refuse a file that was offered. Raises ConversationUnknown, StoreFailed, and what ``refuse`` raises."""
        row = refuse(self._find(chat), file)
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
        return [row for driver in drivers for row in driver.conversation.files()]

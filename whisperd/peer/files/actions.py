"""What people do with the files of one conversation: offer, accept, refuse and cancel them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from whisperd.errors import ConversationEnded, ConversationNotConnected
from whisperd.peer.files.disk import FilesOnDisk
from whisperd.peer.files.offers import FileEffect, Files
from whisperd.peer.files.uploads import UploadSource

Row = dict[str, Any]


class FilesOwner(Protocol):
    """The conversation that files belong to; ``peer.conversation.conversation`` has the shape."""

    name: str
    files: Files

    def open_files(self) -> Files:
        """Return the core of files. Raises ConversationEnded or ConversationNotConnected."""


class FilesEdge:
    """The files of one conversation at its edge: its core on one side, ``disk`` on the other; ``enact`` has the
    conversation do what its files want."""

    def __init__(self, owner: FilesOwner, disk: FilesOnDisk, enact: Callable[[list[FileEffect]], None]) -> None:
        self._owner = owner
        self._disk = disk
        self._enact = enact

    async def offer(self, name: str, source: UploadSource) -> Row:
        """Offer ``source`` under ``name``; from then on it is closed when it is not needed any more.

        Raises ConversationEnded, ConversationNotConnected, FileFailed, FileTooLarge or TooManyFiles.
        """
        self._owner.open_files().check_offer(source.size)
        digest, place = await self._disk.examine(source)
        transfer, effects = self._owner.open_files().offer(name, source.size, digest, place)
        self._disk.take(transfer.number, source)
        self._enact(effects)
        return transfer.row(self._owner.name)

    async def accept(self, label: str) -> Row:
        """Let the other side send a file that it offered, or the rest of one that halted here.

        Raises ConversationEnded, ConversationNotConnected, FileUnknown, TooLate, NoDownloads or FileFailed.
        """
        number = self._owner.open_files().acceptable(label).number
        partial = await self._disk.begin(number)
        try:
            files = self._owner.open_files()
            transfer = files.acceptable(label)
            effects = files.accept(label, partial.on_disk if partial is not None else None)
        except BaseException:
            if partial is not None:
                self._disk.give_back(partial)
            raise
        if partial is not None:
            self._disk.take(number, partial)
        self._enact(effects)
        return transfer.row(self._owner.name)

    def refuse(self, label: str) -> Row:
        """Refuse a file that was offered.

        Raises ConversationEnded, ConversationNotConnected, FileUnknown or TooLate."""
        files = self._owner.open_files()
        transfer = files.acceptable(label)
        self._enact(files.refuse(label))
        return transfer.row(self._owner.name)

    def cancel(self, label: str) -> None:
        """Give up a file of either direction.

        Raises ConversationEnded, ConversationNotConnected, FileUnknown or TooLate."""
        self._enact(self._owner.open_files().cancel(label))

    def rows(self) -> list[Row]:
        """Return what 'chat files' shows of each file, the oldest first."""
        return self._owner.files.rows()

    def partial(self) -> set[str]:
        """Return the names of the partial files in the folder of downloads that are this conversation's."""
        return {one.on_disk.place for one in self._owner.files.left() if one.direction == "in" and one.on_disk.place}

    def go_on(self) -> None:
        """Find the files again that were open when the store was written last."""
        with suppress(ConversationEnded, ConversationNotConnected):
            self._disk.go_on(self._owner.open_files().left())

    def link_moved(self, *, direct: bool) -> None:
        """What is sent goes over a direct link from now on, or over a relay."""
        with suppress(ConversationEnded, ConversationNotConnected):
            self._owner.open_files().link_moved(direct=direct)

    def quiet(self) -> Deferred[None]:
        """Return a Deferred that fires when no thread works on a file."""
        return self._disk.quiet()

"""The files of one conversation: offers in both directions, their acceptance, their way, their end.

[whisperd-protocol(7), FILES] A core: reading and writing are effects, whose outcome the edge reports. What the other
side says of files that are not there is dropped. Nothing is written before a person here has accepted it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from whisperd.errors import (
    FileChanged,
    FileFailed,
    FileTooLarge,
    NoDownloads,
    TooLate,
    TooManyFiles,
    WhisperdError,
)
from whisperd.peer.effects import DropFile, Emit, FinishFile, Post, ReadFile, WriteFile
from whisperd.peer.files.chunk_sender import Outgoing
from whisperd.peer.files.names import safe_name
from whisperd.peer.files.transfer import (
    CANCELLED,
    DONE,
    FAILED,
    HALTED,
    MOVING,
    OFFERED,
    PROGRESS_INTERVAL,
    REFUSED,
    OnDisk,
    Transfer,
)
from whisperd.peer.files.transfers import Transfers
from whisperd.peer.records import FilesRecord
from whisperd.wire.files import (
    CREDIT,
    MAX,
    MAX_OPEN,
    Accept,
    Chunk,
    Done,
    FileMessage,
    FileOffer,
    FileRefuse,
    FileWithdraw,
    More,
    Pause,
    encode_file,
)

#: Maximum number of our answers that may wait for an acknowledgement; whoever provokes more gets none.
MAX_ANSWERS = 4 * MAX_OPEN

FileEffect = Emit | Post | ReadFile | WriteFile | FinishFile | DropFile
Effects = list[FileEffect]

#: Why a receiver refused -> the state that its sender shows.
_REFUSALS = {"refused": REFUSED, "cancelled": CANCELLED, "file-too-large": REFUSED, "too-many-files": REFUSED}


class Files:
    """The files of the conversation ``chat``; bounds are in bytes and in open files of one direction.

    Progress is reported every ``progress_interval`` seconds at most."""

    def __init__(self, chat: str, *, max_size: int, max_open: int,
                 progress_interval: float = PROGRESS_INTERVAL) -> None:
        self._chat = chat
        self._max_size = max_size
        self._max_open = min(max_open, MAX_OPEN)
        self._progress_interval = progress_interval
        self._transfers = Transfers(chat)
        self._outgoing = Outgoing()
        self._answers: set[int] = set()

    def rows(self) -> list[dict[str, Any]]:
        """Return what 'chat files' shows, the oldest first."""
        return self._transfers.rows()

    def left(self) -> list[Transfer]:
        """Return the open files, which the edge has to find again on the disk after a restart: those that it has to
        check now, and incoming ones that were halted, once they are accepted again."""
        return self._transfers.open()

    def states(self) -> list[Emit]:
        """Return an event for each open file."""
        return self._transfers.states()

    # -- the store ------------------------------------------------------------------------------------------------

    def dump(self) -> FilesRecord:
        """Return the last numbers, and the files that are open."""
        return self._transfers.dump(self._outgoing.arrived)

    def load(self, record: FilesRecord) -> list[Post]:
        """Go on with what was recorded; return what tells the other side that the rest has failed."""
        return self._transfers.load(record)

    def sound(self, number: int) -> Effects:
        """An outgoing file is what it was when it was offered."""
        transfer = self._transfers.at_work(number)
        if transfer is None:
            return []
        transfer.checking = False
        return [transfer.state_event(self._chat), *self._fill()]

    def found(self, number: int, on_disk: OnDisk) -> Effects:
        """An incoming file goes on from what ``on_disk`` says."""
        transfer = self._transfers.at_work(number)
        return self._let_come(transfer, on_disk) if transfer is not None else []

    # -- what the user asks ---------------------------------------------------------------------------------------

    def check_offer(self, size: int) -> None:
        """Raise FileTooLarge or TooManyFiles when a file of ``size`` bytes cannot be offered."""
        if size > min(self._max_size, MAX):
            raise FileTooLarge(f"the file has {size:,} bytes, and the maximum is {self._max_size:,}")
        if self._transfers.count("out") >= self._max_open:
            raise TooManyFiles

    def offer(self, name: str, size: int, digest: bytes, place: str = "") -> tuple[Transfer, Effects]:
        """Offer a file that the edge has open; ``digest`` is its SHA-256, ``place`` where it finds it after a restart.

        Raises as ``check_offer``."""
        self.check_offer(size)
        transfer = self._transfers.add("out", self._transfers.last_wire("out") + 1, safe_name(name), size, digest)
        transfer.on_disk = OnDisk(place)
        message = FileOffer(transfer.wire, transfer.name, size, digest)
        return transfer, [Post(encode_file(message)), transfer.state_event(self._chat)]

    def acceptable(self, label: str) -> Transfer:
        """Return the incoming file that waits for acceptance; raises FileUnknown or TooLate."""
        transfer = self._transfers.named(label)
        if transfer.direction != "in" or transfer.state not in (OFFERED, HALTED):
            raise TooLate(f"{transfer.label} cannot be accepted now; its state is {transfer.state}")
        return transfer

    def accept(self, label: str, on_disk: OnDisk | None = None) -> Effects:
        """Let the other side send, from where the file stands, or from where the edge has just opened it.

        Raises as ``acceptable``."""
        return self._let_come(self.acceptable(label), on_disk)

    def refuse(self, label: str) -> Effects:
        """Refuse an incoming file that was not accepted; raises FileUnknown or TooLate."""
        transfer = self.acceptable(label)
        return [Post(encode_file(FileRefuse(transfer.wire, "refused"))), *self._close(transfer, REFUSED, "refused")]

    def cancel(self, label: str) -> Effects:
        """Give up a file of either direction; raises FileUnknown, or TooLate when it is over."""
        transfer = self._transfers.named(label)
        if not transfer.open or transfer.storing:
            raise TooLate(f"{transfer.label} is already {'complete' if transfer.storing else transfer.state}")
        return [*self._tell_off(transfer, "cancelled"), *self._close(transfer, CANCELLED, "cancelled")]

    # -- what the channel tells -----------------------------------------------------------------------------------

    def received(self, message: FileMessage, now: float) -> Effects:
        """Take what the other side says of files."""
        return self._reactions[type(message)](self, message, now)

    def posted(self, ticket: int, post: Post, now: float) -> None:
        """The channel took what was posted."""
        if post.number:
            self._outgoing.posted(ticket, self._transfers[post.number], post, now)
        else:
            self._answers.add(ticket)

    def acknowledged(self, ticket: int, now: float) -> Effects:
        """The other side has everything up to ``ticket``."""
        self._answers = {answer for answer in self._answers if answer > ticket} if self._answers else self._answers
        events = [transfer.progress_event(self._chat) for transfer in self._outgoing.acknowledged(ticket, now)
                  if transfer.state == MOVING and transfer.step(now, self._progress_interval)]
        return [*events, *self._fill()]

    def link_moved(self, *, direct: bool) -> None:
        """What is sent goes over a direct link from now on, or over a relay, which lets less wait."""
        self._outgoing.link_moved(direct=direct)

    def link_down(self) -> None:
        """Nothing moves any more, for now."""
        self._transfers.still()

    def end(self) -> Effects:
        """The conversation ends: so does every file that is not complete."""
        return [effect for transfer in self._transfers.open() for effect in self._close(transfer, FAILED, "ended")]

    def wipe(self) -> None:
        """Forget what was listed."""
        self._transfers.wipe()

    # -- what the disk tells --------------------------------------------------------------------------------------

    def read(self, number: int, offset: int, data: bytes) -> Effects:
        """The bytes of an outgoing file at ``offset``; fewer than were asked for if it has shrunk."""
        transfer = self._transfers.at_work(number)
        if transfer is None:
            return list(self._fill())
        wanted, transfer.reading = transfer.reading, 0
        if transfer.state != MOVING or offset != transfer.position:
            return list(self._fill())
        if len(data) < wanted:
            return self.disk_failed(number, FileFailed("the file became shorter while it was being sent"))
        return [*self._outgoing.chunks(transfer, data), *self._fill()]

    def written(self, number: int, moved: int, now: float, on_disk: OnDisk | None = None) -> Effects:
        """The first ``moved`` bytes of an incoming file are written, and as much as ``on_disk`` says is sure to stay.
        """
        transfer = self._transfers.at_work(number)
        if transfer is None:
            return []
        transfer.on_disk = on_disk or transfer.on_disk
        if transfer.state != MOVING:
            return []
        transfer.moved = moved
        effects: Effects = [transfer.progress_event(self._chat)] if transfer.step(now, self._progress_interval) else []
        if transfer.limit < transfer.size and transfer.limit - moved <= CREDIT * 3 // 4:
            self._let_go(transfer)
            effects.append(Post(encode_file(More(transfer.wire, transfer.limit))))
        return [*effects, *self._finish_if_whole(transfer)]

    def placed(self, number: int, name: str) -> Effects:
        """An incoming file stands in its place, under ``name``."""
        transfer = self._transfers.at_work(number)
        if transfer is None:
            return []
        transfer.name = name
        return [Post(encode_file(Done(transfer.wire))), *self._close(transfer, DONE)]

    def disk_failed(self, number: int, error: WhisperdError) -> Effects:
        """A file could not be read, written or put in its place; an incoming one can be accepted again, where the disk
        failed."""
        transfer = self._transfers.at_work(number)
        if transfer is None:
            return []
        transfer.reading, transfer.storing, transfer.checking = 0, False, False
        trouble = Emit("chat-error", {"chat": self._chat, "code": error.code, "message": error.message,
                                      "remedy": error.remedy})
        if transfer.direction == "in" and isinstance(error, (FileFailed, NoDownloads)):
            transfer.turn(HALTED, error.code)
            return [trouble, transfer.state_event(self._chat), Post(encode_file(Pause(transfer.wire)))]
        return [trouble, *self._tell_off(transfer, error.code), *self._close(transfer, FAILED, error.code)]

    # -- what the sender of a file says ---------------------------------------------------------------------------

    def _offered(self, message: FileOffer, now: float) -> Effects:
        if message.id <= self._transfers.last_wire("in"):
            return []
        self._transfers.skip(message.id)
        if self._transfers.count("in") >= self._max_open:
            return self._answer(FileRefuse(message.id, "too-many-files"))
        transfer = self._transfers.add("in", message.id, safe_name(message.name), message.size, message.hash)
        if message.size > self._max_size:
            return [*self._answer(FileRefuse(message.id, FileTooLarge.code)),
                    *self._close(transfer, REFUSED, FileTooLarge.code)]
        return [transfer.state_event(self._chat)]

    def _chunk(self, message: Chunk, now: float) -> Effects:
        transfer = self._transfers.of_wire("in", message.id)
        if transfer is None or transfer.state != MOVING or transfer.checking or transfer.storing:
            return []
        end = message.offset + len(message.data)
        if end > transfer.furthest:
            return [*self._answer(FileRefuse(transfer.wire, "beyond-window")),
                    *self._close(transfer, FAILED, "beyond-window")]
        begin = transfer.position
        if not message.offset <= begin < end <= transfer.limit:  # of before a pause, or of before a restart
            return []
        transfer.position = end
        return [WriteFile(transfer.number, message.data[begin - message.offset:])]

    def _withdrawn(self, message: FileWithdraw, now: float) -> Effects:
        transfer = self._transfers.of_wire("in", message.id)
        if transfer is None or transfer.storing:
            return []
        changed = message.reason == FileChanged.code
        return self._close(transfer, CANCELLED if message.reason == "cancelled" else FAILED,
                           FileChanged.code if changed else "withdrawn")

    # -- what the receiver of a file says -------------------------------------------------------------------------

    def _accepted(self, message: Accept, now: float) -> Effects:
        transfer = self._transfers.of_wire("out", message.id)
        if transfer is None or not message.offset <= min(message.limit, transfer.size):
            return []
        transfer.turn(MOVING)
        transfer.position = transfer.moved = message.offset
        transfer.limit = message.limit
        return [transfer.state_event(self._chat), *self._fill()]

    def _more(self, message: More, now: float) -> Effects:
        transfer = self._transfers.of_wire("out", message.id)
        if transfer is not None and transfer.state == MOVING:
            transfer.limit = max(transfer.limit, message.limit)
        return list(self._fill())

    def _paused(self, message: Pause, now: float) -> Effects:
        transfer = self._transfers.of_wire("out", message.id)
        if transfer is None or transfer.state != MOVING:
            return []
        transfer.turn(HALTED, "peer-halted")
        return [transfer.state_event(self._chat)]

    def _finished(self, message: Done, now: float) -> Effects:
        transfer = self._transfers.of_wire("out", message.id)
        if transfer is None or transfer.state != MOVING or transfer.furthest < transfer.size:
            return []
        transfer.moved = transfer.size
        return self._close(transfer, DONE)

    def _refused(self, message: FileRefuse, now: float) -> Effects:
        transfer = self._transfers.of_wire("out", message.id)
        return self._close(transfer, _REFUSALS.get(message.reason, FAILED), message.reason) if transfer else []

    _reactions: dict[type, Callable[..., Effects]] = {  # noqa: RUF012
        FileOffer: _offered, Chunk: _chunk, FileWithdraw: _withdrawn, Accept: _accepted, More: _more, Pause: _paused,
        Done: _finished, FileRefuse: _refused,
    }

    # -- parts ----------------------------------------------------------------------------------------------------

    def _answer(self, message: FileMessage) -> Effects:
        """Answer what the other side did wrong, as long as it reads our answers."""
        return [Post(encode_file(message))] if len(self._answers) < MAX_ANSWERS else []

    def _tell_off(self, transfer: Transfer, reason: str) -> Effects:
        kind = FileWithdraw if transfer.direction == "out" else FileRefuse
        return [Post(encode_file(kind(transfer.wire, reason)))]

    def _let_come(self, transfer: Transfer, on_disk: OnDisk | None) -> Effects:
        transfer.turn(MOVING)
        if on_disk is not None:
            transfer.on_disk, transfer.moved, transfer.checking = on_disk, on_disk.size, False
        transfer.position = transfer.moved
        self._let_go(transfer)
        answer = Post(encode_file(Accept(transfer.wire, transfer.position, transfer.limit)))
        return [answer, transfer.state_event(self._chat), *self._finish_if_whole(transfer)]

    def _let_go(self, transfer: Transfer) -> None:
        """Let the sender go as far as the disk has come, and no further than can wait here."""
        transfer.limit = min(transfer.size, transfer.moved + CREDIT)
        transfer.furthest = max(transfer.furthest, transfer.limit)

    def _close(self, transfer: Transfer, state: str, reason: str = "") -> Effects:
        transfer.turn(state, reason)
        transfer.reading, transfer.storing, transfer.checking = 0, False, False
        return [DropFile(transfer.number, state == DONE), transfer.state_event(self._chat)]

    def _finish_if_whole(self, transfer: Transfer) -> Effects:
        if transfer.moved < transfer.size:
            return []
        transfer.storing = True
        return [FinishFile(transfer.number, transfer.name, transfer.digest)]

    def _fill(self) -> list[ReadFile]:
        return self._outgoing.fill(self._transfers.of("out"))

"""The files of one conversation by their numbers, and what a store records of them. [whisperd-protocol(7), FILES]

A record is enough to go on after a restart: the sender goes on from the first byte that the other side may not have,
and the receiver says where it wants to go on from. What the disk has is compared with it before anything moves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from whisperd.errors import FileFailed, FileUnknown
from whisperd.peer.effects import Emit, Post
from whisperd.peer.files.transfer import MOVING, OnDisk, Transfer
from whisperd.peer.records import FilesRecord, TransferRecord
from whisperd.wire.files import FileRefuse, FileWithdraw, encode_file

#: Maximum number of files of one conversation that are over and still listed.
MAX_CLOSED = 64


class Transfers:
    """The files of the conversation ``chat`` that are open, and the last of those that are over."""

    def __init__(self, chat: str) -> None:
        self._chat = chat
        self._all: dict[int, Transfer] = {}
        self._last = 0
        self._last_wire = {"in": 0, "out": 0}

    def last_wire(self, direction: str) -> int:
        """Return the highest number that the senders of one direction have given."""
        return self._last_wire[direction]

    def skip(self, wire: int) -> None:
        """The other side used up a number of its own."""
        self._last_wire["in"] = wire

    def add(self, direction: str, wire: int, name: str, size: int, digest: bytes) -> Transfer:
        """List a new file, which its sender calls ``wire``."""
        self._last += 1
        self._last_wire[direction] = wire
        transfer = Transfer(self._last, direction, wire, name, size, digest)
        self._all[transfer.number] = transfer
        closed = [one.number for one in self._all.values() if not one.open]
        for number in closed[:-MAX_CLOSED]:
            del self._all[number]
        return transfer

    def __getitem__(self, number: int) -> Transfer:
        """Return a file that is listed."""
        return self._all[number]

    def named(self, label: str) -> Transfer:
        """Return the file that people call so. Raises FileUnknown."""
        for transfer in self._all.values():
            if transfer.label == label:
                return transfer
        raise FileUnknown

    def at_work(self, number: int) -> Transfer | None:
        """Return the file that the disk tells of, None where it was closed meanwhile."""
        transfer = self._all.get(number)
        return transfer if transfer is not None and transfer.open else None

    def of_wire(self, direction: str, wire: int) -> Transfer | None:
        """Return the open file that its sender calls so."""
        return next((transfer for transfer in self.of(direction) if transfer.wire == wire), None)

    def of(self, direction: str) -> Iterator[Transfer]:
        """Yield the open files of one direction."""
        return (transfer for transfer in self.open() if transfer.direction == direction)

    def open(self) -> list[Transfer]:
        """Return the open files, the oldest first."""
        return [transfer for transfer in self._all.values() if transfer.open]

    def count(self, direction: str) -> int:
        """Return how many files of one direction are open."""
        return sum(1 for _ in self.of(direction))

    def rows(self) -> list[dict[str, Any]]:
        """Return what 'chat files' shows, the oldest first."""
        return [transfer.row(self._chat) for transfer in self._all.values()]

    def states(self) -> list[Emit]:
        """Return an event for each open file."""
        return [transfer.state_event(self._chat) for transfer in self.open()]

    def still(self) -> None:
        """Nothing moves for now."""
        for transfer in self._all.values():
            transfer.still()

    def wipe(self) -> None:
        """Forget what is listed."""
        self._all.clear()

    def dump(self, arrived: Callable[[Transfer], int]) -> FilesRecord:
        """Return the last numbers, and the open files; ``arrived`` says how many bytes of an outgoing one the other
        side has for certain."""
        return FilesRecord(self._last, self._last_wire["in"], self._last_wire["out"], [],
                           [_record(transfer, arrived) for transfer in self.open()])

    def load(self, record: FilesRecord) -> list[Post]:
        """Go on with the numbers and the files, which the edge has to check; return what tells the other side that
        those have failed of which nothing more is known."""
        self._last = record.last
        self._last_wire = {"in": record.last_in, "out": record.last_out}
        self._all = {one.number: _transfer(one) for one in record.transfers}
        return [Post(encode_file((FileWithdraw if direction == "out" else FileRefuse)(wire, FileFailed.code)))
                for direction, wire in record.open]


def _record(one: Transfer, arrived: Callable[[Transfer], int]) -> TransferRecord:
    sure = one.on_disk.size if one.direction == "in" else arrived(one)
    return TransferRecord(one.number, one.direction, one.wire, one.name, one.size, one.digest, one.state, one.reason,
                          one.limit, one.furthest, one.on_disk.place, sure, one.on_disk.digest)


def _transfer(record: TransferRecord) -> Transfer:
    coming = record.direction == "in"
    return Transfer(record.number, record.direction, record.wire, record.name, record.size, record.digest, record.state,
                    record.reason, moved=record.sure, position=record.sure, limit=record.limit,
                    furthest=record.furthest,
                    on_disk=OnDisk(record.place, record.sure if coming else 0, record.sure_digest),
                    checking=not coming or record.state == MOVING)

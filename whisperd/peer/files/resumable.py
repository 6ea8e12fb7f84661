"""The files of one conversation that a store keeps, so that they go on after a restart. [whisperd-protocol(7), FILES]

What the disk has is compared with what the store has before anything moves: an outgoing file with the hash that it was
offered under, an incoming one with that of what was certainly written. Then the sender goes on from the first
byte that the other side may not have, and the receiver says where it wants to go on from.
"""

from __future__ import annotations

from whisperd.errors import FileFailed
from whisperd.peer.effects import Emit, Post
from whisperd.peer.files.offers import Effects, Files
from whisperd.peer.files.transfer import MOVING, OnDisk, Transfer
from whisperd.peer.records import FilesRecord, TransferRecord
from whisperd.wire.files import FileRefuse, FileWithdraw, encode_file


class ResumableFiles(Files):
    """Files with ``dump`` and ``load``."""

    def dump(self) -> FilesRecord:
        """Return the last numbers, and the files that are open."""
        return FilesRecord(self._last, self._last_wire["in"], self._last_wire["out"], [],
                         [self._dump(transfer) for transfer in self.left()])

    def load(self, kept: FilesRecord) -> list[Post]:
        """Go on with the numbers and the files, which the edge has to check; return what tells the other side that
        those have failed of which nothing more is known."""
        self._last = kept.last
        self._last_wire = {"in": kept.last_in, "out": kept.last_out}
        self._all = {one.number: self._load(one) for one in kept.transfers}
        return [Post(encode_file((FileWithdraw if direction == "out" else FileRefuse)(wire, FileFailed.code)))
                for direction, wire in kept.open]

    def states(self) -> list[Emit]:
        """Return an event for each open file."""
        return [transfer.state_event(self._chat) for transfer in self.left()]

    def left(self) -> list[Transfer]:
        """Return the open files, which the edge has to find again on the disk: those that it has to check now, and
        incoming ones that were halted, once they are accepted again."""
        return [transfer for transfer in self._all.values() if transfer.open]

    def sound(self, number: int) -> Effects:
        """An outgoing file is what it was when it was offered."""
        transfer = self._at_work(number)
        if transfer is None:
            return []
        transfer.checking = False
        return [transfer.state_event(self._chat), *self._fill()]

    def found(self, number: int, on_disk: OnDisk) -> Effects:
        """An incoming file goes on from what ``on_disk`` says."""
        transfer = self._at_work(number)
        return self._let_come(transfer, on_disk) if transfer is not None else []

    def _dump(self, one: Transfer) -> TransferRecord:
        coming = one.direction == "in"
        return TransferRecord(one.number, one.direction, one.wire, one.name, one.size, one.digest, one.state, one.reason,
                            one.limit, one.furthest, one.on_disk.place,
                            one.on_disk.size if coming else self._outgoing.arrived(one), one.on_disk.digest)

    def _load(self, kept: TransferRecord) -> Transfer:
        coming = kept.direction == "in"
        return Transfer(kept.number, kept.direction, kept.wire, kept.name, kept.size, kept.digest, kept.state,
                        kept.reason, moved=kept.sure, position=kept.sure, limit=kept.limit, furthest=kept.furthest,
                        on_disk=OnDisk(kept.place, kept.sure if coming else 0, kept.sure_digest),
                        checking=not coming or kept.state == MOVING)

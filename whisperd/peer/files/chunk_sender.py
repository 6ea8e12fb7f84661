"""Files that this side sends: chunks as fast as the receiver writes and the link carries, and no faster.

How many chunks are under way follows the time that their acknowledgements take, so that on a slow link a text does not
wait behind a file.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from whisperd.peer.effects import Post, ReadFile
from whisperd.peer.files.transfer import MOVING, Transfer
from whisperd.wire.files import CHUNK, Chunk, encode_file

#: Chunks under way: at first, at least, and at most; without a relay, whose buffers others use, too, the channel's own
#: window is the bound.
FIRST_WINDOW, MIN_WINDOW, MAX_WINDOW, MAX_DIRECT = 4, 2, 24, 56
#: Seconds that an acknowledgement may take before fewer chunks are sent ahead.
TARGET_DELAY = 1.5
#: Maximum number of chunks that are read from the disk at once.
MAX_READ = 8


@dataclass(frozen=True)
class _UnderWay:
    ticket: int
    transfer: Transfer
    start: int
    end: int
    since: float


class Outgoing:
    """The chunks of all files that one conversation sends."""

    def __init__(self) -> None:
        self._max_window = MAX_WINDOW
        self._window = FIRST_WINDOW
        self._under_way: deque[_UnderWay] = deque()
        self._unposted = 0

    def link_moved(self, *, direct: bool) -> None:
        """Chunks go over a direct link from now on, or over a relay, which lets fewer wait."""
        self._max_window = MAX_DIRECT if direct else MAX_WINDOW

    def fill(self, transfers: Iterable[Transfer]) -> list[ReadFile]:
        """Ask for what may be sent now; one read of a file at a time."""
        moving = [transfer for transfer in transfers if transfer.state == MOVING and not transfer.checking]
        reading = sum(-(-transfer.reading // CHUNK) for transfer in moving)
        room = min(self._window, self._max_window) - len(self._under_way) - self._unposted - reading
        reads = []
        for transfer in moving:
            wanted = min(transfer.limit, transfer.size) - transfer.position
            if room > 0 and wanted > 0 and not transfer.reading:
                transfer.reading = min(wanted, min(room, MAX_READ) * CHUNK)
                room -= -(-transfer.reading // CHUNK)
                reads.append(ReadFile(transfer.number, transfer.position, transfer.reading))
        return reads

    def chunks(self, transfer: Transfer, data: bytes) -> list[Post]:
        """Send ``data``, which was read at the transfer's position."""
        posts = []
        for start in range(0, len(data), CHUNK):
            part = data[start:start + CHUNK]
            begin, end = transfer.position, transfer.position + len(part)
            transfer.position, transfer.furthest = end, max(transfer.furthest, end)
            self._unposted += 1
            posts.append(Post(encode_file(Chunk(transfer.wire, begin, part)), transfer.number, begin, end))
        return posts

    def posted(self, ticket: int, transfer: Transfer, post: Post, now: float) -> None:
        """The channel took a chunk."""
        self._unposted -= 1
        self._under_way.append(_UnderWay(ticket, transfer, post.start, post.end, now))

    def arrived(self, transfer: Transfer) -> int:
        """Return how much of a file the other side has for certain."""
        return min([chunk.start for chunk in self._under_way if chunk.transfer is transfer] + [transfer.position])

    def acknowledged(self, ticket: int, now: float) -> list[Transfer]:
        """The other side has everything up to ``ticket``; return the files that got further."""
        further: dict[int, Transfer] = {}
        while self._under_way and self._under_way[0].ticket <= ticket:
            chunk = self._under_way.popleft()
            quick = now - chunk.since < TARGET_DELAY
            self._window = min(self._window + 1, self._max_window) if quick else max(self._window - 1, MIN_WINDOW)
            if chunk.transfer.open:
                chunk.transfer.moved = max(chunk.transfer.moved, min(chunk.end, chunk.transfer.position))
                further[chunk.transfer.number] = chunk.transfer
        return list(further.values())

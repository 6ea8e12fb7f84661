"""What a relay can see of a conversation: read back from what the watched relay of the demo printed."""

from __future__ import annotations

import base64
import json
from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class SeenFrame:
    """One binary frame that passed the relay."""

    room: str = field(repr=False)
    frame: bytes = field(repr=False)


@dataclass(frozen=True)
class Watch:
    """All the frames that passed, in order."""

    frames: tuple[SeenFrame, ...]

    @classmethod
    def parse(cls, printed: bytes) -> Watch:
        """Read the lines that ``line`` wrote."""
        rows = [json.loads(row) for row in printed.splitlines() if row.startswith(b"{")]
        return cls(tuple(SeenFrame(row["room"], base64.b64decode(row["frame"])) for row in rows))

    @property
    def rooms(self) -> int:
        """How many rooms the frames were in."""
        return len({seen.room for seen in self.frames})

    @property
    def max_size(self) -> int:
        """Return the size in bytes of the largest frame; 0 when there was none."""
        return max((len(seen.frame) for seen in self.frames), default=0)

    def summary(self) -> str:
        """Say how many frames of which sizes there were."""
        sizes = Counter(len(seen.frame) for seen in self.frames)
        return f"{len(self.frames)} frames: " + ", ".join(f"{count} x {size}" for size, count in sorted(sizes.items()))

    def holds(self, texts: list[str]) -> bool:
        """Return whether any of the texts stands in any frame."""
        everything = b"\0".join(seen.frame for seen in self.frames)
        return any(text.encode() in everything for text in texts)


def line(room: str, frame: bytes) -> str:
    """Return the line that tells of one frame."""
    return json.dumps({"room": room, "frame": base64.b64encode(frame).decode()})

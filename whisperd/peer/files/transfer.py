"""One file on its way between the two sides of a conversation: its state, how far it is, how fast."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from whisperd.peer.effects import Emit

OFFERED, MOVING, HALTED, DONE = "offered", "moving", "halted", "done"
REFUSED, CANCELLED, FAILED = "refused", "cancelled", "failed"
#: States of a file that something can still happen to.
OPEN = (OFFERED, MOVING, HALTED)

#: Minimum seconds between two reports of one file's progress.
PROGRESS_INTERVAL = 0.5
#: How much the newest interval counts for the rate that is shown.
_WEIGHT = 0.4


#: What a state's reason is while the disk is compared with what the store has.
CHECKING = "checking"


@dataclass(frozen=True)
class OnDisk:
    """Where a file lies: the path of an outgoing one, the hidden name of an incoming one; empty: nowhere that lasts.

    Of an incoming one ``size`` bytes are certainly on the disk, and ``digest`` is the SHA-256 of these."""

    place: str = field(default="", repr=False)
    size: int = 0
    digest: bytes = field(default=b"", repr=False)


@dataclass
class Transfer:
    """A file that was offered. ``number`` is ours, ``wire`` is the one that its sender gave it."""

    number: int
    direction: str
    wire: int
    name: str = field(repr=False)
    size: int
    digest: bytes = field(repr=False)
    state: str = OFFERED
    reason: str = ""
    #: Bytes that the other side has, or that are written here.
    moved: int = 0
    #: Where the next chunk begins.
    position: int = 0
    #: How far the receiver lets the sender go.
    limit: int = 0
    #: The furthest that was ever sent, or, of an incoming file, that its sender was ever allowed to go.
    furthest: int = 0
    on_disk: OnDisk = OnDisk()
    #: Whether what lies on the disk is being compared with what the store has; nothing moves before that is done.
    checking: bool = False
    #: Bytes that are being read from the disk.
    reading: int = 0
    #: Whether the whole of it is being put into its place.
    storing: bool = False
    rate: float = 0.0
    _at: float | None = None
    _then: int = 0

    @property
    def label(self) -> str:
        """How people name it: f1, f2 and so on."""
        return f"f{self.number}"

    @property
    def open(self) -> bool:
        return self.state in OPEN

    def turn(self, state: str, reason: str = "") -> None:
        """Change the state; the clock of the rate begins anew."""
        self.state, self.reason = state, reason
        self.still()

    def still(self) -> None:
        """Nothing moves for now."""
        self.rate, self._at = 0.0, None

    def step(self, now: float, interval: float) -> bool:
        """Take note of ``moved``; return whether to report it, ``interval`` seconds after the last report."""
        if self._at is None:
            self._at, self._then = now, self.moved
            return True
        elapsed = now - self._at
        if 0 <= elapsed < interval and self.moved < self.size:
            return False
        speed = max(0, self.moved - self._then) / max(elapsed, 0.001)
        self.rate = speed if not self.rate else (1 - _WEIGHT) * self.rate + _WEIGHT * speed
        self._at, self._then = now, self.moved
        return True

    def row(self, chat: str) -> dict[str, Any]:
        """Return what 'chat files' shows."""
        return {"chat": chat, "file": self.label, "direction": self.direction, "filename": self.name, "size": self.size,
                "state": self.state, "reason": self._why(), **self._motion()}

    def state_event(self, chat: str) -> Emit:
        return Emit("file-state", {"chat": chat, "file": self.label, "direction": self.direction, "filename": self.name,
                                   "size": self.size, "state": self.state, "reason": self._why()})

    def progress_event(self, chat: str) -> Emit:
        return Emit("file-progress", {"chat": chat, "file": self.label, "size": self.size, **self._motion()})

    def _why(self) -> str:
        return self.reason or (CHECKING if self.checking else "")

    def _motion(self) -> dict[str, Any]:
        left = round((self.size - self.moved) / self.rate, 1) if self.rate and self.state == MOVING else None
        return {"moved": self.moved, "rate": round(self.rate), "remaining": left}

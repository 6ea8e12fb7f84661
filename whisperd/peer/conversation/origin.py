"""What a conversation is made with: where it comes from, and how much it may hold."""

from __future__ import annotations

from dataclasses import dataclass

from whisperd.errors import WhisperdError
from whisperd.peer.files.transfer import PROGRESS_INTERVAL
from whisperd.wire.files import MAX, MAX_OPEN


@dataclass(frozen=True)
class Origin:
    """Where a conversation comes from: an invite, a code, or a call. ``expires`` is in unix seconds."""

    inviter: bool
    expires: float
    #: What people see at first, instead of that it was invited or is being joined.
    reason: str = ""
    #: Whether the words were compared in an earlier conversation with this contact.
    verified: bool = False
    #: What it is when the two sides have not met in time, instead of InviteExpired.
    lapse: WhisperdError | None = None
    #: Handshakes that have failed so far.
    failures: int = 0

    @property
    def role(self) -> str:
        return "inviter" if self.inviter else "joiner"


@dataclass(frozen=True)
class Bounds:
    """How much one conversation may hold: texts that wait for delivery, bytes of a file, open files each way."""

    max_queue: int
    max_file: int = MAX
    max_files: int = MAX_OPEN
    #: Minimum seconds between two reports of one file's progress.
    progress_interval: float = PROGRESS_INTERVAL

"""Small disks of their own, which can be filled."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

from tests.installed.kit.account import ids


class SmallDisk:
    """A tmpfs of so many bytes. A machine that lets nobody mount one cannot run these tests, and says so by failing."""

    def __init__(self, place: Path, size: int = 4 << 20) -> None:
        self.place = place
        uid, gid = ids()
        place.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700,uid={uid},gid={gid}", "tmpfs",
                        str(place)], check=True)

    def fill(self) -> None:
        """Leave no room on it."""
        with suppress(OSError), (self.place / "filler").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4_096))
        assert os.statvfs(self.place).f_bavail == 0

    def make_room(self) -> None:
        """Undo that."""
        (self.place / "filler").unlink()

    def gone(self) -> None:
        """Take it away."""
        subprocess.run(["umount", "--lazy", str(self.place)], check=True)

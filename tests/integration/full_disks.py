"""A daemon of a user without rights, whose store lies on a small disk of its own that can be filled."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from tests.integration.killed import Person

#: A user without rights: Debian's nobody.
NOBODY = 65_534
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")


class SmallDisk:
    """A tmpfs of so many bytes. A machine that lets nobody mount one cannot run these tests, and says so by failing."""

    def __init__(self, place: Path, size: int = 4 << 20) -> None:
        self.place = place
        place.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700,uid={NOBODY},gid={NOBODY}", "tmpfs",
                        str(place)], check=True)

    def fill(self) -> None:
        with suppress(OSError), (self.place / "filler").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4_096))
        assert os.statvfs(self.place).f_bavail == 0

    def make_room(self) -> None:
        (self.place / "filler").unlink()

    def gone(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.place)], check=True)


class Cramped(Person):
    """One side of a conversation, as nobody."""

    def __init__(self, folder: Path, name: str, url: str) -> None:
        super().__init__(folder, name, url)
        self.disk = SmallDisk(self.folder / "store")
        for path in (self.folder, *self.folder.iterdir()):
            os.chown(path, NOBODY, NOBODY)

    def launch(self, *before: str) -> None:
        super().launch(*AS_NOBODY, *before)

    def ctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run whisperctl as this user."""
        program = str(Path(sys.executable).with_name("whisperctl"))
        return subprocess.run([*AS_NOBODY, program, "--socket", self.socket, *words], env=self._environment,
                              capture_output=True, text=True, cwd=self.folder)

    def gone(self) -> None:
        self.stop()
        self.disk.gone()


def open_folder() -> Path:
    """Return a folder that every user can reach, unlike those of pytest."""
    made = Path(tempfile.mkdtemp(prefix="whisperd-test-"))
    made.chmod(0o755)
    return made


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)

"""A private file is there whole, for its owner only, and nothing of an interrupted write stays."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from whisperd import private_files


def test_it_is_written_for_its_owner_only_with_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "key"
    private_files.write(path, b"one")
    private_files.write(path, b"two")
    assert private_files.read(path) == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_what_a_killed_writer_left_goes_with_the_next_write(tmp_path: Path) -> None:
    path = tmp_path / "key"
    child = os.fork()
    if child == 0:
        try:
            os.fsync = lambda descriptor: os.kill(os.getpid(), 9)  # type: ignore[assignment]
            private_files.write(path, b"half")
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9
    assert [each.name for each in tmp_path.iterdir()] != [] and not path.exists()
    private_files.write(path, b"whole")
    assert [each.name for each in tmp_path.iterdir()] == ["key"] and private_files.read(path) == b"whole"


def test_one_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    private_files.write(path, b"one")
    path.chmod(0o640)
    with pytest.raises(private_files.OthersMayRead):
        private_files.read(path)
    assert private_files.read(tmp_path / "none") is None

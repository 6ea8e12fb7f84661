"""The kept onion key: whole or not there, for its owner only."""

from __future__ import annotations

import base64

import pytest

from whisperd.errors import OnionKeyUnusable
from whisperd.tor.onion.key_file import KeyFile

KEY = "ED25519-V3:" + base64.b64encode(bytes(range(64))).decode()


def test_no_file_is_no_key(tmp_path):
    assert KeyFile(tmp_path / "absent" / "onion.key").load() is None


def test_a_saved_key_comes_back_and_only_its_owner_can_read_it(tmp_path):
    file = KeyFile(tmp_path / "state" / "onion.key")
    file.save(KEY)
    assert file.load() == KEY
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.path.parent.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in file.path.parent.iterdir()] == ["onion.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_key_that_others_may_read_is_refused(tmp_path, mode):
    file = KeyFile(tmp_path / "onion.key")
    file.save(KEY)
    file.path.chmod(mode)
    with pytest.raises(OnionKeyUnusable) as caught:
        file.load()
    assert "chmod 600" in caught.value.remedy


@pytest.mark.parametrize("content", [
    "", "ED25519-V3:", "RSA1024:" + KEY[11:], KEY[:-8], KEY + "A===", "ED25519-V3:*" + KEY[12:], "\xff" * 50,
])
def test_a_file_without_a_whole_key_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "onion.key"
    path.write_text(content, encoding="latin-1")
    path.chmod(0o600)
    with pytest.raises(OnionKeyUnusable):
        KeyFile(path).load()
    assert path.read_text(encoding="latin-1") == content


def test_a_key_that_cannot_be_written_is_an_error_and_leaves_the_old_one(tmp_path):
    file = KeyFile(tmp_path / "onion.key")
    file.save(KEY)
    (tmp_path / ".onion.key.new").mkdir()  # where the new one would be written
    with pytest.raises(OnionKeyUnusable):
        file.save(KEY.replace("A", "B"))
    assert file.load() == KEY

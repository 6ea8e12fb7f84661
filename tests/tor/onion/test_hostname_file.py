"""The hostname file of torrc's onion service: a good name, or an error that says what to do."""

from __future__ import annotations

import os

import pytest

from whisperd.config import load
from whisperd.errors import ConfigError, HostnameUnusable
from whisperd.tor.onion.hostname_file import read_hostname
from whisperd.tor.onion.key import new_key


def test_the_name_is_read_with_or_without_its_line_end(tmp_path):
    name = new_key(os.urandom).address
    for content in (f"{name}\n", name, f" {name.upper()}\r\n"):
        (tmp_path / "hostname").write_text(content)
        assert read_hostname(tmp_path / "hostname") == name


@pytest.mark.parametrize("content", [b"", b"example.org\n", b"a" * 56 + b".onion\n", b"\xff\x00" * 4000,
                                     b"expyuzz4wqqyqhjn.onion\n"])
def test_what_is_no_onion_name_is_refused_with_the_file_s_name(tmp_path, content):
    (tmp_path / "hostname").write_bytes(content)
    with pytest.raises(HostnameUnusable, match="hostname does not contain"):
        read_hostname(tmp_path / "hostname")


def test_a_missing_file_a_folder_and_a_pipe_are_named_and_block_nobody(tmp_path):
    with pytest.raises(HostnameUnusable, match="does not exist") as caught:
        read_hostname(tmp_path / "hostname")
    assert "HiddenServiceDir" in caught.value.remedy
    (tmp_path / "file").write_text("")
    with pytest.raises(HostnameUnusable, match="cannot be read: Not a directory") as caught:
        read_hostname(tmp_path / "file" / "hostname")
    assert "HiddenServiceDirGroupReadable" in caught.value.remedy
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(HostnameUnusable):
            read_hostname(path)


@pytest.mark.parametrize(("values", "named"), [
    ({}, "hostname_file"), ({"onion.hostname_file": "/x", "onion.private": True}, "onion.private"),
])
def test_a_configuration_that_cannot_work_is_refused(values, named):
    with pytest.raises(ConfigError, match=named):
        load(None, {"tor.mode": "managed", **values})


@pytest.mark.parametrize("values", [{"relay.enabled": False}, {"onion.enabled": False}])
def test_without_an_onion_to_name_no_file_is_wanted(values):
    assert load(None, {"tor.mode": "managed", **values}).onion.hostname_file == ""

"""At which line of the file a mistake stands."""

from __future__ import annotations

import pytest

from whisperd.config import load
from whisperd.config.lines import line_of, locate, located
from whisperd.errors import ConfigError

TEXT = '''# relay.listen = 1
[tor]
mode = "off"
listen = "is no key, and stands elsewhere"
[ relay ]  # a comment
cors = [
  """
listen = 3
[relay]
listen = 4
""", ]
"listen" = ["tcp:1"]
  max_frame=5
'''


@pytest.mark.parametrize(("section", "name", "line"), [
    ("relay", "listen", 12), ("relay", "max_frame", 13), ("relay", "cors", 6), ("tor", "mode", 3), ("tor", "listen", 4),
    ("relay", "max_rooms", None), ("onion", "listen", None),
])
def test_a_key_is_found_in_its_section_and_not_inside_of_a_value(section, name, line):
    assert line_of(TEXT, section, name) == line


def test_the_first_key_that_stands_in_the_file_is_told_once(tmp_path):
    path = tmp_path / "whisperd.toml"
    path.write_text(TEXT)
    error = ConfigError("onion.listen and relay.max_frame and tor.mode do not go together")
    for _ in range(2):
        locate(error, path)
    assert error.message == f"onion.listen and relay.max_frame and tor.mode do not go together ({path}, line 13)"


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"[relay]\n"],
                         ids=["absent", "empty", "not text", "no key"])
def test_without_a_line_the_message_stays(tmp_path, content):
    path = tmp_path / "whisperd.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught, located(path):
        raise ConfigError("relay.listen is empty")
    assert caught.value.message == "relay.listen is empty"


@pytest.mark.parametrize(("text", "line"), [
    ("[relay]\n\nmax_frame = 1\n", 3), ("[relay]\n[tor]\nmode = 'no'\n", 3), ("[relay]\nmax_frames = 1\n", 2),
    ("[tor]\n[relay]\ntls_listen = ['tcp:1']\n", 3), ("[peer]\n[tor]\n\noptions = ['SocksPort 1']\n", 4),
])
def test_what_is_found_when_a_file_is_read_has_its_line(tmp_path, text, line):
    path = tmp_path / "whisperd.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert caught.value.message.endswith(f" ({path}, line {line})")

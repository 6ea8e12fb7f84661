"""whisperd.toml(5) and the table of configuration keys say the same."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.house import pages
from whisperd.config import AT_START, KEYS, LIVE, Key, load
from whisperd.config.paths import FILE, FILE_OR_LOG, FOLDER, LISTENERS, PLACE, PROGRAM, SOCKET
from whisperd.config.tor_options import OPTIONS

PAGE = "whisperd.toml.5"
#: A path, or something that contains one.
_MEANS_PATH = re.compile(r"(?i)\b(paths?|files?|folders?|socket|director(y|ies)|listeners?|listens)\b|_(file|dir)\b")
#: Strings whose help mentions a path of another key.
NO_PATHS = {"control.group": "group of the control socket"}


def promise(key: Key) -> str:
    """Return the sentence with which the page describes a key's type, bounds and default."""
    kind = {bool: "true or false", int: "number", str: "string", tuple: "list of strings"}[type(key.default)]
    if key.path in (FILE, FOLDER, SOCKET, FILE_OR_LOG, PROGRAM):
        kind = "path"
    if key.choices:
        many = "some of " if isinstance(key.default, tuple) else "one of "
        kind = many + ", ".join(f'"{choice}"' for choice in key.choices)
    if key.low is not None or key.high is not None:
        kind += f" from {key.low} to {key.high}"
    return f"{kind}; default {shown(key.default)}"


def shown(value: object) -> str:
    """Return a value as TOML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(shown(item) for item in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def test_the_page_has_every_key_once_and_no_other():
    assert sorted(pages.items(PAGE, "KEYS")) == sorted(key.name for key in KEYS)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_type_bounds_default_and_help_of_a_key_stand_in_the_page(key):
    words = " ".join(key.help.split())
    assert f"{key.name} {promise(key)} {words}" in pages.text(PAGE)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_a_key_that_is_about_a_path_has_the_type_of_one(key):
    is_text = isinstance(key.default, str | tuple) and not key.choices
    about_path = bool(_MEANS_PATH.search(f"{key.name} {key.help}")) and key.name not in NO_PATHS
    assert bool(key.path) == (is_text and about_path)
    assert key.path in ("", FILE, FOLDER, SOCKET, FILE_OR_LOG, PROGRAM, PLACE, LISTENERS)


def test_no_option_of_a_launched_tor_is_about_a_path():
    assert [option.name for option in OPTIONS.values() if _MEANS_PATH.search(f"{option.shape} {option.help}")] == []


def test_the_page_says_what_a_path_may_be():
    said = " ".join(pages.section(PAGE, "PATHS"))
    for word in ("~/", "absolute", "$HOME", "NUL", "WHISPERD_SOCKET", "XDG_STATE_HOME", "107 bytes"):
        assert word in said


def test_the_page_names_the_keys_of_the_relay_that_need_a_restart():
    assert [name for name in AT_START if name not in {key.name for key in KEYS}] == []
    assert f"except for {', '.join(AT_START[:-1])} and {AT_START[-1]}." in pages.text(PAGE)
    assert {key.name for key in KEYS if key.live} == {
        key.name for key in KEYS if key.section == "relay"} - set(AT_START) | set(LIVE)


def test_the_page_names_the_other_keys_that_need_none():
    first, *others = LIVE
    assert f"{first} also takes effect at" in pages.text(PAGE)
    assert f"{', '.join(others[:-1])} and {others[-1]}." in pages.text(PAGE)


def test_every_example_loads(tmp_path):
    documents = pages.examples(PAGE)
    assert len(documents) >= 3
    for number, document in enumerate(documents):
        path = tmp_path / f"{number}.toml"
        path.write_text(document)
        assert load(path).flat().keys() == {key.name for key in KEYS}
        assert tomllib.loads(document)


def test_every_option_of_a_launched_tor_is_listed_and_no_other():
    assert pages.items(PAGE, "TOR OPTIONS") == list(OPTIONS)
    for option in OPTIONS.values():
        assert f"{option.name} {option.help} {option.shape[0].upper()}{option.shape[1:]}." in pages.text(PAGE)

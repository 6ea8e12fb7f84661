"""The typed sections and the table of keys say the same."""

from __future__ import annotations

import typing
from pathlib import Path

import msgspec
import pytest

from whisperd.config import KEYS, Config, Key, load

SECTIONS = {name: kind for name, kind in typing.get_type_hints(Config).items()
            if isinstance(kind, type) and issubclass(kind, msgspec.Struct)}


def expected(key: Key) -> object:
    """Return the type that a key's row of the table asks of its field."""
    one: object = typing.Literal[key.choices] if key.choices else str  # type: ignore[valid-type]
    if isinstance(key.default, tuple):
        return tuple[one, ...]  # type: ignore[valid-type]
    return one if isinstance(key.default, str) else type(key.default)


def test_every_key_is_a_field_of_its_section_and_nothing_else_is():
    fields = [f"{section}.{name}" for section, kind in SECTIONS.items() for name in kind.__struct_fields__]
    assert sorted(fields) == sorted(key.name for key in KEYS)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_a_field_has_the_type_of_its_key(key):
    assert typing.get_type_hints(SECTIONS[key.section])[key.field] == expected(key)


def test_sections_and_keys_stand_in_the_same_order():
    assert list(SECTIONS) == list(dict.fromkeys(key.section for key in KEYS))
    for section, kind in SECTIONS.items():
        assert list(kind.__struct_fields__) == [key.field for key in KEYS if key.section == section]


def test_a_section_cannot_be_changed():
    with pytest.raises(AttributeError):
        load().relay.max_rooms = 7


def test_other_values_take_the_place_of_some_and_leave_the_rest(tmp_path):
    path = Path(tmp_path / "whisperd.toml")
    path.write_text("[relay]\nmax_rooms = 7\nmax_waiting = 3\n")
    config = load(path)
    changed = config.with_values({"relay.max_rooms": 8, "tor.password": "swordfish"}, {"relay.max_rooms": "file"})
    assert (changed.relay.max_rooms, changed.relay.max_waiting, changed.tor.password) == (8, 3, "swordfish")
    assert changed.source == config.source and changed.origins == {"relay.max_rooms": "file"}
    assert changed.with_values({}, {}).flat(secrets=True) == changed.flat(secrets=True)

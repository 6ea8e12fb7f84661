"""No value shows a key, a text or a name of somebody when it is printed: what is printed may get into a log."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import re
import typing
from collections.abc import Iterator

import msgspec
import whisperd_plugins

import whisperd
from whisperd.wire.hidden import hidden

#: Fields that may not be shown, whatever their class: by type, and by name where the type is text.
_SECRET_TYPE = re.compile(r"\b(bytes|bytearray)\b")
_SECRET_NAMES = frozenset({"text", "password", "passphrase", "token", "session_code", "access_code", "access",
                           "filename"})
#: What is bytes and may be shown: constants of the protocol.
_PUBLIC = {"Suite": {"info", "bundle_context", "message_context"}}
#: What has such a name and is something else.
_OTHERS = {"RelayStatus": {"access"}, "RelaySection": {"access"}, "Metrics": {"text"}}


def classes() -> set[type]:
    """Return every class of ours, nested ones too."""
    for package in (whisperd, whisperd_plugins):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    return {each for each in _below(object) if str(each.__module__).split(".")[0] in ("whisperd", "whisperd_plugins")}


def _below(kind: type) -> Iterator[type]:
    seen, waiting = set(), [kind]
    while waiting:
        for each in type.__subclasses__(waiting.pop()):
            if each not in seen:
                seen.add(each)
                waiting.append(each)
                yield each


def secret(kind: type, name: str, annotation: object) -> bool:
    words = str(annotation)
    if name in _PUBLIC.get(kind.__name__, ()) or name in _OTHERS.get(kind.__name__, ()):
        return False
    return bool(_SECRET_TYPE.search(words) and "Callable" not in words) or name in _SECRET_NAMES


def shown() -> Iterator[str]:
    """Yield what would be shown and may not be."""
    for kind in classes():
        if dataclasses.is_dataclass(kind) and hasattr(kind.__repr__, "__wrapped__"):  # made by the decorator
            for field in dataclasses.fields(kind):
                if field.repr and secret(kind, field.name, field.type):
                    yield f"{kind.__module__}.{kind.__qualname__}.{field.name}"
        elif issubclass(kind, msgspec.Struct) and kind.__repr__ is msgspec.Struct.__repr__:
            for name, annotation in typing.get_type_hints(kind).items():
                if secret(kind, name, annotation):
                    yield f"{kind.__module__}.{kind.__qualname__}.{name}"


def test_no_class_shows_what_it_must_not() -> None:
    assert len(classes()) > 400
    assert sorted(shown()) == []


def test_a_value_that_hides_all_shows_its_class() -> None:
    @dataclasses.dataclass
    class Letter:
        text: str
        __repr__ = hidden

    assert repr(Letter("attack at dawn")) == "Letter(...)"

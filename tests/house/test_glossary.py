"""The glossary of CONTRIBUTING.md: the words of its last column are no part of any name that we give."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.pages import ROOT
from whisperd.control.commands import COMMANDS
from whisperd.control.events import EVENTS

#: Names in which a word of the glossary is another thing.
ALLOWED: dict[str, set[str]] = {
    "kept": {"MAX_KEPT", "kept_bound", "max_kept"},  # of the plug-in contract
    "least": {"at_least"},
    "most": {"at_most"},
    "levels": {"LEVELS"},  # of security, and of the log
    "way": {"_MAX_UNDER_WAY", "_UnderWay", "_max_under_way", "_under_way", "one_way"},
}
#: Names that are still to be changed; this only gets shorter.
UNFINISHED: dict[str, set[str]] = {
    "people": {"kex_people"},
}


def banned() -> list[str]:
    """Return the words that the table says not to use."""
    table = (ROOT / "CONTRIBUTING.md").read_text().partition("| say | for | not |\n")[2].partition("\n\n")[0]
    rows = [line.strip("|").split("|") for line in table.splitlines()[1:]]
    return sorted({word for row in rows for word in re.findall(r"`(\w+)`", row[2])})


def words(name: str) -> set[str]:
    """Return the words that a name is made of, in small letters."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def declared(path: Path) -> Iterator[str]:
    """Yield the names that a file gives: of itself, its classes, functions, arguments, attributes and constants."""
    yield path.parent.name if path.name == "__init__.py" else path.stem
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Attribute):
            yield node.attr
        if isinstance(node, ast.Module | ast.ClassDef):
            for statement in node.body:
                targets = statement.targets if isinstance(statement, ast.Assign) else [
                    statement.target] if isinstance(statement, ast.AnnAssign) else []
                yield from (name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))


def shown() -> Iterator[str]:
    """Yield the names that users and programs meet: methods, their parameters, events and their fields."""
    for command in COMMANDS:
        yield from (command.method, command.verb, *(param.name for param in command.sent))
    for name, event in EVENTS.items():
        yield from (name, *event.fields)


def names() -> set[str]:
    files = [*(ROOT / "whisperd").rglob("*.py"), *(ROOT / "plugins/whisperd_plugins").rglob("*.py")]
    return {name for path in files for name in declared(path)} | set(shown())


NAMES = names()


def found(word: str) -> set[str]:
    return {name for name in NAMES if word in words(name)}


def test_the_table_is_read() -> None:
    assert len(banned()) > 15 and {"bond", "kept", "fading", "way"} <= set(banned())


@pytest.mark.parametrize("word", banned())
def test_no_name_has_a_word_that_the_glossary_replaces(word: str) -> None:
    assert found(word) - ALLOWED.get(word, set()) - UNFINISHED.get(word, set()) == set()


def test_exceptions_are_of_words_in_the_table() -> None:
    assert {*ALLOWED, *UNFINISHED} <= set(banned())

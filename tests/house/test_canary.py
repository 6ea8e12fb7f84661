"""The private parts of other packages that whisperd relies on are there, in the shape that it uses, and all listed."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.house.canary import CHECKED, PARTS, PrivatePart
from tests.house.pages import ROOT

FOREIGN = ("autobahn.", "twisted.", "txtorcon.", "click.", "socket", "asyncio")
SOURCES = sorted((ROOT / "whisperd").rglob("*.py"))


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


def look(part: PrivatePart) -> str | None:
    """Return what is wrong with a private part, None where it is as it was."""
    module, _, kind = part.place.partition(":")
    try:
        owner: Any = importlib.import_module(module)
        owner = getattr(owner, kind) if kind else owner
    except (ImportError, AttributeError) as error:
        return str(error)
    if part.parameters is None:
        return None if hasattr(owner, part.name) or f"self.{part.name}" in inspect.getsource(owner) else "is gone"
    function = getattr(owner, part.name, None)
    if function is None:
        return "is gone"
    try:
        found = tuple(inspect.signature(function).parameters)
    except ValueError:  # of a function in C without one
        return None
    found = found[1:] if kind else found
    return None if found == part.parameters else f"takes {found}, not {part.parameters}"


def told(part: PrivatePart, wrong: str) -> str:
    return (f"{part.place}.{part.name} {wrong}. {part.used_by} needs it to {part.to}; "
            f"it was last seen with {', '.join(f'{name} {version}' for name, version in CHECKED.items())}.")


@pytest.mark.parametrize("part", PARTS, ids=lambda part: f"{part.place}.{part.name}")
def test_what_whisperd_relies_on_is_as_it_was(part: PrivatePart) -> None:
    wrong = look(part)
    assert wrong is None, told(part, wrong)


def test_what_has_changed_is_named_with_what_hangs_on_it() -> None:
    gone = PrivatePart("socket:socket", "_accept_all", (), "whisperd/relay/accepting.py", "accept")
    other = PrivatePart("twisted.internet.tcp:_SocketCloser", "_closeSocket", (), "whisperd/relay/transport.py", "end")
    nowhere = PrivatePart("socket:no_such", "_accept", (), "whisperd/relay/accepting.py", "accept")
    assert look(gone) == "is gone"
    assert look(other) == "takes ('orderly',), not ()"
    assert "no_such" in (look(nowhere) or "")
    assert "accepting.py needs it to accept" in told(gone, "is gone")


def defined(tree: ast.AST) -> Iterator[str]:
    """Yield the private names that a file of ours gives to something: functions, classes, variables, attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.arg):
            yield node.arg


def used(tree: ast.AST) -> Iterator[str]:
    """Yield the private names that a file takes from something or imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.name for alias in node.names)
            if isinstance(node, ast.ImportFrom) and node.module and private(node.module.rpartition(".")[2]):
                yield from (alias.name + " of " + node.module for alias in node.names)


def of_others(kind: type, name: str) -> bool:
    """Return whether a class of another package, below one of ours, has this name, too."""
    return any(base.__module__.startswith(FOREIGN)
               and (name in vars(base) or re.search(rf"self\.{name}\b", inspect.getsource(base)))
               for base in kind.__mro__)


def derived(path: Path, tree: ast.AST) -> Iterator[tuple[type, ast.ClassDef]]:
    """Yield the classes of a file that derive from those of other packages."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.bases:
            name = named(path).removesuffix(".py").replace("/", ".")
            module = importlib.import_module(name.removesuffix(".__init__"))
            kind = getattr(module, node.name, None)
            if isinstance(kind, type) and any(base.__module__.startswith(FOREIGN) for base in kind.__mro__):
                yield kind, node


def test_nothing_private_of_others_is_used_beside_what_is_listed() -> None:
    trees = {path: ast.parse(path.read_text()) for path in SOURCES}
    ours = {name for tree in trees.values() for name in defined(tree) if private(name)}
    ours -= {part.name for part in PARTS if part.used_by == "whisperd/relay/transport.py"}  # it sets what it inherits
    found = set()
    for path, tree in trees.items():
        found |= {(named(path), name) for name in used(tree) if private(name) and name not in ours}
        for kind, node in derived(path, tree):
            found |= {(named(path), name) for name in {*defined(node), *used(node)}
                      if private(name) and of_others(kind, name)}
    listed = {(part.used_by, part.name) for part in PARTS if not private(part.place)}
    assert found == listed


def test_private_modules_are_listed() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            for module in [node.module] if isinstance(node, ast.ImportFrom) else \
                    [alias.name for alias in node.names] if isinstance(node, ast.Import) else []:
                if module and not module.startswith("whisperd") and any(map(private, module.split("."))):
                    assert (module, named(path)) in {(part.place, part.used_by) for part in PARTS}

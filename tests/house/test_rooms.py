"""The rooms of the house: who leads to whom, what is private, and how large a class may be, over its own bases.

Read from the syntax trees: an import counts wherever it stands, in a function and for the types alone as well. What
does not hold yet is listed by name; the lists only get shorter, and what is mended has to be struck off.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.house.pages import ROOT

MAX_ROOMS, MAX_FLOORS = 12, 6
MAX_LINES, MAX_METHODS, MAX_PARAMETERS = 450, 40, 6

#: Packages that still have circles inside. The whole house is "whisperd".
CIRCLES: set[str] = set()
#: Modules that import what is private to another.
PRIES: set[str] = set()
#: Classes that are larger than they may be, or want more when they are made.
LARGE = {
}


# -- imports ------------------------------------------------------------------------------------------------------


@cache
def sources() -> dict[str, Path]:
    """Return every module of ours by its dotted name; a package is its ``__init__``."""
    found = {}
    for top, folder in (("whisperd", ROOT), ("whisperd_plugins", ROOT / "plugins"), ("", ROOT / "plugins/example")):
        for path in sorted((folder / top).rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            if path.name != "setup.py" and "tests" not in parts:
                found[".".join(parts).removesuffix(".__init__")] = path
    return found


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(sources()[module].read_text())


@cache
def imports(module: str) -> frozenset[str]:
    """Return the modules of ours that one imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in sources() else node.module for name in whole.values()}
    return frozenset(found & sources().keys())


def packages() -> list[str]:
    return sorted(name for name, path in sources().items() if path.name == "__init__.py")


def room(module: str, package: str) -> str | None:
    """Return in which part of a package a module is, its face as ``__init__``; None for one outside."""
    if module == package:
        return "__init__"
    return module.removeprefix(f"{package}.").split(".")[0] if module.startswith(f"{package}.") else None


def rooms(package: str) -> dict[str, set[str]]:
    """Return the parts of a package, files and packages, each with the parts that it imports."""
    found: dict[str, set[str]] = {}
    for module in sources():
        here = room(module, package)
        if here is not None:
            leads = {there for other in imports(module) if (there := room(other, package)) is not None}
            found.setdefault(here, set()).update(leads - {here})
    return found


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Return one circle, [] if there is none."""
    done: set[str] = set()

    def follow(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name):], name]
        if name in done:
            return []
        for other in sorted(graph[name]):
            if found := follow(other, [*way, name]):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(graph) if (found := follow(name, []))), [])


def floors(graph: dict[str, set[str]]) -> int:
    """Return how many parts stand one on the other where that is most."""

    @cache
    def height(name: str) -> int:
        return 1 + max(map(height, graph[name]), default=0)

    return max(map(height, graph))


@pytest.mark.parametrize("package", packages())
def test_no_part_of_a_package_leads_back_to_itself(package: str) -> None:
    assert bool(circle(rooms(package))) == (package in CIRCLES), circle(rooms(package))


def test_the_peer_has_few_rooms_on_few_floors() -> None:
    graph = rooms("whisperd.peer")
    assert graph.pop("__init__", set()) == set(), "the face of peer/ leads nowhere"
    assert len(graph) <= MAX_ROOMS, sorted(graph)
    assert circle(graph) == [] and floors(graph) <= MAX_FLOORS, graph


def is_private(name: str) -> bool:
    """Return whether a part of a dotted name is private."""
    return any(part.startswith("_") and not part.startswith("__") for part in name.split("."))


def pried(module: str) -> set[str]:
    """Return what a module imports of ours that is private to another."""
    found: set[str] = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    ours = {name for name in found if name.split(".")[0] in {"whisperd", "whisperd_plugins"}}
    return {name for name in ours if is_private(name)}


def test_nobody_imports_what_is_private_to_another() -> None:
    assert {module: pried(module) for module in sources() if pried(module) and module not in PRIES} == {}
    assert {module for module in PRIES if not pried(module)} == set(), "strike these off PRIES"


# -- classes ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Class:
    """A class of ours; ``bases`` are those of ours."""

    name: str
    node: ast.ClassDef
    bases: tuple[str, ...]
    foreign: tuple[str, ...]

    @property
    def methods(self) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        return [each for each in self.node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]

    @property
    def lines(self) -> int:
        return (self.node.end_lineno or 0) - self.node.lineno + 1

    @property
    def is_dataclass(self) -> bool:
        return any("dataclass" in ast.unparse(each) for each in self.node.decorator_list)


def names_in(module: str) -> dict[str, str]:
    """Return what the names mean that a module imports."""
    return {alias.asname or alias.name: f"{node.module}.{alias.name}" for node in ast.walk(tree(module))
            if isinstance(node, ast.ImportFrom) for alias in node.names}


@cache
def classes() -> dict[str, Class]:
    """Return every class of ours that stands in no function, by its dotted name."""
    found: dict[str, Class] = {}
    for module in sources():
        meant = names_in(module)

        def visit(body: Iterable[ast.stmt], prefix: str, meant: dict[str, str] = meant) -> None:
            for node in body:
                if isinstance(node, ast.ClassDef):
                    name = f"{prefix}.{node.name}"
                    bases = [ast.unparse(base).split("[")[0] for base in node.bases]
                    full = [meant.get(base, f"{prefix}.{base}") for base in bases]
                    found[name] = Class(name, node, tuple(full), tuple(bases))
                    visit(node.body, name)

        visit(tree(module).body, module)
    return found


def line_of(name: str) -> Iterator[Class]:
    """Yield a class and its bases that are ours, each once; a face that passes a class on is seen through."""
    waiting, seen = [name], set()
    while waiting:
        each = waiting.pop(0)
        module, _, last = each.rpartition(".")
        if each not in classes() and module in sources():
            each = names_in(module).get(last, each)
        if each in classes() and each not in seen:
            seen.add(each)
            yield classes()[each]
            waiting += classes()[each].bases


def parameters(name: str) -> int:
    """Return how many things a class wants when it is made. Those of a value, which has fields and no secrets of its
    own making (a dataclass, a msgspec Struct), do not count: it is no object that works with others."""
    for each in line_of(name):
        if each.is_dataclass or "Struct" in {base.split(".")[-1] for base in each.foreign}:
            return 0
        for method in each.methods:
            if method.name == "__init__":
                given = method.args
                several = [one for one in (given.vararg, given.kwarg) if one is not None]
                return len([*given.posonlyargs, *given.args, *given.kwonlyargs, *several]) - 1
    return 0


def too_large(name: str) -> dict[str, int]:
    """Return what is too much about a class."""
    own = list(line_of(name))
    measured = {"lines": (sum(each.lines for each in own), MAX_LINES),
                "methods": (sum(len(each.methods) for each in own), MAX_METHODS),
                "parameters": (parameters(name), MAX_PARAMETERS)}
    return {what: value for what, (value, most) in measured.items() if value > most}


def test_a_class_with_its_own_bases_is_one_thing() -> None:
    found = {name: what for name in classes() if (what := too_large(name))}
    assert {name: what for name, what in found.items() if name not in LARGE} == {}
    assert LARGE - found.keys() == set(), "strike these off LARGE"

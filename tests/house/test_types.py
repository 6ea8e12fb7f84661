"""Every collaborator has a type: no parameter or attribute is ``Any``, but for what a library without types forces."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

from tests.house.test_imports import modules, named

#: What is Any for a reason, by file: objects of libraries without types (autobahn, txtorcon, OpenSSL behind
#: ``cryptography``), Twisted's reactor as a whole and what it watches, plug-ins, whose contract zope states without
#: types, and values of JSON.
FORCED: dict[str, set[str]] = {
    "whisperd/cli/daemon/run.py": {"Runner.__init__.reactor"},
    "whisperd/control/connection.py": {"ControlConnection.transport"},
    "whisperd/daemon.py": {"Daemon.__init__.reactor"},
    "whisperd/plugin/identity.py": {"_Falcon1024.__init__._falcon", "_Held.private"},
    "whisperd/plugin/registry.py": {"fault.plugin"},
    "whisperd/reactor.py": {"QuietReactor._end.selectable", "QuietReactor._end.why"},
    "whisperd/relay/transport.py": {"Connection.__init__.reactor", "Connection.reactor"},
    "whisperd/wire/control.py": {"Response.result", "_Incoming.result", "_shown.value", "encode_result.result"},
}
#: Packages that take any plug-in, and hand objects of it around.
OF_PLUGINS = ("whisperd/plugin/conformance/",)
#: How many there may still be besides, by package. The numbers only get smaller.
LEFT: dict[str, int] = {}


def is_any(annotation: ast.expr | None) -> bool:
    """Return whether an annotation is ``Any``, alone or as an alternative."""
    if isinstance(annotation, ast.BinOp):
        return is_any(annotation.left) or is_any(annotation.right)
    return isinstance(annotation, ast.Name) and annotation.id == "Any"


def found(tree: ast.AST, place: str = "") -> Iterator[str]:
    """Yield the dotted name of each parameter and attribute that is Any: ``Class.method.parameter``."""
    for node in ast.iter_child_nodes(tree):
        inside = place
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            inside = f"{place}.{node.name}".lstrip(".")
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = node.args
            for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg,
                             arguments.kwarg):
                if argument is not None and is_any(argument.annotation):
                    yield f"{inside}.{argument.arg}"
        if isinstance(node, ast.AnnAssign) and is_any(node.annotation):
            if isinstance(node.target, ast.Attribute):
                yield f"{inside}.{node.target.attr}"
            elif isinstance(tree, ast.ClassDef) and isinstance(node.target, ast.Name):
                yield f"{inside}.{node.target.id}"
        yield from found(node, inside)


def others() -> dict[str, set[str]]:
    """Return what is Any for no reason that is listed, by file."""
    places = {named(path): set(found(ast.parse(path.read_text()))) for path in modules("whisperd")}
    return {name: left for name, names in places.items()
            if (left := names - FORCED.get(name, set())) and not name.startswith(OF_PLUGINS)}


def test_no_more_is_any_than_was_before() -> None:
    counted: Counter[str] = Counter()
    for name, names in others().items():
        counted["/".join(name.split("/")[:2])] += len(names)
    assert {name: number for name, number in counted.items() if number > LEFT.get(name, 0)} == {}, others()


def test_what_has_a_type_now_is_listed_no_more() -> None:
    places = {named(path): set(found(ast.parse(path.read_text()))) for path in modules("whisperd")}
    assert {name: names - places.get(name, set()) for name, names in FORCED.items()
            if names - places.get(name, set())} == {}


def test_any_is_found_wherever_it_stands() -> None:
    code = """
class Link:
    transport: Any
    name: str | Any = ""
    values: dict[str, Any]

    def __init__(self, reactor: Any, *, owner: Owner, rest: list[Any], **how: Any) -> None:
        self._port: Any = None

async def run(work: Any | None) -> Any: ...
"""
    assert list(found(ast.parse(code))) == [
        "Link.transport", "Link.name", "Link.__init__.reactor", "Link.__init__.how", "Link.__init__._port", "run.work"]

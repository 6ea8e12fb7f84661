"""What the methods of the control socket return, in the words of whisperd-protocol(7), from the Structs themselves."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec

from whisperd.control.answers import RESULTS


def described() -> Iterator[tuple[str, str]]:
    """Yield each method with what it returns; what another method returns as well is described there."""
    homes: dict[Any, str] = {}
    for method, kind in RESULTS.items():
        one = get_args(kind)[0] if get_origin(kind) is list else kind
        homes.setdefault(one, method)
    for method, kind in RESULTS.items():
        yield method, _shape(kind, {one: home for one, home in homes.items() if home != method})


def _shape(kind: Any, homes: dict[Any, str]) -> str:
    """Return what stands in the place of a value, "" for a plain one."""
    if get_origin(kind) is list:
        inner = _shape(get_args(kind)[0], homes)
        return f"[{inner}, ...]" if inner else "[...]"
    if get_origin(kind) in (Union, types.UnionType):
        inner = _shape(get_args(kind)[0], homes)
        return f"{inner} or null" if type(None) in get_args(kind) and inner else inner
    if kind in homes:
        return f"as of {homes[kind]}"
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = get_type_hints(kind, include_extras=True)
        optional = {field.name for field in msgspec.structs.fields(kind) if not field.required}
        return "{" + ", ".join(_field(name, hints[name], name in optional, homes)
                               for name in kind.__struct_fields__) + "}"
    return ""


def _field(name: str, kind: Any, optional: bool, homes: dict[Any, str]) -> str:
    said = ""
    if get_origin(kind) is Annotated:
        kind, meta = get_args(kind)[:2]
        said = meta.description
    said = said or _shape(kind, homes)
    return f'"{name}"{"?" if optional else ""}' + (f": {said}" if said else "")

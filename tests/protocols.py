"""Compares an object with the Protocol that it stands for: a test double that lags behind is worse than none."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from inspect import Parameter
from typing import Any


def differences(made: object, protocol: type) -> list[str]:
    """Return what ``protocol`` promises and ``made`` lacks, or what may not be called as promised."""
    return [why for name in sorted(_members(protocol)) for why in _differences(made, protocol, name)]


def _members(protocol: type) -> set[str]:
    return set(protocol.__protocol_attrs__) if hasattr(protocol, "__protocol_attrs__") else {
        name for base in protocol.__mro__ if getattr(base, "_is_protocol", False)
        for name in {**vars(base), **getattr(base, "__annotations__", {})} if not name.startswith(("_", "_abc_"))}


def _differences(made: object, protocol: type, name: str) -> Iterator[str]:
    promised = inspect.getattr_static(protocol, name, None)
    if not hasattr(made, name):
        yield f"{name} is missing"
    elif inspect.isfunction(promised):
        there = getattr(made, name)
        if not callable(there):
            yield f"{name} cannot be called"
        else:
            yield from (f"{name}{inspect.signature(there)} does not take {call}"
                        for call in _calls(promised) if not _takes(there, call))


def _calls(promised: Callable[..., Any]) -> Iterator[dict[str | int, None]]:
    """Yield ways to call a method of a protocol, without ``self``: with all parameters, and with the required ones.

    The keys are positions or names; what may be given either way is given by its name."""
    parameters = list(inspect.signature(promised).parameters.values())[1:]
    for chosen in (parameters, [each for each in parameters if each.default is Parameter.empty]):
        yield {number if each.kind is Parameter.POSITIONAL_ONLY else each.name: None
               for number, each in enumerate(chosen)
               if each.kind not in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)}


def _takes(there: Callable[..., Any], call: dict[str | int, None]) -> bool:
    try:
        inspect.signature(there).bind(*(value for key, value in call.items() if isinstance(key, int)),
                                      **{key: value for key, value in call.items() if isinstance(key, str)})
    except TypeError:
        return False
    return True

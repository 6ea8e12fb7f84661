"""Key exchanges that need a code get one to be checked with."""

from __future__ import annotations

from typing import Any

from whisperd.interfaces import ICodeKeyExchange

CODE = "conformance"
#: More runs than all checks make together: most of them are wrong on purpose.
RUNS = 1 << 20


def with_code(plugin: Any) -> Any:
    """Return ``plugin``, or what it makes of a code if it is an ICodeKeyExchange."""
    return plugin.for_code(CODE, RUNS) if ICodeKeyExchange.providedBy(plugin) else plugin

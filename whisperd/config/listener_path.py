"""The path in a listener string such as ``unix:PATH:mode=660``, alone or behind ``haproxy:``.

The form is Twisted's [twisted.internet.endpoints]: fields stand between colons, and a backslash takes its meaning from
the next character, whichever that is.
"""

from __future__ import annotations

import re

from whisperd.errors import ConfigError

PROXIED = "haproxy:"
_FIELD = re.compile(r"((?:\\.|[^\\:])*)(:|\Z)", re.S)
_NAMED = re.compile(r"((?:\\.|[^\\=])*)=", re.S)
_ADDRESS = "address"


def unix_path(description: str) -> str:
    """Return the path of a ``unix:`` listener as the file system has it; empty for any other."""
    found = _place(description)
    return _plain(description[found[0]:found[1]]) if found else ""


def with_unix_path(description: str, path: str) -> str:
    """Return the same ``unix:`` listener at another path; raises ConfigError for what has no path."""
    found = _place(description)
    if found is None:
        raise ConfigError(f"the listener {description!r} has no path", remedy="Write 'unix:PATH'.")
    return description[:found[0]] + re.sub(r"[\\:=]", r"\\\g<0>", path) + description[found[1]:]


def _place(description: str) -> tuple[int, int] | None:
    """Return where in the string the path begins and ends: the field named ``address``, or the first without a name."""
    start = len(PROXIED) if description.startswith(PROXIED) else 0
    if not description.startswith("unix:", start):
        return None
    position = start + len("unix:")
    while field := _FIELD.match(description, position):
        name = _NAMED.match(field[1])
        if name is None:
            return field.start(1), field.end(1)
        if _plain(name[1]) == _ADDRESS:
            return field.start(1) + name.end(), field.end(1)
        if not field[2]:
            return None
        position = field.end()
    return None


def _plain(escaped: str) -> str:
    return re.sub(r"\\(.)", r"\1", escaped, flags=re.S)

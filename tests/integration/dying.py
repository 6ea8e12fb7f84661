"""A daemon that kills itself, as ``kill -9`` does, at one call of the operating system: ``python -m``, like whisperd.

The file ``die-at`` in the folder that it is started in says where: ``NAME NUMBER when`` with *before* or *after*, for
the call of that number of ``os.NAME`` or ``fcntl.NAME``.
"""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import whisperd.peer.files.downloads
import whisperd.peer.files.uploads
from whisperd.cli.daemon.main import main


def die_at(call: Callable[..., Any], number: int, *, after: bool) -> Callable[..., Any]:
    """Return ``call`` with an end of the process at its ``number``-th use."""
    left = [number]

    def dying(*arguments: Any, **options: Any) -> Any:
        left[0] -= 1
        result = call(*arguments, **options) if left[0] or after else None
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return dying


class Mortal:
    """A module of which one function ends the process."""

    def __init__(self, module: Any, name: str, call: Callable[..., Any]) -> None:
        self._module, self._name, self._call = module, name, call

    def __getattr__(self, name: str) -> Any:
        return self._call if name == self._name else getattr(self._module, name)


def arm(where: str) -> None:
    """Have the disk's side of files die there, and nothing else."""
    name, number, when = where.split()
    module = fcntl if hasattr(fcntl, name) else os
    mortal = Mortal(module, name, die_at(getattr(module, name), int(number), after=when == "after"))
    for armed in (whisperd.peer.files.downloads, whisperd.peer.files.uploads):
        setattr(armed, module.__name__, mortal)


if __name__ == "__main__":
    if Path("die-at").exists():
        arm(Path("die-at").read_text())
    raise SystemExit(main())

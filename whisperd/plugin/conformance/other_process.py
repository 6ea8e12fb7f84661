"""The other side in a process of its own: ``python -m whisperd.plugin.conformance.other_process MODULE:NAME TASK``.

Values go in and out as one hexadecimal line each. The process gets the module path of this one.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from whisperd.plugin.conformance.codes import with_code
from whisperd.plugin.conformance.report import Broken, NotApplicable
from whisperd.plugin.identity import MemoryIdentity

AD = b"associated data elsewhere"
_SECONDS = 60


def in_another_process(plugin: Any, task: str, *values: bytes) -> list[bytes]:
    """Return what a task of ``TASKS`` gives in another process, where the plug-in's class is called anew.

    Raises Broken when the process fails, and NotApplicable when nobody else can import the class."""
    made = type(plugin)
    if made.__module__ == "__main__" or "<" in made.__qualname__:
        raise NotApplicable("its class cannot be imported by another process")
    command = [sys.executable, "-m", __name__, f"{made.__module__}:{made.__qualname__}", task]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(command, input="\n".join(value.hex() for value in values), env=environment,
                              capture_output=True, text=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise Broken(f"the other process had not finished after {_SECONDS} seconds") from None
    if done.returncode:
        raise Broken(f"the other process failed: {(done.stderr.splitlines() or ['without a word'])[-1]}")
    return [bytes.fromhex(line) for line in done.stdout.splitlines()]


def join(plugin: Any, bundle: bytes) -> tuple[bytes, ...]:
    """Return message and secret of a joiner."""
    plugin = with_code(plugin)
    return tuple(plugin.initiate(bundle, MemoryIdentity(plugin.identity_kinds, os.urandom), os.urandom))


def go_on(plugin: Any, dump: bytes, *messages: bytes) -> tuple[bytes, ...]:
    """Return what a dumped session reads, its answer to each message, and its dump after that."""
    session = plugin.load(dump, os.urandom)
    said: list[bytes] = []
    for message in messages:
        plaintext = session.decrypt(message, AD)
        said += [plaintext, session.encrypt(plaintext[::-1], AD)]
    return (*said, session.dump())


TASKS: dict[str, Callable[..., tuple[bytes, ...]]] = {"join": join, "go-on": go_on}


def main() -> None:
    """Do the task that is named with the values on standard input."""
    module, _, name = sys.argv[1].partition(":")
    made: Any = importlib.import_module(module)
    for part in name.split("."):
        made = getattr(made, part)
    values = [bytes.fromhex(line) for line in sys.stdin.read().splitlines()]
    for value in TASKS[sys.argv[2]](made(), *values):
        print(value.hex())


if __name__ == "__main__":
    main()

"""Which files the kernel opens for execution when a program is started: itself, and what loads or interprets it."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

_ELF64 = b"\x7fELF\x02"
_PT_INTERP = 3
_HEAD_SIZE = 65_536
#: A script's interpreter may be a script; the kernel stops after so many, too.
_DEEPEST = 4


def needed_to_run(name: str) -> list[Path]:
    """Return the files of the program ``name`` (a name in PATH or a path); none when there is no such program."""
    found: list[Path] = []
    program = shutil.which(name)
    while program and len(found) <= _DEEPEST:
        path = Path(program).resolve()
        found.append(path)
        program = _loader(path)
    return found


def _loader(path: Path) -> str:
    """Return the ELF interpreter of a program, or the interpreter of a script, or nothing."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_SIZE)
    except OSError:
        return ""
    if head.startswith(b"#!"):
        words = head[2:].partition(b"\n")[0].split()
        return words[0].decode(errors="replace") if words else ""
    return _elf_interpreter(head) if head.startswith(_ELF64) else ""


def _elf_interpreter(head: bytes) -> str:
    """Return the path in the program header of type PT_INTERP of a 64-bit ELF file. [elf(5)]"""
    order = "<" if head[5] == 1 else ">"
    try:
        start, = struct.unpack_from(f"{order}Q", head, 32)
        size, count = struct.unpack_from(f"{order}HH", head, 54)
        for number in range(count):
            kind, _, offset, _, _, length = struct.unpack_from(f"{order}IIQQQQ", head, start + number * size)
            if kind == _PT_INTERP:
                return head[offset:offset + length].rstrip(b"\0").decode(errors="replace")
    except (struct.error, OverflowError):
        pass
    return ""

"""Processes that outlive whoever started them, and are told apart from strangers that got the same number later."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

#: Seconds that a process has to end by itself before it is killed.
GRACE = 3.0


class Recorded(msgspec.Struct, frozen=True):
    """A process as it is written down: ``started`` is in clock ticks since the boot that ``boot`` names."""

    pid: int
    started: int
    boot: str


def start(arguments: list[str], **options: object) -> tuple[subprocess.Popen[bytes], Recorded]:
    """Start a process in a session of its own, so that neither Ctrl-C nor the end of this process reaches it."""
    process = subprocess.Popen(arguments, start_new_session=True, **options)  # type: ignore[call-overload]
    return process, Recorded(process.pid, _started(process.pid) or 0, _boot())


def alive(recorded: Recorded) -> bool:
    """Tell whether that very process still runs; a zombie does not."""
    return recorded.boot == _boot() and _started(recorded.pid) == recorded.started


def stop(recorded: Iterable[Recorded], grace: float = GRACE) -> None:
    """End every process of the list that still runs, all at once, and return when they are gone.

    A pidfd is opened before the identity is checked, so that the signal cannot hit a stranger.
    """
    with contextlib.ExitStack() as stack:
        waiting = dict(_open_all(recorded, stack))
        for kind, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, 10.0)):
            for descriptor in waiting:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(descriptor, kind)
            _await_exit(waiting, seconds)


def _open_all(recorded: Iterable[Recorded], stack: contextlib.ExitStack) -> Iterable[tuple[int, Recorded]]:
    for one in recorded:
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(one.pid)
            stack.callback(os.close, descriptor)
            if alive(one):
                yield descriptor, one


def _await_exit(waiting: dict[int, Recorded], seconds: float) -> None:
    poll = select.poll()
    for descriptor in waiting:
        poll.register(descriptor, select.POLLIN)
    end = time.monotonic() + seconds
    while waiting and (left := end - time.monotonic()) > 0:
        for descriptor, _ in poll.poll(left * 1000):
            poll.unregister(descriptor)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(waiting.pop(descriptor).pid, os.WNOHANG)


def _started(pid: int) -> int | None:
    """Return field 22 of /proc/PID/stat, or None when there is no such process or it is a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()

"""What signals do to the daemon before it serves. [whisperd(8), SIGNALS]

This is loaded before anything else, because a signal may come before anything else.
"""

from __future__ import annotations

import signal
from types import FrameType

#: What others send by mistake, or in the belief that it means something here: by default each would end the process.
HARMLESS = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF, signal.SIGIO,
            signal.SIGPWR, *range(signal.SIGRTMIN, signal.SIGRTMAX + 1))


def hold() -> None:
    """Have SIGHUP wait until it is known what it is to do, and the harmless ones do nothing.

    They are caught and not ignored: what is ignored here would be ignored by every program that is started, too.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
    for number in HARMLESS:
        signal.signal(number, _nothing)


def release() -> None:
    """Let SIGHUP through, also one that has come already."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGHUP])


def let_go() -> None:
    """Have all of them do again what they do to any program."""
    for number in HARMLESS:
        signal.signal(number, signal.SIG_DFL)
    release()


def _nothing(number: int, frame: FrameType | None) -> None:
    """Take a signal."""

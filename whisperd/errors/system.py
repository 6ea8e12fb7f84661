"""Failures of what surrounds a program, its streams, system and installation: exit statuses 121 to 125."""

from __future__ import annotations

import errno
import os

from whisperd.errors.base import WhisperdError
from whisperd.errors.control import Interrupted


class InputFailed(WhisperdError):
    code = "input-failed"
    exit_status = 121
    summary = "standard input cannot be read"
    remedy = "Give the command a file, a pipe or a terminal to read from."


class NotText(WhisperdError):
    code = "not-utf-8"
    exit_status = 122
    summary = "the input is not UTF-8 text"
    remedy = "Convert it to UTF-8 first, for example with iconv(1)."


class SystemRefused(WhisperdError):
    code = "system-refused"
    exit_status = 123
    summary = "the operating system refused an operation"
    remedy = "Mend the cause that is named, and run it again."


class OutOfMemory(WhisperdError):
    code = "out-of-memory"
    exit_status = 124
    summary = "there is not enough memory"
    remedy = "End other programs, or raise the memory limit ('ulimit -v', or MemoryMax of the unit)."


class InstallationBroken(WhisperdError):
    code = "installation-broken"
    exit_status = 125
    summary = "a part of the program cannot be loaded"
    remedy = "Install whisperd again, completely."


_REMEDIES = {
    errno.EMFILE: "Raise the limit on open files ('ulimit -n', or LimitNOFILE of the unit).",
    errno.ENFILE: "End other programs: the machine has reached its limit on open files.",
    errno.ENOSPC: "Free some space on the disk.",
    errno.EDQUOT: "Free some space: this user's disk quota is used up.",
    errno.EROFS: "Choose a place that is not read-only.",
    errno.EACCES: "Give this user access to it, or choose another.",
    errno.EPERM: "Give this user access to it, or choose another.",
    errno.ENOENT: "Choose one that exists.",
    errno.EIO: "Check whether the disk or the terminal still works.",
    errno.EAGAIN: "Raise the limit on processes ('ulimit -u', or TasksMax of the unit).",
}


def as_whisperd_error(error: BaseException) -> WhisperdError | None:
    """Return the error that a person is shown for an exception of Python or the system, None for what is a bug."""
    if isinstance(error, WhisperdError):
        return error
    if isinstance(error, KeyboardInterrupt | EOFError):
        return Interrupted()
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return OutOfMemory()
    if isinstance(error, OSError):
        return _of_system(error)
    if isinstance(error, UnicodeError):
        return _of_text(error)
    if isinstance(error, ImportError):
        return _of_import(error)
    if isinstance(error, RuntimeError) and str(error) == "can't start new thread":
        return SystemRefused("cannot start a thread", remedy=_REMEDIES[errno.EAGAIN])
    return None


def _of_system(error: OSError) -> WhisperdError:
    why = error.strerror or str(error) or type(error).__name__
    if error.filename is not None:
        return SystemRefused(f"{os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else 'a file'} "
                             f"cannot be used: {why}", remedy=_remedy(error))
    if isinstance(error, FileNotFoundError) and _homeless():
        return SystemRefused("the current folder no longer exists", remedy="Change to a folder that "
                             "exists, with 'cd', and run it again.")
    return SystemRefused(f"{SystemRefused.summary}: {why}", remedy=_remedy(error))


def _remedy(error: OSError) -> str:
    return _REMEDIES.get(error.errno or 0, SystemRefused.remedy)


def _homeless() -> bool:
    """Return whether the current folder was removed."""
    try:
        os.getcwd()
    except OSError:
        return True
    return False


def _of_text(error: UnicodeError) -> WhisperdError:
    if isinstance(error, UnicodeEncodeError) and not is_escaped(error.object):
        return NotText(f"this locale cannot represent a character that is needed (its encoding is {error.encoding})",
                       remedy="Use a UTF-8 locale, such as LC_ALL=C.UTF-8.")
    return NotText()


def is_escaped(text: str) -> bool:
    """Return whether a text holds surrogates, which stand for bytes that are not UTF-8 and cannot be sent."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def _of_import(error: ImportError) -> WhisperdError:
    if os.strerror(errno.EMFILE) in str(error):
        return SystemRefused(f"{SystemRefused.summary}: {os.strerror(errno.EMFILE)}", remedy=_REMEDIES[errno.EMFILE])
    return InstallationBroken(f"{InstallationBroken.summary}: {error.name or error}")

"""Standard output, of which is known afterwards whether it took what was written.

``print`` leaves what could not be written in a buffer, does nothing when standard output is closed, and fails at what
the encoding of the locale lacks. Who shows a text that must not be lost writes here.
"""

from __future__ import annotations

import errno
import io
import os
import select
import stat
import sys
from contextlib import suppress

from whisperd.cli.closed_descriptors import was_closed
from whisperd.errors import OutputFailed

#: What a file system answers that has no way to make sure.
_NO_SYNC = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EROFS)


class ReaderGone(Exception):
    """Whoever read standard output went away. No OSError: click and rich have ways of their own for that."""


def write(text: str) -> None:
    """Write all of ``text`` to standard output; raises OutputFailed, and ReaderGone."""
    stream = sys.stdout
    if stream is None or stream.closed:
        raise OutputFailed("standard output is closed")
    shown = encodable(text, stream.encoding)
    try:
        stream.flush()
        descriptor = stream.fileno()
    except io.UnsupportedOperation:  # a stream that is no file
        stream.write(shown)
        stream.flush()
    except BrokenPipeError:
        raise ReaderGone from None
    except OSError as error:
        raise _failed(error) from None
    else:
        write_all(descriptor, shown.encode(stream.encoding or "utf-8", "backslashreplace"))


def complain(text: str) -> None:
    """Write ``text`` to standard error; if nobody can be told, nobody is."""
    if (stream := sys.stderr) is not None:
        with suppress(Exception):
            stream.write(encodable(text, stream.encoding))
            stream.flush()


def make_sure() -> None:
    """Have what was written to a file reach its disk; raises OutputFailed. Pipes and terminals have it already."""
    try:
        descriptor = sys.stdout.fileno()
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.fsync(descriptor)
    except io.UnsupportedOperation:
        pass
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise _failed(error) from None


def encodable(text: str, encoding: str | None) -> str:
    """Return ``text`` with what the encoding lacks as an escape: the euro sign is \\u20ac in Latin-1."""
    encoding = encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of ``data`` to standard output or standard error, however long that takes; raises OutputFailed, and
    ReaderGone."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest):]
        except BlockingIOError:  # somebody who has the same pipe or terminal made it so
            select.select([], [descriptor], [])
        except BrokenPipeError:
            raise ReaderGone from None
        except OSError as error:
            if was_closed(descriptor):
                raise OutputFailed("standard output is closed") from None
            raise _failed(error) from None


def _failed(error: OSError) -> OutputFailed:
    return OutputFailed(f"standard output could not be written: {error.strerror}")

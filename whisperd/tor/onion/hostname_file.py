"""The hostname file of an onion service that torrc configures: the one thing of it that whisperd reads."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from whisperd.errors import DialRefused, HostnameUnusable
from whisperd.tor.dial.onion_names import check_onion

#: Bytes that are read of it; tor writes 63.
_MAX = 256


def read_hostname(path: Path) -> str:
    """Return the onion name in the file ``path``; raises HostnameUnusable."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise HostnameUnusable(f"the file {path} does not "
                               "exist", remedy="Set HiddenServiceDir in torrc to its folder and "
                               "reload tor, or set onion.hostname_file to the right file.") from None
    except OSError as error:
        raise _unreadable(path, error) from None
    try:
        content = os.read(descriptor, _MAX) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
    except OSError as error:
        raise _unreadable(path, error) from None
    finally:
        os.close(descriptor)
    try:
        return check_onion(content.decode("ascii", "replace").strip())
    except DialRefused:
        raise HostnameUnusable(f"{path} does not contain a version 3 onion address",
                               remedy="Set onion.hostname_file to the file 'hostname' in the HiddenServiceDir.") \
            from None


def _unreadable(path: Path, error: OSError) -> HostnameUnusable:
    return HostnameUnusable(f"{path} cannot be read: {error.strerror}")

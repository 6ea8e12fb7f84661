"""An ordinary daemon that tells of its TCP sockets: ``python told_sockets.py --config FILE``.

The method ``plugins`` answers with a row for each connection: its own port, the other side's, and whether small writes
are sent at once (TCP_NODELAY), as the kernel says. In all else it is ``whisperd``.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

from whisperd.cli.daemon.main import main
from whisperd.control.api import Api

#: Descriptors that are looked at.
HIGHEST = 1_024


def connections() -> Iterator[dict[str, Any]]:
    """Yield a row for each TCP connection of this process; what listens is left out."""
    for number in range(HIGHEST):
        with suppress(OSError):
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue
            with closing(socket.socket(fileno=os.dup(number))) as found:
                if found.family in (socket.AF_INET, socket.AF_INET6) and found.type == socket.SOCK_STREAM \
                        and not found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    yield {"own": found.getsockname()[1], "other": found.getpeername()[1],
                           "at_once": bool(found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))}


async def told(api: Api) -> list[dict[str, Any]]:
    """Answer the method ``plugins``."""
    return list(connections())


if __name__ == "__main__":
    Api.plugins = told  # type: ignore[method-assign]
    main()

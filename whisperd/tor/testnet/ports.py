"""Free TCP ports on loopback, out of the range from which the kernel serves outgoing connections."""

from __future__ import annotations

import random
import socket

#: Below Linux's usual ephemeral range, so that no outgoing connection takes a port between choice and use.
_RANGE = range(16_000, 32_000)


def free_ports(count: int) -> list[int]:
    """Return ``count`` different ports of 127.0.0.1 on which nothing listens at this moment.

    Another program may take one before it is used; whoever uses them has to try again with others then.
    """
    chosen: list[int] = []
    for port in random.sample(_RANGE, len(_RANGE)):
        if _is_free(port):
            chosen.append(port)
        if len(chosen) == count:
            return chosen
    raise OSError("there are no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True

"""How many connections the open-file limit of this process carries. [setrlimit(2), RLIMIT_NOFILE]"""

from __future__ import annotations

import resource

from whisperd.errors import ConfigError
from whisperd.relay.admission import SPARE_SOCKETS

#: Files and sockets that everything but the relay's connections may need: tor, control socket, peers, libraries.
RESERVED = 256
#: The most that ``relay.max_connections = 0`` comes to; more has to be asked for by its number.
MAX_BY_ITSELF = 20_000


def room_for(connections: int) -> int:
    """Raise the soft limit as far as ``connections`` (0: as many as there may be) need it; return how many it is then.

    Raises ConfigError when the hard limit is too low for a number that was asked for.
    """
    beside = RESERVED + SPARE_SOCKETS
    soft, hard = (limit if limit != resource.RLIM_INFINITY else 1 << 30
                  for limit in resource.getrlimit(resource.RLIMIT_NOFILE))
    wanted = connections or max(min(MAX_BY_ITSELF, hard - beside), 2)
    if wanted + beside > hard and connections:
        raise ConfigError(
            f"relay.max_connections = {connections} needs {wanted + beside} open files, but the hard limit is {hard}",
            remedy="Raise the limit (LimitNOFILE= in a systemd unit), or set relay.max_connections = 0.")
    if soft < wanted + beside:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted + beside, hard), resource.getrlimit(
            resource.RLIMIT_NOFILE)[1]))
    return wanted

"""Listener strings and what is in their way: ``tcp:``, ``unix:`` and ``systemd:``, and any of them behind ``haproxy:``.

With ``haproxy:`` each connection begins with a line of the PROXY protocol, from a program in front that is trusted. The
addresses in it are thrown away, except for what tor writes there with ``HiddenServiceExportCircuitID haproxy``: the
number of the circuit, as the last 32 bits of an address of fc00:dead:beef:4dad::/64. [whisperd.toml(5), relay.listen]
"""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import socket
import stat
from typing import Any

from twisted.internet.endpoints import serverFromString

from whisperd.errors import AddressInUse, ConfigError

_KINDS = ("tcp", "unix", "systemd")
_PROXIED = "haproxy:"
_CIRCUITS = ipaddress.IPv6Network("fc00:dead:beef:4dad::/64")


def endpoint(reactor: Any, description: str) -> Any:
    """Return the endpoint of a listener string; raises ConfigError, or AddressInUse for a unix socket that answers."""
    given, proxied = description, description.startswith(_PROXIED)
    description = description.removeprefix(_PROXIED)
    kind, _, rest = description.partition(":")
    if kind not in _KINDS:
        raise not_a_listener(given)
    if kind == "unix":
        # Twisted's lock file names a process id, which another process may have by the next start.
        description += "" if "lockfile=" in rest else ":lockfile=0"
        path = socket_path(description)
        if not path:
            raise not_a_listener(given)
        _remove_stale(path)
    try:
        return serverFromString(reactor, _PROXIED + description if proxied else description)
    except (ValueError, TypeError, LookupError, AttributeError):
        raise not_a_listener(given) from None


def socket_path(description: str) -> str:
    """Return the path of a ``unix:`` listener; empty for any other."""
    kind, _, rest = description.removeprefix(_PROXIED).partition(":")
    return re.split(r"(?<!\\):", rest)[0].removeprefix("address=").replace("\\:", ":") if kind == "unix" else ""


def tells_circuits(description: str) -> bool:
    """Return whether something in front of this listener tells by which circuit each connection came."""
    return description.startswith(_PROXIED)


def circuit(peer: Any) -> int | None:
    """Return the number of the tor circuit that a PROXY line named, None when it named none.

    [tor(1), HiddenServiceExportCircuitID]
    """
    try:
        address = ipaddress.IPv6Address(getattr(peer, "host", ""))
    except ValueError:
        return None
    return int(address) & 0xFFFF_FFFF if address in _CIRCUITS else None


def _remove_stale(path: str) -> None:
    """Remove the unix socket at ``path`` when nobody answers there; raises AddressInUse or ConfigError."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise ConfigError(f"relay.listen names {path}, which exists and is not a socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        else:
            raise AddressInUse(f"another program already answers on {path}")


def why_not(description: str, error: Any) -> AddressInUse | ConfigError:
    """Return what to tell of a listener that could not be opened."""
    if getattr(error, "errno", None) == errno.EADDRINUSE:
        return AddressInUse(f"another program already listens on {description}")
    reason = getattr(error, "strerror", None) or "the address cannot be used"
    return ConfigError(f"relay.listen: {description} cannot be opened: {reason}",
                       remedy="Name an address of this machine that this user may listen on.")


def not_a_listener(description: str) -> ConfigError:
    """Return what to tell of a string that describes no listener."""
    return ConfigError(f"relay.listen: {description!r} is not a listener",
                       remedy="Write 'tcp:PORT:interface=ADDRESS', 'unix:PATH' or 'systemd:domain=INET:name=NAME', or "
                              "one of these behind 'haproxy:'.")


def address(port: Any) -> str:
    """Return where an open port listens, as ``tcp:HOST:PORT`` or ``unix:PATH``."""
    host = port.getHost()
    name = getattr(host, "name", None)
    if name is not None:
        return f"unix:{os.fsdecode(name)}"
    return f"tcp:{host.host}:{host.port}"

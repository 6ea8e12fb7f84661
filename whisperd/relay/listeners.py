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
from pathlib import Path
from typing import Protocol

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString

from whisperd import unix_sockets
from whisperd.config.listener_path import PROXIED, unix_path
from whisperd.errors import AddressInUse, ConfigError
from whisperd.timers import Clock

_KINDS = ("tcp", "unix", "systemd")
#: Connections that the kernel lets wait to be accepted; it may allow fewer. [listen(2)]
BACKLOG = 1024
#: What Twisted's parser raises; a backslash at the end is a RuntimeError.
_MALFORMED = (ValueError, TypeError, LookupError, AttributeError, RuntimeError)
_DOMAINS = ("INET", "INET6", "UNIX")
_SHAPES = ("Write 'tcp:PORT:interface=ADDRESS' with an IP address, 'unix:PATH' or 'systemd:domain=INET:name=NAME'. "
           "Each of these may follow 'haproxy:'.")
_CIRCUITS = ipaddress.IPv6Network("fc00:dead:beef:4dad::/64")


class ListeningPort(Protocol):
    """What listens. [twisted.internet.interfaces.IListeningPort]"""

    def getHost(self) -> IPv4Address | IPv6Address | UNIXAddress:
        """Return where."""

    def stopListening(self) -> Deferred[None]:
        """Listen no more; the Deferred fires when the port is free."""


class Endpoint(Protocol):
    """Where one may listen. [twisted.internet.interfaces.IStreamServerEndpoint]"""

    def listen(self, factory: object, /) -> Deferred[ListeningPort]:
        """Begin to listen."""


def endpoint(reactor: Clock, description: str, key: str = "relay.listen") -> Endpoint:
    """Return the endpoint of a listener string; raises ConfigError, or AddressInUse for a unix socket that answers."""
    check(description, key)
    path = unix_path(description)
    if path:
        _remove_stale(path, key)
    try:
        found: Endpoint = serverFromString(reactor, _completed(description))
    except _MALFORMED:
        if _kind(description) == "systemd":
            raise _not_handed_over(description, key) from None
        raise not_a_listener(description, key) from None
    return found


def check(description: str, key: str = "relay.listen") -> None:
    """Raise ConfigError, with ``key`` in its message, for what is no listener string, or has a file in its way."""
    kind = _kind(description)
    if kind == "systemd":
        if not _of_systemd(description.removeprefix(PROXIED)):
            raise not_a_listener(description, key)
        return
    if kind not in _KINDS or (kind == "tcp" and not _of_tcp(description.removeprefix(PROXIED))) \
            or (kind == "unix" and not unix_path(description)):
        raise not_a_listener(description, key)
    try:
        serverFromString(None, _completed(description))
    except _MALFORMED:
        raise not_a_listener(description, key) from None
    path = unix_path(description)
    if path:
        _is_socket(path, key)


def check_for_onion(description: str) -> None:
    """Raise ConfigError unless it is a listener string for what tor hands over: a TCP port."""
    if not description.startswith("tcp:"):
        raise not_a_listener(description, "onion.listen", remedy="Write 'tcp:PORT:interface=ADDRESS'.")
    check(description, "onion.listen")


def from_manager(description: str) -> bool:
    """Return whether it is the service manager that opens this listener."""
    return _kind(description) == "systemd"


def tells_circuits(description: str) -> bool:
    """Return whether something in front of this listener tells by which circuit each connection came."""
    return description.startswith(PROXIED)


def circuit(peer: object) -> int | None:
    """Return the number of the tor circuit that a PROXY line named, None when it named none.

    [tor(1), HiddenServiceExportCircuitID]
    """
    try:
        address = ipaddress.IPv6Address(getattr(peer, "host", ""))
    except ValueError:
        return None
    return int(address) & 0xFFFF_FFFF if address in _CIRCUITS else None


def _kind(description: str) -> str:
    return description.removeprefix(PROXIED).partition(":")[0]


def _completed(description: str) -> str:
    """Return the string with what an operator would not think of: a longer queue, for all tor clients that come back at
    once after a restart, and no lock file, as Twisted's names a process id that another process may have later."""
    if _kind(description) == "unix" and "lockfile=" not in description:
        description += ":lockfile=0"
    if _kind(description) in ("tcp", "unix") and "backlog=" not in description:
        description += f":backlog={BACKLOG}"
    return description


def _of_tcp(description: str) -> bool:
    """Return whether the port is one, and whether no name has to be looked up for the address."""
    port = re.match(r"tcp:(?:port=)?([0-9]{1,5})(?::|\Z)", description)
    place = re.search(r"(?<!\\):interface=((?:\\.|[^:\\])*)", description)
    return port is not None and int(port[1]) < 65_536 and (not place or _is_address(place[1].replace("\\", "")))


def _is_address(text: str) -> bool:
    if text in ("", "localhost"):
        return True
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _of_systemd(description: str) -> bool:
    words = [word.partition("=") for word in description.split(":")[1:]]
    given = {name: value for name, _, value in words}
    which = given.keys() - {"domain"}
    return (len(given) == len(words) == 2 and given.get("domain") in _DOMAINS and len(which) == 1
            and which <= {"index", "name"} and bool(given[min(which)])
            and (which != {"index"} or (given["index"].isascii() and given["index"].isdigit())))


def _is_socket(path: str, key: str) -> bool:
    """Return whether there is a unix socket at ``path``; raises ConfigError for anything else that is there."""
    try:
        return unix_sockets.is_there(Path(path), follow_symlinks=True)
    except unix_sockets.NotASocket:
        raise ConfigError(f"{key} names {path}, which exists and is not a socket",
                          remedy="Move it away, or choose another path.") from None
    except OSError:  # it cannot be seen: then it cannot be made either, which is told then
        return False


def _remove_stale(path: str, key: str) -> None:
    """Remove the unix socket at ``path`` when nobody answers there; raises AddressInUse or ConfigError."""
    if _is_socket(path, key):
        try:
            unix_sockets.remove_stale(Path(path))
        except unix_sockets.InUse as found:
            raise found.error or AddressInUse(f"another program already answers on {path}") from None


def why_not(description: str, error: object, key: str = "relay.listen") -> AddressInUse | ConfigError:
    """Return what to tell of a listener that could not be opened."""
    if getattr(error, "errno", None) == errno.EADDRINUSE:
        return AddressInUse(f"{key}: another program already listens on {description}")
    reason = getattr(error, "strerror", None) or "the address cannot be used"
    return ConfigError(f"{key}: {description} cannot be opened: {reason}",
                       remedy="Choose an address of this machine on which this user may listen.")


def not_a_listener(description: str, key: str = "relay.listen", remedy: str = _SHAPES) -> ConfigError:
    """Return what to tell of a string that describes no listener."""
    return ConfigError(f"{key}: {description!r} is not a valid listener", remedy=remedy)


def _not_handed_over(description: str, key: str) -> ConfigError:
    return ConfigError(f"{key}: the service manager passed no socket for {description!r}",
                       remedy="Start the socket unit before the service: 'systemctl enable --now whisperd.socket'. "
                              "Its FileDescriptorName must match the name.")


def address(port: ListeningPort) -> str:
    """Return where an open port listens, as ``tcp:HOST:PORT`` or ``unix:PATH``."""
    host = port.getHost()
    if isinstance(host, UNIXAddress):
        return f"unix:{os.fsdecode(host.name or b'')}"
    return f"tcp:{host.host}:{host.port}"

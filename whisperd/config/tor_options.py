"""The options of torrc that an administrator may add for a launched tor, and what each may be. [tor(1)]

Whatever decides what tor does for the daemon (its ports, its folders, onion services, logs, being a relay) is not among
them, and nothing that would have tor look a name up: addresses are digits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from whisperd.errors import ConfigError


@dataclass(frozen=True)
class Option:
    """One option: ``shape`` says what it may be, ``fits`` tells, ``example`` is one, ``help`` what it is for."""

    name: str
    shape: str
    fits: Callable[[str], bool]
    example: str
    help: str


def _matches(pattern: str) -> Callable[[str], bool]:
    return re.compile(rf"(?:{pattern})\Z", re.ASCII).match  # type: ignore[return-value]


def _between(low: int, high: int) -> Callable[[str], bool]:
    return lambda value: value.isascii() and value.isdigit() and len(value) < 8 and low <= int(value) <= high


def _address(value: str) -> bool:
    try:
        ip_address(value[1:-1] if value.startswith("[") and value.endswith("]") else value)
    except ValueError:
        return False
    return True


def _place(value: str) -> bool:
    host, _, port = value.rpartition(":")
    return _address(host) and _between(1, 65_535)(port)


def _network(value: str) -> bool:
    if value in ("*", "*4", "*6"):
        return True
    try:
        ip_network(re.sub(r"[\[\]]", "", value), strict=False)
    except ValueError:
        return False
    return True


def _reachable(value: str) -> bool:
    """Tell whether this is [accept|reject] NETWORK[:PORTS]."""
    match = re.match(r"(?:(?:accept|reject) )?(\*[46]?|[0-9.]+(?:/\d+)?|\[[0-9a-fA-F:.]+\](?:/\d+)?)"
                     r"(?::(?:\*|\d{1,5}(?:-\d{1,5})?))?\Z", value, re.ASCII)
    return bool(match) and _network(match[1] if match else "")


def _node(value: str) -> bool:
    return bool(re.match(r"(?:\$?[0-9A-Fa-f]{40}|\{[a-z]{2}\}|\{\?\?\})\Z", value)) or _network(value)


def _each(fits: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda value: all(fits(one.strip()) for one in value.split(","))


_FLAG = ("0 or 1", _matches("[01]"))
_AUTO = ("0, 1 or auto", _matches("0|1|auto"))
_PLACE = ("an address in digits, and a port", _place)
_NODES = ("fingerprints, countries as {cc}, or networks, with commas between them", _each(_node))
_SIZE = ("a number and KBytes, MBytes or GBytes", _matches(r"[1-9]\d{0,6} ?[KMG]Bytes"))

OPTIONS = {one.name: one for one in (
    Option("BandwidthBurst", *_SIZE, "1 GBytes", "Bytes that may be sent at once above BandwidthRate."),
    Option("BandwidthRate", *_SIZE, "1 MBytes", "Maximum number of bytes per second that tor uses."),
    Option("CircuitBuildTimeout", "seconds from 10 to 600", _between(10, 600), "120",
           "Maximum time to build a circuit, for a slow network."),
    Option("ClientPreferIPv6ORPort", *_AUTO, "auto", "Prefer relays' IPv6 addresses."),
    Option("ClientUseIPv4", *_FLAG, "1", "Connect to IPv4 addresses."),
    Option("ClientUseIPv6", *_FLAG, "1", "Connect to IPv6 addresses."),
    Option("ConnectionPadding", *_AUTO, "1", "Pad connections against traffic analysis."),
    Option("EntryNodes", *_NODES, "{se}", "Relays through which to enter the network. This makes this tor easier to "
           "recognize."),
    Option("ExcludeNodes", *_NODES, "{??}", "Relays that are never used."),
    Option("FascistFirewall", *_FLAG, "1", "Connect only to ports 80 and 443, or to those in FirewallPorts."),
    Option("FirewallPorts", "ports with commas between them", _each(_between(1, 65_535)), "80,443",
           "Ports that FascistFirewall permits."),
    Option("HTTPSProxy", *_PLACE, "192.0.2.1:8080", "A proxy with the CONNECT method, for all connections."),
    Option("KeepalivePeriod", "seconds from 10 to 600", _between(10, 600), "60",
           "Interval at which an idle connection is kept alive, behind a firewall that drops it."),
    Option("LearnCircuitBuildTimeout", *_FLAG, "0", "Let tor adjust CircuitBuildTimeout to its measurements."),
    Option("MaxMemInQueues", *_SIZE, "256 MBytes", "Maximum memory for queues, for a small machine."),
    Option("NumCPUs", "a number from 1 to 64", _between(1, 64), "1", "Number of processors that tor uses."),
    Option("OutboundBindAddress", "an address in digits", _address, "127.0.0.1", "Local address from which tor "
           "connects."),
    Option("ReachableAddresses", "networks with ports, such as *:443, with commas between them", _each(_reachable),
           "*:80,*:443", "Addresses that the firewall lets tor reach."),
    Option("ReducedConnectionPadding", *_FLAG, "1", "Pad connections less, if traffic is expensive."),
    Option("Socks4Proxy", *_PLACE, "192.0.2.1:1080", "A SOCKS4 proxy for all connections."),
    Option("Socks5Proxy", *_PLACE, "192.0.2.1:1080", "A SOCKS5 proxy for all connections."),
    Option("StrictNodes", *_FLAG, "1", "Fail rather than use a relay in ExcludeNodes."),
    Option("VanguardsLiteEnabled", "1 or auto", _matches("1|auto"), "1", "Use the second relays of circuits for a "
           "long time."),
)}

_BY_LOWER = {name.lower(): option for name, option in OPTIONS.items()}


def check_all(lines: Sequence[str]) -> list[str]:
    """Return the lines (``NAME VALUE``) as torrc takes them; raises ConfigError for one that may not be there."""
    checked: dict[str, str] = {}
    for line in lines:
        name, _, value = line.strip().partition(" ")
        option = _BY_LOWER.get(name.lower())
        if option is None:
            raise ConfigError(f"tor.options must not contain '{name[:40]}'",
                              remedy=f"The permitted options are {', '.join(OPTIONS)}. whisperd.toml(5) explains why "
                              "there are no others.")
        if not option.fits(value := value.strip()):
            raise ConfigError(f"{option.name} in tor.options must be {option.shape}, not {value[:80]!r}",
                              remedy=f"For example: '{option.name} {option.example}'.")
        if option.name in checked:
            raise ConfigError(f"tor.options has {option.name} twice", remedy="Remove one of them.")
        checked[option.name] = f"{option.name} {value}"
    return list(checked.values())

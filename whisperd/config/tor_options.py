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
    Option("BandwidthBurst", *_SIZE, "1 GBytes", "Bytes that may come at once beyond BandwidthRate."),
    Option("BandwidthRate", *_SIZE, "1 MBytes", "Bytes a second that tor uses at most."),
    Option("CircuitBuildTimeout", "seconds from 10 to 600", _between(10, 600), "120",
           "How long a circuit may take to build, on a slow network."),
    Option("ClientPreferIPv6ORPort", *_AUTO, "auto", "Prefer relays' IPv6 addresses."),
    Option("ClientUseIPv4", *_FLAG, "1", "Connect to IPv4 addresses."),
    Option("ClientUseIPv6", *_FLAG, "1", "Connect to IPv6 addresses."),
    Option("ConnectionPadding", *_AUTO, "1", "Pad connections against traffic analysis."),
    Option("EntryNodes", *_NODES, "{se}", "Where to enter the network. It makes this tor easier to tell from others."),
    Option("ExcludeNodes", *_NODES, "{??}", "Relays never to use."),
    Option("FascistFirewall", *_FLAG, "1", "Connect to ports 80 and 443, or those of FirewallPorts, only."),
    Option("FirewallPorts", "ports with commas between them", _each(_between(1, 65_535)), "80,443",
           "What FascistFirewall lets through."),
    Option("HTTPSProxy", *_PLACE, "192.0.2.1:8080", "A proxy with CONNECT through which everything goes."),
    Option("KeepalivePeriod", "seconds from 10 to 600", _between(10, 600), "60",
           "How often an idle connection is kept alive, behind a firewall that forgets it."),
    Option("LearnCircuitBuildTimeout", *_FLAG, "0", "Let tor change CircuitBuildTimeout by what it sees."),
    Option("MaxMemInQueues", *_SIZE, "256 MBytes", "Memory for queues, on a small machine."),
    Option("NumCPUs", "a number from 1 to 64", _between(1, 64), "1", "Processors that tor uses."),
    Option("OutboundBindAddress", "an address in digits", _address, "127.0.0.1", "From where tor connects."),
    Option("ReachableAddresses", "networks with ports, such as *:443, with commas between them", _each(_reachable),
           "*:80,*:443", "What a firewall lets through."),
    Option("ReducedConnectionPadding", *_FLAG, "1", "Pad connections less, where traffic is paid for."),
    Option("Socks4Proxy", *_PLACE, "192.0.2.1:1080", "A SOCKS4 proxy through which everything goes."),
    Option("Socks5Proxy", *_PLACE, "192.0.2.1:1080", "A SOCKS5 proxy through which everything goes."),
    Option("StrictNodes", *_FLAG, "1", "Rather fail than use a relay that ExcludeNodes names."),
    Option("VanguardsLiteEnabled", "1 or auto", _matches("1|auto"), "1", "Keep the second relay of circuits for long."),
)}

_BY_LOWER = {name.lower(): option for name, option in OPTIONS.items()}


def check_all(lines: Sequence[str]) -> list[str]:
    """Return the lines (``NAME VALUE``) as torrc takes them; raises ConfigError for one that may not be there."""
    checked: dict[str, str] = {}
    for line in lines:
        name, _, value = line.strip().partition(" ")
        option = _BY_LOWER.get(name.lower())
        if option is None:
            raise ConfigError(f"tor.options may not have '{name[:40]}'",
                              remedy=f"It takes {', '.join(OPTIONS)}; whisperd.toml(5) says why no others.")
        if not option.fits(value := value.strip()):
            raise ConfigError(f"{option.name} in tor.options has to be {option.shape}, not {value[:80]!r}",
                              remedy=f"For example: '{option.name} {option.example}'.")
        if option.name in checked:
            raise ConfigError(f"tor.options has {option.name} twice", remedy="Keep one of them.")
        checked[option.name] = f"{option.name} {value}"
    return list(checked.values())

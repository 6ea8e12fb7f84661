"""A line that describes a bridge into Tor, as bridge operators and bridges.torproject.org hand them out.

``[Bridge] [TRANSPORT] ADDRESS:PORT [FINGERPRINT] [NAME=VALUE ...]`` [tor(1), Bridge; pt-spec, 3.5]. What stands in a
line reaches tor's configuration, so nothing gets through that tor would read as anything but this one bridge.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address

from whisperd.errors import ConfigError

#: Most bytes of the NAME=VALUE words, joined by ';': they travel as user name and password of a SOCKS connection.
MAX = 510

_FINGERPRINT = re.compile(r"[0-9A-Fa-f]{40}\Z")
_WORD = re.compile(r"[A-Za-z0-9_-]+=[!$-~]+\Z")
_UNSAFE = re.compile(r"[\\\"#]|[^ -~]")
_REMEDY = "Copy the whole line again, exactly as the bridge's operator or bridges.torproject.org gave it."


@dataclass(frozen=True)
class Transport:
    """How traffic to a bridge is disguised: the ``programs`` that do it, the first that is there is run; the Debian
    ``package``; the words that a line ``needs``; and how many times as long as without bridges a start may take."""

    name: str
    programs: tuple[str, ...]
    package: str
    needs: tuple[str, ...]
    patience: float


TRANSPORTS = {one.name: one for one in (
    Transport("obfs4", ("obfs4proxy", "lyrebird"), "obfs4proxy", ("cert",), 2.0),
    Transport("snowflake", ("snowflake-client",), "snowflake-client", ("url",), 4.0),
)}
#: How many times as long a start may take with bridges that are not disguised.
VANILLA_PATIENCE = 1.5


@dataclass(frozen=True)
class Bridge:
    """One bridge: its ``transport`` (None: not disguised), and the ``line`` as torrc has it behind ``Bridge``."""

    transport: Transport | None
    line: str


def parse(text: str) -> Bridge:
    """Return the bridge that ``text`` describes; raises ConfigError that says what is wrong with it."""
    if unsafe := _UNSAFE.search(text):
        raise ConfigError(f"a bridge line must not contain the character {unsafe[0]!r}", remedy=_REMEDY)
    words = text.split()
    if words and words[0].lower() == "bridge":
        del words[0]
    transport = None
    if words and not _is_place(words[0]) and ":" not in words[0]:
        transport = _transport(words.pop(0))
    if not words or not _is_place(words[0]):
        raise ConfigError("a bridge line must contain the bridge's IP address and a port", remedy=_REMEDY)
    place, *rest = words
    fingerprint = [rest.pop(0).upper()] if rest and _FINGERPRINT.match(rest[0]) else []
    _check_words(rest, transport)
    return Bridge(transport, " ".join([*([transport.name] if transport else []), place, *fingerprint, *rest]))


def _transport(name: str) -> Transport:
    if name not in TRANSPORTS:
        raise ConfigError(f"whisperd does not know the bridge transport '{name[:40]}'",
                          remedy=f"Use bridges without a transport, or with {' or '.join(TRANSPORTS)}.")
    return TRANSPORTS[name]


def _is_place(word: str) -> bool:
    host, _, port = word.rpartition(":")
    try:
        address = ip_address(host[1:-1] if host.startswith("[") and host.endswith("]") else host)
    except ValueError:
        return False
    return (address.version == 6) == host.startswith("[") and port.isascii() and port.isdigit() \
        and 0 < int(port) < 65_536


def _check_words(words: list[str], transport: Transport | None) -> None:
    if words and transport is None:
        raise ConfigError("a bridge line without a transport may contain only an address and a fingerprint, not "
                          f"'{words[0]}'",
                          remedy=_REMEDY)
    for word in words:
        if not _WORD.match(word):
            raise ConfigError(f"'{word}' in a bridge line is neither a fingerprint nor NAME=VALUE", remedy=_REMEDY)
    if len(";".join(words)) > MAX:
        raise ConfigError(f"the arguments of a bridge line are longer than {MAX} bytes, the maximum that tor can pass "
                          "on",
                          remedy=_REMEDY)
    names = {word.partition("=")[0] for word in words}
    for need in transport.needs if transport else ():
        if need not in names:
            raise ConfigError(f"a bridge line for {transport.name if transport else ''} must contain {need}=…",
                              remedy=_REMEDY)

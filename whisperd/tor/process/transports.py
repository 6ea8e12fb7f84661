"""The programs that disguise what goes to a bridge, and the lines of torrc that have tor start them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence

from whisperd.config.bridges import VANILLA_PATIENCE, Transport, parse
from whisperd.errors import ConfigError, TransportNotInstalled


def bridge_lines(bridges: Sequence[str]) -> list[str]:
    """Return the lines of torrc with which tor goes through ``bridges`` and no other way; none without bridges.

    Raises ConfigError, and TransportNotInstalled when the program of a transport is not on this machine.
    """
    if not bridges:
        return []
    parsed = [parse(line) for line in bridges]
    transports = dict.fromkeys(bridge.transport for bridge in parsed if bridge.transport)
    return ["UseBridges 1", *(f"ClientTransportPlugin {one.name} exec {_program(one)}" for one in transports),
            *(f"Bridge {bridge.line}" for bridge in parsed)]


def patience(seconds: float, bridges: Sequence[str]) -> float:
    """Return how long a bootstrap may take that may take ``seconds`` without any of ``bridges``."""
    parsed = [parse(line) for line in bridges]
    return seconds * max((one.transport.patience if one.transport else VANILLA_PATIENCE for one in parsed), default=1)


def _program(transport: Transport) -> str:
    found = next(filter(None, map(shutil.which, transport.programs)), None)
    if found is None:
        raise TransportNotInstalled(f"bridges with {transport.name} need the program "
                                    f"{' or '.join(transport.programs)} in PATH",
                                    remedy=f"Install it ('apt install {transport.package}').")
    if re.search(r"[\s\"\\#]", found):
        raise ConfigError(f"tor cannot run {found!r}", remedy="Move it to a path without spaces and quotes.")
    return found

"""What the process takes away from itself before it reads a byte from anybody, and what ``status`` says of it.

``harden`` holds always. Landlock follows ``daemon.sandbox``: from then on no file can be written but below the folders
that the configuration needs, and no program can be run but a tor that is to be launched. Neither can be taken back,
and both are inherited by tor. [whisperd-security(7), CONFINEMENT]
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from whisperd.config import Config
from whisperd.confine import landlock, process
from whisperd.confine.rules import Rules, rules_for
from whisperd.errors import ConfigError

__all__ = ["Confinement", "Rules", "confine"]

_REMEDY = "Use Linux 6.2 or later with 'landlock' among its security modules (lsm=), or set daemon.sandbox = 'prefer'."


@dataclass(frozen=True)
class Confinement:
    """What is in force: ``landlock`` is the kernel's ABI, 0 where it is not in force, and then ``why`` says why."""

    sandbox: str = "off"
    landlock: int = 0
    why: str = "nothing was asked for"
    rules: Rules = field(default_factory=Rules)

    def status(self) -> dict[str, Any]:
        """Return this and what the kernel says of the process, ready for JSON."""
        return {
            "sandbox": self.sandbox, "landlock": self.landlock, "why": self.why,
            "writable": sorted(map(str, self.rules.writable)), "programs": sorted(map(str, self.rules.programs)),
            **process.facts(),
        }


def confine(config: Config) -> Confinement:
    """Confine this process as ``config`` says; raises ConfigError where that is required and cannot be.

    To be called before any other thread exists: Landlock holds for the calling thread and those that it starts.
    """
    process.harden()
    sandbox = config.daemon.sandbox
    if sandbox == "off":
        return Confinement(sandbox, 0, "daemon.sandbox is off")
    abi = landlock.abi()
    why = _obstacle(abi)
    if why and sandbox == "require":
        raise _required(why)
    if why and not abi:
        return Confinement(sandbox, 0, why)
    rules = rules_for(config)
    try:
        landlock.restrict(rules.writable, rules.programs, abi)
    except OSError as error:
        why = f"the kernel refused: {error.strerror}"
        if sandbox == "require":
            raise _required(why) from None
        return Confinement(sandbox, 0, why)
    return Confinement(sandbox, abi, why, rules)


def _required(why: str) -> ConfigError:
    return ConfigError(f"daemon.sandbox is 'require', and {why}", remedy=_REMEDY)


def _obstacle(abi: int) -> str:
    """Return what keeps Landlock from covering all that is promised, or nothing."""
    if not abi:
        return "this kernel has no Landlock"
    if abi < landlock.COMPLETE:
        return "this kernel's Landlock does not keep files from being cut short (Linux 6.2 does)"
    if len(os.listdir("/proc/self/task")) > 1:
        return "other threads were running already"
    return ""

"""What the process takes away from itself before it reads a byte from anybody, and what ``status`` says of it.

``harden`` holds always. Landlock and a filter of system calls follow ``daemon.sandbox``: from then on no file can be
written but below the folders that the configuration needs, no program can be run but a tor that is to be launched, and
what a daemon never needs of the kernel is refused. None of it can be taken back, and tor inherits all of it.
[whisperd-security(7), CONFINEMENT]
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from whisperd.config import Config
from whisperd.confine import landlock, process, seccomp
from whisperd.confine.obstacles import Obstacle, obstacles, remedies, whats
from whisperd.confine.rules import Rules, rules_for
from whisperd.confine.rules import preflight as preflight_of_folders
from whisperd.errors import ConfigError

__all__ = ["Confinement", "Rules", "confine", "look"]

_REFUSED = "Check what the service manager or the container forbids."


@dataclass(frozen=True)
class Confinement:
    """What is in force: ``landlock`` is the kernel's ABI, 0 where it is not in force; ``seccomp`` names the classes of
    system calls that are refused, none where there is no filter. ``why`` says what is missing, and why; ``remedy`` what
    mends it."""

    sandbox: str = "off"
    landlock: int = 0
    why: str = "nothing was asked for"
    rules: Rules = field(default_factory=Rules)
    seccomp: tuple[str, ...] = ()
    remedy: str = ""

    def status(self) -> dict[str, Any]:
        """Return this and what the kernel says of the process, ready for JSON."""
        return {
            "sandbox": self.sandbox, "landlock": self.landlock, "seccomp": list(self.seccomp), "why": self.why,
            "remedy": self.remedy,
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
    library = seccomp.library()
    missing = obstacles(library)
    _must_be_empty(missing, sandbox)
    rules, abi = Rules(), 0
    with suppress(OSError):  # which is an obstacle already
        abi = landlock.abi()
    if abi:
        rules = rules_for(config)
        try:
            landlock.restrict(rules.writable, rules.programs, abi)
        except OSError as error:
            missing.append(Obstacle(f"the kernel refused Landlock: {error.strerror}", _REFUSED))
            rules, abi = Rules(), 0
    refused: tuple[str, ...] = ()
    if library:
        try:
            seccomp.restrict(library)
            refused = seccomp.names()
        except OSError as error:
            missing.append(Obstacle(f"the kernel refused the system-call filter: {error.strerror}", _REFUSED))
    _must_be_empty(missing, sandbox)
    return Confinement(sandbox, abi, whats(missing), rules, refused, remedies(missing))


def preflight(config: Config) -> None:
    """Raise what ``confine`` would, as far as that is seen without confining, and without making a folder."""
    if config.daemon.sandbox != "off":
        _must_be_empty(obstacles(seccomp.library()), config.daemon.sandbox)
    preflight_of_folders(config)


def _must_be_empty(missing: list[Obstacle], sandbox: str) -> None:
    if missing and sandbox == "require":
        raise ConfigError(f"daemon.sandbox is 'require', but {whats(missing)}",
                          remedy=remedies(missing, required=True))

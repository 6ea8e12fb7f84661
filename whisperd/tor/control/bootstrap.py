"""How far a tor has come on its way to its network, in percent and in tor's own words [control-spec, 4.1.10]."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from whisperd.tor.control import quoted

_FIELD = re.compile(f"([A-Z_]+)=({quoted.VALUE})")
_LOGGED = re.compile(r"Bootstrapped (\d{1,3})% \(([a-z_]+)\): ([^\n]*)")


@dataclass(frozen=True)
class Phase:
    """One step: ``percent`` 0 to 100, tor's ``tag`` and ``summary``, and what hinders it (``""``: nothing)."""

    percent: int
    tag: str
    summary: str
    warning: str = ""

    @property
    def done(self) -> bool:
        """Whether tor reaches its network."""
        return self.percent == 100


def phase_of(line: str) -> Phase | None:
    """Return the phase that a ``BOOTSTRAP`` event or ``status/bootstrap-phase`` tells, or None for anything else."""
    if "BOOTSTRAP " not in line:
        return None
    fields = {name: quoted.plain(value) for name, value in _FIELD.findall(line)}
    percent = fields.get("PROGRESS", "")
    if not percent.isascii() or not percent.isdigit() or len(percent) > 3:
        return None
    return Phase(min(int(percent), 100), fields.get("TAG", ""), fields.get("SUMMARY", ""), fields.get("WARNING", ""))


def phase_in_log(path: Path) -> Phase | None:
    """Return the last phase that a tor wrote into its log file, or None when there is none."""
    try:
        found = _LOGGED.findall(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
    return Phase(int(found[-1][0]), found[-1][1], found[-1][2]) if found else None

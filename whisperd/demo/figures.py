"""The demo's result: figures, checks, and the table that shows both."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

Figure = float | str


@dataclass
class DemoReport:
    """Figures by name (value and unit) and checks by name (held or not, with what was seen)."""

    figures: dict[str, tuple[Figure, str]] = field(default_factory=dict)
    checks: dict[str, tuple[bool, str]] = field(default_factory=dict)

    def figure(self, name: str, value: Figure, unit: str = "") -> None:
        """Note a figure; a float is rounded to three places."""
        self.figures[name] = (round(value, 3) if isinstance(value, float) else value, unit)

    def check(self, name: str, held: bool, seen: str = "") -> None:
        """Note whether something held, with what was seen."""
        self.checks[name] = (held, seen)

    @property
    def held(self) -> bool:
        """Whether every check held, and there was at least one."""
        return bool(self.checks) and all(held for held, _ in self.checks.values())

    def as_json(self) -> dict[str, object]:
        """Return everything as JSON has it."""
        return {
            "held": self.held,
            "figures": {name: {"value": value, "unit": unit} for name, (value, unit) in self.figures.items()},
            "checks": {name: {"held": held, "seen": seen} for name, (held, seen) in self.checks.items()},
        }

    def write(self, path: Path) -> None:
        """Write everything as JSON; raises OSError."""
        path.write_text(json.dumps(self.as_json(), indent=2) + "\n")

    def show(self, console: Console) -> None:
        """Print the table."""
        table = Table("", "", "", box=None, show_header=False, pad_edge=False)
        for name, (value, unit) in self.figures.items():
            table.add_row("", name, f"{value} {unit}".rstrip())
        for name, (held, seen) in self.checks.items():
            table.add_row("[green]held[/green]" if held else "[red]FAILED[/red]", name, seen)
        console.print(table)

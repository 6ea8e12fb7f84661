"""Locales that a machine need not have."""

from __future__ import annotations

import subprocess
from pathlib import Path


def latin_1(folder: Path) -> dict[str, str]:
    """Return the environment in which LC_ALL=en_US.ISO-8859-1 works; the locale is made in ``folder`` once."""
    made = folder / "locales"
    if not made.exists():
        made.mkdir()
        subprocess.run(["localedef", "-i", "en_US", "-f", "ISO-8859-1", made / "en_US.ISO-8859-1"], check=True)
    return {"LOCPATH": str(made)}

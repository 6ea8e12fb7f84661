"""The generated files with the text that each should have."""

from __future__ import annotations

from pathlib import Path

from contrib.generated import completions, contributing
from contrib.pages.__main__ import renewed
from contrib.pictures import house

ROOT = Path(__file__).resolve().parents[2]


def files() -> dict[str, str]:
    """Return the text of every file that is generated or has generated parts, by its path in the tree."""
    pages = sorted((ROOT / "man").glob("*.[1-8]"))
    return {
        **{f"man/{page.name}": renewed(page.read_text()) for page in pages},
        **{f"contrib/completions/{name}": text for name, text in completions.scripts().items()},
        "contrib/pictures/house.svg": house.picture(),
        "CONTRIBUTING.md": contributing.renewed((ROOT / "CONTRIBUTING.md").read_text()),
    }

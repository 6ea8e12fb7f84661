"""What the tests of our own vectors share: where they are, how randomness is drawn and how it is written down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from whisperd.plugin.conformance import seeded

FOLDER = Path(__file__).parents[1] / "vectors"


class Draws:
    """A seeded random source (call n is SHAKE-256 of seed ‖ n as 8 bytes) that notes what was drawn."""

    def __init__(self, seed: str) -> None:
        self._random = seeded(seed)
        self._noted: list[str] = []

    def __call__(self, size: int) -> bytes:
        drawn = self._random(size)
        self._noted.append(drawn.hex())
        return drawn

    def noted(self) -> list[str]:
        """Return what was drawn since the last call, in hexadecimal."""
        noted, self._noted = self._noted, []
        return noted


def read(name: str) -> dict[str, Any]:
    """Return the vectors of a file."""
    return json.loads((FOLDER / name).read_text())


def write(name: str, vectors: dict[str, Any]) -> None:
    """Write a file of vectors anew."""
    (FOLDER / name).write_text(json.dumps(vectors, indent=1) + "\n")

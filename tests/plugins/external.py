"""Test vectors that nobody on this project wrote: those of Wycheproof, in tests/vectors/wycheproof."""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "vectors/wycheproof"


def cases(name: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield ``(group, test)`` of a file."""
    for group in json.loads(lzma.decompress((FOLDER / f"{name}_test.json.xz").read_bytes()))["testGroups"]:
        for test in group["tests"]:
            yield group, test

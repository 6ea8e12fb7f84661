"""Test vectors that nobody on this project wrote: outside of the tree, tests are skipped where they are absent."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PLACE = Path(os.environ.get("WHISPERD_VECTORS") or Path(__file__).parents[2].parent / "shared/vectors")


def cases(name: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield ``(group, test)`` of a file; skips the calling test when the file is not there."""
    path = PLACE / f"{name}_test.json"
    if not path.is_file():
        pytest.skip(f"no external vectors {path.name}")
    for group in json.loads(path.read_text())["testGroups"]:
        for test in group["tests"]:
            yield group, test

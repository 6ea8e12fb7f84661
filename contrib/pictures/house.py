"""How the parts of whisperd hang together -> SVG: each room above those that it builds on, as the imports say."""

from __future__ import annotations

import ast
import textwrap
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: Rooms that are drawn, those of one floor in this order, with what each is for.
ROOMS = {
    "cli": "whisperctl and whisperd: command lines, the conversation on a terminal",
    "daemon": "puts the roles together that the configuration asks for",
    "control": "the unix socket: commands in, results and events out",
    "relay": "role: rooms with two seats, which forward ciphertext",
    "peer": "role: invites, conversations, contacts, files",
    "tor": "role: the tor process, onion services, the only way out",
    "plugin": "finds and checks key exchanges and ratchets",
    "confine": "takes rights away from the process",
    "store": "memory, or one sealed file",
    "wire": "bytes into typed values, and back",
    "config": "whisperd.toml into typed values",
    "errors": "every failure, with its remedy",
}
_WIDTH, _HEIGHT, _GAP, _MARGIN, _LETTER = 860, 58, 10, 12, 6.2
_INK, _GROUND, _ROOM, _EDGE = "#1f2328", "#fbfbf8", "#e8eef6", "#6e7781"

Graph = dict[str, set[str]]


def picture() -> str:
    """Return the SVG: a row for each floor."""
    rows = floors(imports())
    height = 2 * _MARGIN + len(rows) * (_HEIGHT + _GAP) + 14
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH + 2} {height + 2}" role="img" '
             'font-family="system-ui, sans-serif" font-size="12">',
             "<title>The rooms of whisperd, each above those that it builds on</title>",
             f'<rect x="1" y="1" width="{_WIDTH}" height="{height}" rx="7" fill="{_GROUND}" stroke="{_EDGE}"/>']
    for number, row in enumerate(rows):
        width = (_WIDTH - 2 * _MARGIN - (len(row) - 1) * _GAP) / len(row)
        for place, name in enumerate(row):
            lines += _box(name, 1 + _MARGIN + place * (width + _GAP), 1 + _MARGIN + number * (_HEIGHT + _GAP), width)
    lines.append(f'<text x="{_MARGIN + 2}" y="{height - 9}" fill="{_INK}" font-size="11">A room builds only on rooms '
                 "that stand further down. The roles never build on each other.</text>")
    return "\n".join([*lines, "</svg>"]) + "\n"


def _box(name: str, left: float, top: float, width: float) -> list[str]:
    words = textwrap.wrap(ROOMS[name], int((width - 20) / _LETTER), max_lines=2, placeholder=" …")
    return [f'<g transform="translate({left:.1f} {top})">',
            f'<rect width="{width:.1f}" height="{_HEIGHT}" rx="5" fill="{_ROOM}" stroke="{_EDGE}"/>',
            f'<text x="10" y="18" fill="{_INK}" font-weight="bold">{name}</text>',
            *(f'<text x="10" y="{34 + 14 * number}" fill="{_INK}" font-size="11">{escape(line)}</text>'
              for number, line in enumerate(words)), "</g>"]


# -- the graph --------------------------------------------------------------------------------------------------------


def imports() -> Graph:
    """Return which of the rooms each imports, wherever in it."""
    graph: Graph = {}
    for room in ROOMS:
        place = ROOT / "whisperd" / room
        files = place.rglob("*.py") if place.is_dir() else [place.with_suffix(".py")]
        found = {name for path in files for name in _imported(path)}
        graph[room] = (found & set(ROOMS)) - {room}
    return graph


def _imported(path: Path) -> set[str]:
    """Return the rooms that a file imports from."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            parts = node.module.split(".")
            names = [alias.name for alias in node.names] if parts == ["whisperd"] else parts[1:2]
            found |= set(names) if parts[0] == "whisperd" else set()
    return found


def floors(graph: Graph) -> list[list[str]]:
    """Return the rooms by floor, the topmost first; every room stands above all that it builds on.

    An arrow that closes a circle counts for nothing: that there is none says a test of the house.
    """

    def height(name: str, above: tuple[str, ...] = ()) -> int:
        lower = [height(other, (*above, name)) for other in sorted(graph[name]) if other not in above]
        return 1 + max(lower, default=-1)

    found: dict[int, list[str]] = {}
    for name in graph:
        found.setdefault(height(name), []).append(name)
    return [found[number] for number in sorted(found, reverse=True)]

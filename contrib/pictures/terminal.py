"""Screens of terminals -> one SVG: dark text on a light ground of its own, readable on light and dark pages."""

from __future__ import annotations

import re
from html import escape

from contrib.pictures.session import COLUMNS

_WIDTH, _HEIGHT, _MARGIN, _BAR = 7.3, 17, 12, 26
_GAP = 14
_INK, _GROUND, _EDGE = "#1f2328", "#fbfbf8", "#8c959f"
#: What a program asks for -> a colour that is dark enough for the ground.
_COLOURS = {"31": "#b3261e", "32": "#116329", "33": "#7d4e00", "34": "#0b4f9e", "35": "#6f2c91", "36": "#0b5c6b"}
#: A code that ends others -> which.
_ENDS = {"": ".*", "0": ".*", "22": "[12]", "27": "7", "39": "3[0-7]", "49": "4[0-7]"}
_SEQUENCE = re.compile(r"\x1b\[([0-9;]*)m|\x1b[()][A-Z0-9]|[\x0e\x0f]")


def picture(screens: dict[str, str]) -> str:
    """Return an SVG of the screens side by side, each with a name above it."""
    rows = max(len(screen.rstrip("\n").split("\n")) for screen in screens.values())
    width = COLUMNS * _WIDTH + 2 * _MARGIN
    height = _BAR + rows * _HEIGHT + 2 * _MARGIN
    whole = len(screens) * width + (len(screens) - 1) * _GAP
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole + 2:.0f} {height + 2:.0f}" role="img" '
             'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="12">',
             f"<title>{escape(' and '.join(screens))} in a conversation, each in a terminal</title>"]
    for place, (name, screen) in enumerate(screens.items()):
        left = 1 + place * (width + _GAP)
        lines += [f'<g transform="translate({left:.1f} 1)">',
                  f'<rect width="{width:.1f}" height="{height:.1f}" rx="7" fill="{_GROUND}" stroke="{_EDGE}"/>',
                  f'<path d="M0 {_BAR}H{width:.1f}" stroke="{_EDGE}"/>',
                  f'<text x="{_MARGIN}" y="17" fill="{_INK}" font-weight="bold">{escape(name)}$ whisperctl chat open'
                  "</text>",
                  *_rows(screen.rstrip("\n").split("\n")), "</g>"]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _rows(rows: list[str]) -> list[str]:
    style = _Style()
    lines = []
    for number, row in enumerate(rows):
        top = _BAR + _MARGIN + (number + 1) * _HEIGHT - 5
        column = 0
        for text in _parts(row, style):
            if isinstance(text, _Style):
                style = text
                continue
            if style.reversed:
                lines.append(f'<rect x="{_MARGIN - 4}" y="{top - 13}" width="{COLUMNS * _WIDTH + 8:.1f}" '
                             f'height="{_HEIGHT}" fill="{_INK}"/>')
            if text.strip():
                place = f'x="{_MARGIN + column * _WIDTH:.1f}" y="{top}" textLength="{len(text) * _WIDTH:.1f}"'
                lines.append(f'<text {place} xml:space="preserve"{style.attributes}>{escape(text)}</text>')
            column += len(text)
    return lines


class _Style:
    """How the next words look."""

    def __init__(self, codes: tuple[str, ...] = ()) -> None:
        self._codes = codes

    def then(self, codes: str) -> _Style:
        """Return the style after an escape sequence with these numbers."""
        style = self._codes
        for code in codes.split(";"):
            if code in _ENDS:
                style = tuple(before for before in style if not re.fullmatch(_ENDS[code], before))
            else:
                style = (*style, code)
        return _Style(style)

    @property
    def reversed(self) -> bool:
        """Whether ink and ground change places, for the whole row."""
        return "7" in self._codes

    @property
    def attributes(self) -> str:
        """What SVG calls it."""
        if self.reversed:
            return f' fill="{_GROUND}"'
        colour = next((_COLOURS[code] for code in reversed(self._codes) if code in _COLOURS), _INK)
        return f' fill="{colour}"' + (' font-weight="bold"' if "1" in self._codes else "") + \
            (' opacity="0.75"' if "2" in self._codes else "")


def _parts(row: str, style: _Style) -> list[str | _Style]:
    """Return a row's texts, and the styles in force from between them on."""
    parts: list[str | _Style] = []
    place = 0
    for found in _SEQUENCE.finditer(row):
        parts.append(row[place:found.start()])
        if found[1] is not None:
            style = style.then(found[1])
            parts.append(style)
        place = found.end()
    return [*parts, row[place:]]

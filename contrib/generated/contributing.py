"""The parts of CONTRIBUTING.md between ``<!-- BEGIN name -->`` and ``<!-- END -->``: the state diagrams."""

from __future__ import annotations

import re

from contrib.generated.states import MACHINES, diagram, table

_REGION = re.compile(r"(<!-- BEGIN states of the (.+?) -->\n)(.*?)(<!-- END -->)", re.S)


def renewed(text: str) -> str:
    """Return the text with every marked part written anew; raises KeyError for a mark of no machine."""
    return _REGION.sub(lambda found: found[1] + "\n" + "\n".join(diagram(table(found[2]))) + "\n\n" + found[4], text)


def marks(text: str) -> list[str]:
    """Return the machines whose diagrams the text has places for."""
    return [found[1] for found in _REGION.findall(text)]


def missing(text: str) -> set[str]:
    """Return the machines for whose diagrams the text has no place."""
    return set(MACHINES) - set(marks(text))

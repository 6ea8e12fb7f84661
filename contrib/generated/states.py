"""State tables of the code as diagrams: Mermaid, which hosts of repositories draw and people can read as it is."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

#: What has states, and the module whose ``TABLE`` says which event leads from which to which.
MACHINES = {
    "conversation": "whisperd.peer.conversation.states",
    "relay link": "whisperd.peer.links.relay",
    "rendezvous": "whisperd.peer.contacts.rendezvous",
    "publisher": "whisperd.tor.onion.state_machine",
}
Table = Mapping[tuple[str, str], str]


def table(machine: str) -> Table:
    """Return the transitions of one machine: (state, event) -> next state."""
    found = getattr(importlib.import_module(MACHINES[machine]), "TABLE", {})
    return found if isinstance(found, Mapping) else {}


def diagram(transitions: Table) -> list[str]:
    """Return the lines of a Mermaid diagram; events that lead from one state to the same one share an arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for (state, event), following in transitions.items():
        arrows.setdefault((state, following), []).append(event)
    lines = ["```mermaid", "stateDiagram-v2"]
    if transitions:
        lines.append(f"    [*] --> {_id(next(iter(transitions))[0])}")
    lines += [f'    state "{name}" as {_id(name)}' for name in dict.fromkeys(
        name for pair in arrows for name in pair) if name != _id(name)]
    lines += [f"    {_id(state)} --> {_id(following)}: {', '.join(events)}"
              for (state, following), events in arrows.items()]
    return [*lines, "```"]


def _id(state: str) -> str:
    return state.replace("-", "_").replace(" ", "_")

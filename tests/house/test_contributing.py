"""CONTRIBUTING.md: what it names is there, every room is on its map, and each machine is drawn."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from contrib.generated import contributing
from contrib.generated.states import MACHINES, diagram, table
from tests.house.pages import ROOT
from whisperd import interfaces

TEXT = (ROOT / "CONTRIBUTING.md").read_text()
#: Prefixes that the text leaves out of the paths of files.
WITHIN = ("", "whisperd/")


def section(title: str) -> str:
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_every_path_that_it_names_is_there() -> None:
    named = {name for name in re.findall(r"`([\w./-]+)`", TEXT) if "/" in name or name.endswith((".py", ".md"))}
    named -= {".venv/bin/pytest"}
    missing = {name for name in named if not any((ROOT / before / name).exists() for before in WITHIN)}
    assert len(named) > 50 and missing == set()


def test_every_interface_that_it_names_is_there() -> None:
    named = set(re.findall(r"`(I[A-Z]\w*)`", TEXT))
    assert named and {name for name in named if not hasattr(interfaces, name)} == set()


def test_every_room_is_on_the_map_and_none_besides() -> None:
    mapped = set(re.findall(r"^\| `([\w/]+)` \|", section("Rooms"), re.M))
    packages = {path.parent for top in ("whisperd", "plugins/whisperd_plugins")
                for path in (ROOT / top).rglob("__init__.py")}
    assert mapped == {str(package.relative_to(ROOT)) for package in packages} - {"whisperd"}


def test_every_machine_is_drawn() -> None:
    assert contributing.marks(TEXT) == list(MACHINES)


def test_a_table_is_drawn_with_an_arrow_for_each_pair_of_states() -> None:
    lines = diagram({("off", "start"): "on", ("on", "stop"): "off", ("on", "fail"): "off", ("off", "end"): "all-gone"})
    assert lines == ["```mermaid", "stateDiagram-v2", "    [*] --> off", '    state "all-gone" as all_gone',
                     "    off --> on: start", "    on --> off: stop, fail", "    off --> all_gone: end", "```"]


@pytest.mark.parametrize("machine", MACHINES)
def test_an_event_leads_to_a_state_that_is_left_again_or_is_the_end(machine: str) -> None:
    transitions = table(machine)
    states = {state for state, _ in transitions} | set(transitions.values())
    reached = {following for (state, _), following in transitions.items() if following != state}
    assert states - reached <= {next(iter(transitions), ("",))[0]}, "only the first state is reached by no event"


def test_each_way_to_add_something_is_short() -> None:
    parts = re.split(r"\n\n(?=\*\*)", section("How to add").strip())
    assert len(parts) == 5
    assert all(part.count("\n") < 10 for part in parts)


def test_its_lines_fit_on_a_screen() -> None:
    assert [line for line in Path(ROOT / "CONTRIBUTING.md").read_text().splitlines() if len(line) > 130] == []

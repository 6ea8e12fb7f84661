"""whisperd(8), the command line of the daemon and the table of log events say the same."""

from __future__ import annotations

import ast
import re

import click
import pytest
from click.testing import CliRunner

from contrib.pages.tables import leaves
from tests.house import pages
from whisperd.cli.daemon.main import cli
from whisperd.logs import EVENTS

PAGE = "whisperd.8"


COMMANDS = dict(leaves(cli))


def options(command: click.Command) -> set[str]:
    """Return a command's long options."""
    return {name for param in command.params if isinstance(param, click.Option) for name in param.opts
            if name.startswith("--")}


def test_the_page_has_every_command_and_no_other():
    shown = [re.split(r" (?:Oo|Ar|Fl) ", item)[0] for item in pages.items(PAGE, "COMMANDS")]
    assert sorted(shown) == sorted(COMMANDS)


@pytest.mark.parametrize("path", COMMANDS)
def test_a_command_has_its_help_and_exactly_its_options(path):
    heading = next(item for item in pages.items(PAGE, "COMMANDS") if re.match(rf"{path}( (Oo|Ar|Fl)|$)", item))
    assert {f"-{name}" for name in re.findall(r"Fl (-[a-z-]+)", heading)} == options(COMMANDS[path])
    assert " ".join(str(COMMANDS[path].help).split()) in pages.text(PAGE)


def test_the_options_before_a_command_are_there():
    shown = pages.items(PAGE, "OPTIONS", "It Fl")
    assert {f"-{name.split()[0]}" for name in shown} == options(cli)


def test_the_page_has_every_log_event_and_no_other():
    assert sorted(pages.items(PAGE, "LOG")) == sorted(EVENTS)


@pytest.mark.parametrize("name", EVENTS)
def test_a_log_event_has_its_level_help_and_fields(name):
    event = EVENTS[name]
    fields = ", ".join(event.fields) or "none"
    assert f"{name} {event.level.capitalize()}. {event.help} Fields: {fields}." in pages.text(PAGE)


def test_every_log_event_is_written_somewhere():
    """An event that nothing writes would make the page promise a line that never comes."""
    written = {node.args[0].value
               for path in (pages.ROOT / "whisperd").rglob("*.py")
               for node in ast.walk(ast.parse(path.read_text()))
               if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)
               and (getattr(node.func, "attr", None) == "note" or getattr(node.func, "id", None) in ("note", "_own"))}
    assert written == set(EVENTS)


@pytest.mark.parametrize("path", ["", *COMMANDS])
def test_help_works(path):
    shown = CliRunner().invoke(cli, [*path.split(), "--help"])
    assert shown.exit_code == 0
    assert "Usage:" in shown.output

"""whisperctl(1), the table of commands and the catalogue of errors say the same."""

from __future__ import annotations

import re

import pytest

from tests.house import pages
from whisperd.cli.ctl import build
from whisperd.cli.verbs.health import CONDITIONS, WORDS
from whisperd.cli.verbs.status import CHECK_SECONDS
from whisperd.control.commands import COMMANDS, Command, Param
from whisperd.errors import catalogue
from whisperd.metrics import METRICS as DAEMON_METRICS
from whisperd.peer.links.relay import REASONS
from whisperd.relay.metrics import METRICS as RELAY_METRICS

PAGE = "whisperctl.1"


def usage(param: Param) -> str:
    """Return a parameter as the heading of a command shows it."""
    if param.option:
        return f"[{option(param).replace(', ', ' | ')}]"
    word = f"{param.metavar} ..." if param.many else param.metavar
    return word if param.required and not param.implied else f"[{word}]"


def option(param: Param) -> str:
    """Return a parameter as the list below a command shows it."""
    if not param.option:
        return param.metavar
    return " ".join(filter(None, (param.option.replace("/", ", "), param.metavar)))


def described(param: Param) -> str:
    """Return the whole entry of a parameter."""
    words = f"{option(param)} {param.help}"
    if param.choices:
        return f"{words} One of {', '.join(param.choices)}."
    if param.low is not None and param.high is not None:
        return f"{words} From {param.low:.12g} to {param.high:.12g}."
    return words


def test_the_page_has_every_command_and_no_other():
    shown = [re.split(r" (?:Oo|Ar) ", item)[0] for item in pages.items(PAGE, "COMMANDS")]
    assert shown == [command.verb for command in COMMANDS]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.verb)
def test_a_command_has_its_arguments_and_help(command: Command):
    heading = " ".join([command.verb, *map(usage, command.params)])
    entry = " ".join([heading, command.help, *map(described, command.params)])
    assert entry in pages.text(PAGE)


def test_the_page_has_no_option_that_is_none():
    shown = pages.items(PAGE, "COMMANDS", "It Fl")
    assert len(shown) == sum(bool(param.option) for command in COMMANDS for param in command.params)


def test_the_exit_statuses_are_those_of_the_errors():
    shown = re.findall(r"^\.It (\d+) Ic (\S+)$", pages.source(PAGE), re.M)
    assert sorted((int(status), code) for status, code in shown) == sorted(
        (error.exit_status, code) for code, error in catalogue().items()
        if error.__module__.startswith("whisperd.errors."))


@pytest.mark.parametrize("code", sorted(catalogue()))
def test_an_error_has_its_summary_and_remedy(code):
    error = catalogue()[code]
    summary = error.summary[0].upper() + error.summary[1:]
    assert f"{error.exit_status} {code} {summary}. {error.remedy}" in pages.text(PAGE)


def test_the_page_has_every_metric_with_its_help():
    assert pages.items(PAGE, "METRICS") == list(DAEMON_METRICS | RELAY_METRICS)
    for name, metric in (DAEMON_METRICS | RELAY_METRICS).items():
        labels = f"; labels: {', '.join(metric.labels)}" if metric.labels else ""
        assert f"{name} {metric.help} {metric.kind.capitalize()}{labels}." in pages.text(PAGE)


def test_the_common_options_have_their_help():
    for option in build().params:
        assert f"{option.help} " in pages.text(PAGE)
        assert any(name in line for name in option.opts for line in pages.section(PAGE, "DESCRIPTION"))


@pytest.mark.parametrize("verb", ["", "chat", *(command.verb for command in COMMANDS)])
def test_help_works_without_a_daemon(verb):
    from click.testing import CliRunner

    shown = CliRunner().invoke(build(), [*verb.split(), "--help"])
    assert shown.exit_code == 0
    assert "Usage:" in shown.output


def test_the_reasons_of_states_are_those_of_the_code():
    shown = set(pages.items(PAGE, "LINKS"))
    source = "".join(path.read_text() for path in (pages.ROOT / "whisperd/peer").rglob("*.py"))
    assert set(REASONS.values()) <= shown
    assert {reason for reason in shown if f'"{reason}"' not in source} == set()


def test_the_page_has_every_condition_of_the_check_with_its_level():
    assert pages.items(PAGE, "MONITORING") == list(CONDITIONS)
    for name, condition in CONDITIONS.items():
        assert f"{name} {WORDS[condition.level]}. {condition.help}" in pages.text(PAGE)
    assert f"waits {CHECK_SECONDS:g} seconds" in pages.text(PAGE)

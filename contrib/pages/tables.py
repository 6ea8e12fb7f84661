"""The parts of the man pages that the program's own tables give, as lines of mdoc."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Iterator
from functools import partial

import click

from contrib.pages.results import described
from whisperd.cli.daemon.main import cli
from whisperd.cli.verbs import health
from whisperd.config import KEYS, Key
from whisperd.config.tor_options import OPTIONS
from whisperd.confine import seccomp
from whisperd.control import events
from whisperd.control.commands import COMMANDS, METHODS, Command, Param
from whisperd.errors import WhisperdError, catalogue
from whisperd.logs import EVENTS
from whisperd.metrics import METRICS as DAEMON_METRICS
from whisperd.plugin.conformance import KEX_CHECKS, NEGOTIATION_CHECKS, RATCHET_CHECKS
from whisperd.plugin.conformance.report import Checks
from whisperd.relay.metrics import METRICS as RELAY_METRICS
from whisperd.wire.relay_errors import ERRORS

Lines = list[str]


def prose(text: str) -> Lines:
    """Return text as mdoc: escaped, each sentence on a line of its own, as mandoc wants it."""
    escaped = text.replace("\\", "\\e").replace("'", "\\(aq").replace('"', "\\(dq")
    sentences = re.split(r"(?<=[.]) (?=[A-Z])", " ".join(escaped.split()))
    lines = [line for sentence in sentences for line in textwrap.wrap(sentence, 110, break_on_hyphens=False)]
    return [f"\\&{line}" if line.startswith(".") else line for line in lines]  # or it would be a macro, and not shown


def tagged(items: Iterator[tuple[str, Lines]]) -> Lines:
    """Return a list of (macro line, body) items."""
    lines = [".Bl -tag -width Ds"]
    for tag, body in items:
        lines += [f".It {tag}", *body]
    return [*lines, ".El"]


# -- whisperd.toml(5) -------------------------------------------------------------------------------------------------


def keys(section: str) -> Lines:
    """Return every key of one section: type, bounds and default, then its help."""
    return tagged((f"Ic {key.name}", [*prose(_kind(key)), ".Pp", *prose(key.help)])
                  for key in KEYS if key.section == section)


def _kind(key: Key) -> str:
    kind = {bool: "true or false", int: "number", str: "string", tuple: "list of strings"}[type(key.default)]
    if key.is_path:
        kind = "path"
    if key.choices:
        many = "some of " if isinstance(key.default, tuple) else "one of "
        kind = many + ", ".join(f'"{choice}"' for choice in key.choices)
    if key.low is not None or key.high is not None:
        kind += f" from {key.low} to {key.high}"
    return f"{kind}; default {json.dumps(key.default)}"


def tor_options() -> Lines:
    """Return every option that tor.options may have, with what it may be."""
    return tagged((f"Ic {option.name}", prose(f"{option.help} {option.shape[0].upper()}{option.shape[1:]}."))
                  for option in OPTIONS.values())


# -- whisperctl(1) ----------------------------------------------------------------------------------------------------


def verbs() -> Lines:
    """Return every command with its arguments."""
    return tagged((_heading(command), _entry(command)) for command in COMMANDS)


def _heading(command: Command) -> str:
    words = [f"Ic {command.verb}"]
    for param in command.params:
        shown = _shown(param, " | ") + (" ..." if param.many else "")
        words.append(shown if param.required and not param.implied else f"Oo {shown} Oc")
    return " ".join(words)


def _shown(param: Param, between: str) -> str:
    if not param.option:
        return f"Ar {param.metavar}"
    flags = between.join(f"Fl {word[1:]}" for word in param.option.split("/"))
    return f"{flags} Ar {param.metavar}" if param.metavar else flags


def _entry(command: Command) -> Lines:
    if not command.params:
        return prose(command.help)
    params = tagged((_shown(param, " , "), prose(param.help + _bounds(param))) for param in command.params)
    return [*prose(command.help), *params]


def _bounds(param: Param) -> str:
    if param.choices:
        return f" One of {', '.join(param.choices)}."
    if param.low is not None and param.high is not None:
        return f" From {param.low:.12g} to {param.high:.12g}."
    return ""


def conditions() -> Lines:
    """Return every condition of 'status --check' with its level."""
    return tagged((f"Ic {name}", prose(f"{health.WORDS[condition.level]}. {condition.help}"))
                  for name, condition in health.CONDITIONS.items())


def statuses() -> Lines:
    """Return every error by its exit status."""
    def row(error: type[WhisperdError]) -> tuple[str, Lines]:
        summary = error.summary[0].upper() + error.summary[1:]
        return f"{error.exit_status} Ic {error.code}", [*prose(f"{summary}."), *prose(error.remedy)]

    return tagged(map(row, sorted(catalogue().values(), key=lambda error: (error.exit_status, error.code))))


# -- whisperd(8) ------------------------------------------------------------------------------------------------------


def daemon() -> Lines:
    """Return every command of whisperd with its options."""
    return tagged((f"Ic {path} {_usage(command)}".rstrip(), [*prose(command.help or ""), *_options(command)])
                  for path, command in leaves(cli))


def daemon_options() -> Lines:
    """Return the options that stand before a command of whisperd."""
    return _options(cli)


def leaves(command: click.Command, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield every command that is no group, with the words that lead to it."""
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from leaves(inner, f"{path} {name}".strip())
    else:
        yield path, command


def _usage(command: click.Command) -> str:
    shown = []
    for option in _declared(command):
        shown.append(_flag(option) if option.required else f"Oo {_flag(option)} Oc")
    return " ".join(shown)


def _options(command: click.Command) -> Lines:
    declared = list(_declared(command))
    return tagged((_flag(option), prose(option.help or "")) for option in declared) if declared else []


def _declared(command: click.Command) -> Iterator[click.Option]:
    return (param for param in command.params if isinstance(param, click.Option))


def _flag(option: click.Option) -> str:
    name = max(option.opts, key=len)
    return f"Fl {name[1:]} Ar {option.metavar}" if option.metavar else f"Fl {name[1:]}"


def log() -> Lines:
    """Return every log event."""
    return tagged((f"Ic {name}", prose(f"{event.level.capitalize()}. {event.help} "
                                       f"Fields: {', '.join(event.fields) or 'none'}."))
                  for name, event in EVENTS.items())


# -- whisperd-protocol(7) ---------------------------------------------------------------------------------------------


def relay_errors() -> Lines:
    """Return every error code of the relay."""
    def text(code: str) -> str:
        kind = ERRORS[code]
        parts = [kind.message, f"close code {kind.close}" if kind.close else "not fatal"]
        if kind.retry_after:
            parts.append(f"retry after {kind.retry_after} seconds")
        return "; ".join(parts)

    return tagged((f"Ic {code}", prose(text(code))) for code in ERRORS)


def methods() -> Lines:
    """Return every method of the control socket with its parameters."""
    return tagged((f"Ic {method}", [*prose(f"{command.help} Right: {command.right}."), *_parameters(command)])
                  for method, command in METHODS.items())


def _parameters(command: Command) -> Lines:
    if not command.sent:
        return []
    return tagged((f"Ar {param.name}", prose(_specification(param))) for param in command.sent)


def _specification(param: Param) -> str:
    kind = param.type
    if param.choices:
        kind += " out of " + ", ".join(param.choices)
    if param.low is not None:
        kind += f" from {param.low:.12g}" + (f" to {param.high:.12g}" if param.high is not None else "")
    return f"({kind}; {'required' if param.required else 'default ' + json.dumps(param.default)})"


def results() -> Lines:
    """Return every method of the control socket with what it returns."""
    return tagged((f"Ic {method}", prose(text)) for method, text in described())


def notifications() -> Lines:
    """Return every event of the control socket."""
    return tagged((f"Ic {name}", prose(f"{event.help} Fields: {', '.join(event.fields) or 'none'}."))
                  for name, event in events.EVENTS.items())


# -- whisperd-plugins(7) ----------------------------------------------------------------------------------------------


def checks(of: Checks) -> Lines:
    """Return every check of a part of the conformance kit with what it demands."""
    return tagged((f"Ic {name}", prose((check.__doc__ or "").replace("``", ""))) for name, check in of.by_name.items())


def refused_calls() -> Lines:
    """Return every class of system calls that the daemon's own filter refuses."""
    found: dict[str, list[str]] = {}
    for name in seccomp.names():
        by_arguments = (f"{call} by its arguments" if conditions else call
                        for call, conditions, _ in seccomp.ARGUMENTS.get(name, ()))
        found[name] = list(dict.fromkeys((*seccomp.CLASSES.get(name, ()), *by_arguments)))
    return tagged((f"Sy {name}", prose(f"{', '.join(calls)}.")) for name, calls in found.items())


def _sections() -> list[str]:
    return list(dict.fromkeys(key.section for key in KEYS))


def metrics() -> Lines:
    """Return every metric of the relay."""
    return tagged((f"Ic {name}", prose(f"{metric.help} {metric.kind.capitalize()}"
                                       + (f"; labels: {', '.join(metric.labels)}." if metric.labels else ".")))
                  for name, metric in (DAEMON_METRICS | RELAY_METRICS).items())


#: What may stand behind ``.\" BEGIN``.
TABLES: dict[str, Callable[[], Lines]] = {
    **{f"keys {section}": partial(keys, section) for section in _sections()},
    "tor options": tor_options,
    "commands": verbs,
    "exit statuses": statuses,
    "status checks": conditions,
    "daemon options": daemon_options,
    "daemon commands": daemon,
    "log events": log,
    "refused calls": refused_calls,
    "relay errors": relay_errors,
    "metrics": metrics,
    "control methods": methods,
    "control results": results,
    "control events": notifications,
    "key exchange checks": partial(checks, KEX_CHECKS),
    "ratchet checks": partial(checks, RATCHET_CHECKS),
    "negotiation checks": partial(checks, NEGOTIATION_CHECKS),
}

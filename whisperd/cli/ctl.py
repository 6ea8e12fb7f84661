"""The command ``whisperctl``: every row of COMMANDS as a verb.

An error is two lines on standard error, what happened and what to do; with --json it is one object on standard
output, ``{"error": {"code", "message", "remedy"}}``, so that a script reads one place. The exit status is the error's.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from whisperd import __version__
from whisperd.cli import completion, guard
from whisperd.cli.caller import Caller
from whisperd.cli.meant_conversation import understood
from whisperd.cli.options import MessageCommand, Valued
from whisperd.cli.verbs.table import VERBS
from whisperd.cli.words import misuse
from whisperd.config.paths import typed
from whisperd.control.commands import COMMANDS, GROUPS, READ, Command, Param
from whisperd.errors import Interrupted, UsageError

_HELP_NAMES: dict[str, Any] = {"help_option_names": ["-h", "--help"]}


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status; whatever goes wrong is told."""
    return guard.run("whisperctl", lambda: run, arguments)


def run(words: list[str]) -> int:
    """Run one command and return its exit status; raises what it ends with."""
    try:
        return build().main(words, prog_name="whisperctl", standalone_mode=False, obj=Caller()) or 0
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return UsageError.exit_status
    except click.ClickException as error:
        raise misuse(error, "whisperctl") from None
    except click.Abort:
        raise Interrupted from None


def build() -> click.Group:
    """Return the tree of verbs, made from the table."""
    root = click.Group("whisperctl", help="Control a running whisperd daemon.", params=[*_common(), _version()],
                       context_settings=_HELP_NAMES)
    for command in COMMANDS:
        *path, name = command.verb.split()
        group = root
        for place, word in enumerate(path, 1):
            group = _subgroup(group, word, " ".join(path[:place]))
        group.add_command(_verb(command, name))
    return root


def _subgroup(parent: click.Group, word: str, path: str) -> click.Group:
    if word not in parent.commands:
        parent.add_command(click.Group(word, help=GROUPS[path], params=_common(), context_settings=_HELP_NAMES))
    found = parent.commands[word]
    assert isinstance(found, click.Group)
    return found


def _verb(command: Command, name: str) -> click.Command:
    shape: dict[str, Any] = {"params": [*_parameters(command), *_common()], "help": _help(command),
                            "short_help": command.help, "context_settings": _HELP_NAMES}
    if any(other.verb.startswith(f"{command.verb} ") for other in COMMANDS):
        return click.Group(name, invoke_without_command=True, callback=partial(_run_alone, command), **shape)
    kind = MessageCommand if any(param.many for param in command.params) else click.Command
    return kind(name, callback=partial(_run, command), **shape)


def _run_alone(command: Command, **given: object) -> None:
    """Run a verb that others begin with, unless it is one of those."""
    if click.get_current_context().invoked_subcommand is None:
        _run(command, **given)


def _run(command: Command, **given: object) -> None:
    """Call the verb's function with what was given and what was meant."""
    caller = click.get_current_context().obj
    caller.looks = command.right == READ
    try:
        if command.terminal and not caller.person:
            raise UsageError(f"'{command.verb}' needs a terminal",
                             remedy="In a script, use 'chat watch --json' and 'chat send'.")
        VERBS[command.verb](caller, **understood(caller, command, given))
    except (KeyboardInterrupt, EOFError):  # here and not in the guard: click has ways of its own for these
        raise Interrupted from None


def _help(command: Command) -> str:
    """Return the verb's help with a line for each positional parameter, which click would leave out."""
    lines = [f"  {param.metavar:<8}{param.help}" for param in command.params if not param.option]
    return "\n\n".join([command.help, *(["\b\n" + "\n".join(lines)] if lines else [])])


def _parameters(command: Command) -> list[click.Parameter]:
    """Return what click is to read; behind a conversation that may be left out nothing positional is required."""
    loose = any(param.implied for param in command.params)
    return [_option(command, param) if param.option else _positional(command, param, loose)
            for param in command.params]


def _option(command: Command, param: Param) -> click.Option:
    if param.type == "boolean":
        return click.Option([param.name, param.option], is_flag=True, default=None, help=param.help)
    shape: dict[str, Any] = {"help": param.help, "metavar": param.metavar,
                            "shell_complete": completion.completer(command, param)}
    if param.type == "list":
        return Valued([param.name, param.option], multiple=True, **shape)
    return Valued([param.name, param.option], type=_type(param), **shape)


def _positional(command: Command, param: Param, loose: bool) -> click.Argument:
    needed = param.required and not loose and not param.many
    return click.Argument([param.name], metavar=_placeholder(param), required=needed, nargs=-1 if param.many else 1,
                          type=_type(param) if needed else None,
                          shell_complete=completion.completer(command, param))


def _placeholder(param: Param) -> str:
    word = f"{param.metavar}..." if param.many else param.metavar
    return word if param.required and not param.implied else f"[{word}]"


def _type(param: Param) -> click.ParamType[Any]:
    if param.choices:
        return click.Choice(param.choices)
    if param.type == "integer":
        return click.IntRange(_whole(param.low), _whole(param.high))
    return click.FloatRange(param.low, param.high) if param.type == "number" else click.STRING


def _whole(bound: float | None) -> int | None:
    return None if bound is None else int(bound)


def _common() -> list[click.Parameter]:
    """Return the options that stand before or behind the verb."""

    def note(context: click.Context, option: click.Parameter, value: str | bool | None) -> None:
        if value:
            setattr(context.find_root().obj, str(option.name), typed(value) if isinstance(value, str) else value)

    return [
        Valued(["--socket"], metavar="PATH", expose_value=False, callback=note, is_eager=True,
               shell_complete=completion.paths,
               help="Control socket of the daemon, instead of WHISPERD_SOCKET or the usual place."),
        click.Option(["--json"], is_flag=True, expose_value=False, callback=note, is_eager=True,
                     help="Print JSON, one object per line; errors too."),
    ]


def _version() -> click.Parameter:
    def show(context: click.Context, option: click.Parameter, value: bool) -> None:
        if value and not context.resilient_parsing:
            print(f"whisperctl {__version__}")
            context.exit()

    return click.Option(["--version"], is_flag=True, expose_value=False, callback=show, is_eager=True,
                        help="Print the version and exit.")

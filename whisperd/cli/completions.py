"""Shell completions, made from the table of commands: ``python -m whisperd.cli.completions FOLDER`` writes them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from whisperd.control.commands import COMMANDS, GROUPS, Command, Param

_NOTE = "# Made from whisperd/control/commands.py by 'python -m whisperd.cli.completions'; do not edit."
#: Of conversations and of the contacts that they are held with.
_NAMES = """grep -oE '"(chat|contact)": "[^"]*"' | cut -d '"' -f 4"""
_CONTACTS = """grep -o '"contact": "[^"]*"' | cut -d '"' -f 4"""
#: What stands behind every verb, and before it.
_COMMON = (
    Param("socket", "string", "Control socket of the daemon.", option="--socket", metavar="PATH"),
    Param("json", "boolean", "Print JSON, one object a line.", option="--json"),
    Param("help", "boolean", "Show help and exit.", option="--help"),
)
_ROOT = (*_COMMON, Param("version", "boolean", "Print the version and exit.", option="--version"))


def files() -> dict[str, str]:
    """Return the text of each completion file by its name."""
    return {"whisperctl.bash": bash(), "_whisperctl": zsh(), "whisperctl.fish": fish()}


# -- the table as completions see it ----------------------------------------------------------------------------------


def options(params: tuple[Param, ...]) -> list[tuple[str, Param]]:
    """Return every option word with its parameter; '--qr/--no-qr' is two."""
    return [(word, param) for param in params if param.option for word in param.option.split("/")]


def _children() -> dict[str, list[tuple[str, str]]]:
    """Return the words that may follow each group of verbs, with their help: '' -> status, address, chat…"""
    found: dict[str, list[tuple[str, str]]] = {"": []}
    for command in COMMANDS:
        group, _, name = command.verb.rpartition(" ")
        _enter_group(found, group)
        found[group].append((name, command.help))
    return found


def _enter_group(found: dict[str, list[tuple[str, str]]], group: str) -> None:
    if group not in found:
        above, _, name = group.rpartition(" ")
        _enter_group(found, above)
        found[group] = []
        if group in GROUPS:
            found[above].append((name, GROUPS[group]))


def _leaves() -> list[Command]:
    """Return the commands that no other verb begins with."""
    return [command for command in COMMANDS if command.verb not in _children()]


def _takes_chat(command: Command) -> bool:
    return any(param.conversation for param in command.params)


def _takes_contact(command: Command) -> bool:
    return any(param.contact for param in command.params)


def _with_value() -> list[str]:
    words = {word for params in ([*(command.params for command in COMMANDS), _ROOT])
             for word, param in options(params) if param.type != "boolean"}
    return sorted(words)


def _choices() -> Iterator[Param]:
    return (param for command in COMMANDS for param in command.params if param.option and param.choices)


# -- bash -------------------------------------------------------------------------------------------------------------


def bash() -> str:
    """Return the completion for bash; it needs nothing but bash."""
    valued = _with_value()
    plain = "|".join(word for word in valued if word != "--socket" and word not in {one.option for one in _choices()})
    lines = [
        f"{_NOTE}",
        "_whisperctl() {",
        "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}",
        '    local verb="" place=0 skip="" words="" word i',
        "    local socket=()",
        "    for ((i = 1; i < COMP_CWORD; i++)); do",
        "        word=${COMP_WORDS[i]}",
        '        if [[ $skip == --socket ]]; then socket=(--socket "$word"); fi',
        '        if [[ -n $skip ]]; then skip=""; continue; fi',
        "        case $word in",
        f"            {'|'.join(valued)}) skip=$word ;;",
        "            -*) ;;",
        f"            *) case $verb in {_bash_groups()}) verb=${{verb:+$verb }}$word ;; *) ((place++)) ;; esac ;;",
        "        esac",
        "    done",
        "    case $previous in",
        '        --socket) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;',
        *(f'        {param.option}) mapfile -t COMPREPLY < <(compgen -W "{" ".join(param.choices)}" -- "$current"); '
          "return ;;" for param in _choices()),
        f"        {plain}) COMPREPLY=(); return ;;",
        "    esac",
        "    case $verb in",
        *(f'        {_quoted(group)}) words="{" ".join(name for name, _ in children)} '
          f'{_bash_options(_COMMON if group else _ROOT)}" ;;' for group, children in _children().items()),
        *(f'        {_quoted(command.verb)}) words="{_bash_options((*command.params, *_COMMON))}" ;;'
          for command in _leaves()),
        "    esac",
        f"    case $verb in {'|'.join(_quoted(command.verb) for command in COMMANDS if _takes_chat(command))})",
        "        if ((place == 0)) && [[ $current != -* ]]; then",
        f'            words=$(whisperctl "${{socket[@]}}" --json chat list 2> /dev/null | {_NAMES})',
        "        fi ;;",
        f"    {'|'.join(_quoted(command.verb) for command in COMMANDS if _takes_contact(command))})",
        "        if ((place == 0)) && [[ $current != -* ]]; then",
        f'            words=$(whisperctl "${{socket[@]}}" --json contact list 2> /dev/null | {_CONTACTS})',
        "        fi ;;",
        "    esac",
        '    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")',
        "}",
        "complete -F _whisperctl whisperctl",
    ]
    return "\n".join(lines) + "\n"


def _bash_options(params: tuple[Param, ...]) -> str:
    return " ".join(word for word, _ in options(params))


def _bash_groups() -> str:
    return "|".join(_quoted(group) for group in _children())


def _quoted(words: str) -> str:
    return f'"{words}"'


# -- zsh --------------------------------------------------------------------------------------------------------------


def zsh() -> str:
    """Return the completion for zsh."""
    lines = [
        "#compdef whisperctl",
        _NOTE,
        "_whisperctl_chats() {",
        "    local -a chats socket",
        '    [[ -n ${opt_args[--socket]} ]] && socket=(--socket "${opt_args[--socket]}")',
        f'    chats=(${{(f)"$(_call_program chats whisperctl $socket --json chat list 2> /dev/null | {_NAMES})"}})',
        "    compadd -a chats",
        "}",
        "_whisperctl_contacts() {",
        "    local -a names socket",
        '    [[ -n ${opt_args[--socket]} ]] && socket=(--socket "${opt_args[--socket]}")',
        '    names=(${(f)"$(_call_program contacts whisperctl $socket --json contact list 2> /dev/null | '
        f'{_CONTACTS})"}})',
        "    compadd -a names",
        "}",
    ]
    for group, children in reversed(_children().items()):
        lines += _zsh_group(group, children)
    return "\n".join([*lines, '_whisperctl "$@"']) + "\n"


def _zsh_group(group: str, children: list[tuple[str, str]]) -> list[str]:
    suffix = f"_{group}".replace(" ", "_") if group else ""
    lines = [f"_whisperctl{suffix}() {{", "    local -a verbs", "    local state line context", "    verbs=("]
    lines += [f"        {_single(f'{name}:{help}')}" for name, help in children]
    lines += ["    )", f"    _arguments -C {_zsh_options(_COMMON if group else _ROOT)} '1: :->verb' '*:: :->rest'",
              "    case $state in", "        verb) _describe -t verbs verb verbs ;;", "        rest) case $line[1] in"]
    for name, _ in children:
        verb = f"{group} {name}".strip()
        command = next((command for command in _leaves() if command.verb == verb), None)
        does = f"_arguments {_zsh_arguments(command)}" if command else f"_whisperctl_{verb}".replace(" ", "_")
        lines.append(f"            {name}) {does} ;;")
    return [*lines, "        esac ;;", "    esac", "}"]


def _zsh_arguments(command: Command) -> str:
    places = []
    for param in command.params:
        if not param.option:
            source = "_whisperctl_chats" if param.conversation else "_whisperctl_contacts" if param.contact else " "
            places.append(_single(f"{'*' if param.many else ''}:{param.metavar}:{source}"))
    return " ".join([_zsh_options((*command.params, *_COMMON)), *places])


def _zsh_options(params: tuple[Param, ...]) -> str:
    return " ".join(_zsh_option(word, param) for word, param in options(params))


def _zsh_option(word: str, param: Param) -> str:
    value = ""
    if param.type != "boolean":
        source = "_files" if param.metavar == "PATH" else f"({' '.join(param.choices)})" if param.choices else " "
        value = f":{param.metavar}:{source}"
    help = "".join(f"\\{letter}" if letter in "[]:" else letter for letter in param.help)
    return _single(f"{'*' if param.type == 'list' else ''}{word}[{help}]{value}")


def _single(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


# -- fish -------------------------------------------------------------------------------------------------------------


def fish() -> str:
    """Return the completion for fish."""
    lines = [
        _NOTE,
        "function __whisperctl_verb",
        "    set -l words (commandline -opc)",
        "    set -e words[1]",
        "    set -l verb",
        "    set -l skip",
        "    for word in $words",
        "        if set -q skip[1]",
        "            set -e skip",
        f"        else if contains -- $word {' '.join(_with_value())}",
        "            set skip yes",
        '        else if not string match -q -- "-*" $word',
        "            set -a verb $word",
        "        end",
        "    end",
        '    string join " " -- $verb',
        "end",
        "function __whisperctl_at",
        "    set -l verb (__whisperctl_verb)",
        '    test "$verb" = "$argv[1]"',
        "end",
        "function __whisperctl_in",
        "    set -l verb (__whisperctl_verb)",
        '    string match -q -- "$argv[1]*" "$verb"',
        "end",
        "function __whisperctl_chats",
        f"    whisperctl --json chat list 2> /dev/null | {_NAMES}",
        "end",
        "function __whisperctl_contacts",
        f"    whisperctl --json contact list 2> /dev/null | {_CONTACTS}",
        "end",
        "complete -c whisperctl -f",
    ]
    for group, children in _children().items():
        lines += [f"complete -c whisperctl -n {_exactly(group)} -a {name} -d {_fish(help)}" for name, help in children]
    for command in COMMANDS:
        lines += _fish_command(command)
    lines += [_fish_option("", word, param) for word, param in options(_ROOT)]
    return "\n".join(lines) + "\n"


def _fish_command(command: Command) -> list[str]:
    lines = [_fish_option(f" -n {_begins(command.verb)}", word, param) for word, param in options(command.params)]
    if _takes_chat(command):
        lines.append(f"complete -c whisperctl -n {_exactly(command.verb)} -a '(__whisperctl_chats)'")
    if _takes_contact(command):
        lines.append(f"complete -c whisperctl -n {_exactly(command.verb)} -a '(__whisperctl_contacts)'")
    return lines


def _fish_option(condition: str, word: str, param: Param) -> str:
    value = "" if param.type == "boolean" else " -rF" if param.metavar == "PATH" else " -x"
    choices = f" -a {_fish(' '.join(param.choices))}" if param.choices else ""
    return f"complete -c whisperctl{condition} -l {word.removeprefix('--')}{value}{choices} -d {_fish(param.help)}"


def _exactly(verb: str) -> str:
    return _fish(f'__whisperctl_at "{verb}"')


def _begins(verb: str) -> str:
    return _fish(f'__whisperctl_in "{verb}"')


def _fish(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def main() -> None:
    """Write the files into the folder that is named."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    main()

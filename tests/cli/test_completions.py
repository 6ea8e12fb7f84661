"""The completions: made from the table, and true in a real bash, zsh and fish."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from tests.cli.conftest import COMMAND, ROOT, environment
from tests.control.sample import Serving
from whisperd.cli import completions
from whisperd.control.commands import COMMANDS, Command

FOLDER = ROOT / "contrib" / "completions"
COMMON = ["--help", "--json", "--socket"]


@pytest.mark.parametrize("name", completions.files())
def test_the_files_are_what_the_table_makes(name: str) -> None:
    assert (FOLDER / name).read_text() == completions.files()[name], \
        "run 'python -m whisperd.cli.completions contrib/completions'"


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder with a whisperctl for the shells to find."""
    folder = tmp_path / "bin"
    folder.mkdir()
    words = " ".join(f"'{word}'" for word in COMMAND)
    (folder / "whisperctl").write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    (folder / "whisperctl").chmod(0o755)
    return folder


def shell_environment(programs: Path, socket: str = "/nonexistent") -> dict[str, str]:
    return environment(socket, PATH=f"{programs}:{os.environ['PATH']}", HOME=str(programs))


def complete_in_bash(line: str, where: dict[str, str]) -> list[str]:
    """Return what a bash with the completion offers behind ``line``."""
    script = """
        source "$1"; shift
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
        _whisperctl
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    words = line.split(" ")
    done = subprocess.run(["bash", "--norc", "-c", script, "-", str(FOLDER / "whisperctl.bash"), *words],
                          capture_output=True, text=True, env=where, check=True, timeout=60)
    assert done.stderr == ""
    return sorted(done.stdout.split())


def complete_in_fish(line: str, where: dict[str, str]) -> list[str]:
    script = "source $argv[1]; complete -C $argv[2]"
    done = subprocess.run(["fish", "--no-config", "-c", script, str(FOLDER / "whisperctl.fish"), line],
                          capture_output=True, text=True, env=where, check=True, timeout=60)
    assert done.stderr == ""
    return sorted(row.partition("\t")[0] for row in done.stdout.splitlines())


def complete_in_zsh(line: str, where: dict[str, str]) -> list[str]:
    """Type the line and a tab into a real zsh on a terminal, and return the rows of the list that it shows."""
    setup = (f"PS1='READY>'; fpath=({FOLDER} $fpath); autoload -U compinit; compinit -u -D; LISTMAX=1000\n"
             "zstyle ':completion:*' list-separator '--'; setopt no_always_last_prompt no_beep\n"
             "bindkey '^I' list-choices\n")
    child, terminal = pty.fork()
    if child == 0:
        os.execvpe("zsh", ["zsh", "-f", "-i"], where | {"TERM": "dumb", "COLUMNS": "200"})
    try:
        os.write(terminal, setup.encode())
        os.write(terminal, b"echo GO'ON'\n")
        _read_until(terminal, "GOON\n.*READY>")
        # What is typed behind the tab is looked at when the list is there: its output says that nothing more comes.
        os.write(terminal, line.encode() + b"\t\x15echo DO'NE'\n")
        shown = _read_until(terminal, "DONE\n")
    finally:
        os.close(terminal)
        os.waitpid(child, 0)
    rows = shown.splitlines()[1:]
    return [row for row in rows[:next(n for n, row in enumerate(rows) if "READY>" in row)] if row.strip()]


def _read_until(terminal: int, mark: str) -> str:
    """Return what a terminal shows, up to what matches ``mark``."""
    shown, deadline = "", time.monotonic() + 100
    while not re.search(mark, shown, re.DOTALL):
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, shown
        shown += os.read(terminal, 65_536).decode(errors="replace").replace("\r", "")
    return shown


def needs(shell: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not shutil.which(shell), reason=f"there is no {shell}")


SHELLS = [pytest.param(complete_in_bash, id="bash", marks=needs("bash")),
          pytest.param(complete_in_fish, id="fish", marks=needs("fish"))]


@pytest.mark.parametrize("complete", SHELLS)
def test_verbs_are_completed_level_by_level(complete, programs: Path) -> None:
    where = shell_environment(programs)
    firsts = {command.verb.partition(" ")[0] for command in COMMANDS}
    seconds = {command.verb.removeprefix("chat ") for command in COMMANDS if command.verb.startswith("chat ")}
    assert firsts <= set(complete("whisperctl ", where)) <= firsts | {*COMMON, "--version"}
    assert seconds <= set(complete("whisperctl chat ", where)) <= seconds | {*COMMON}
    assert set(complete("whisperctl plugins ", where)) - {*COMMON} == {"check"}
    assert complete("whisperctl st", where) == ["status", "stop", "store"]
    assert complete("whisperctl --json --socket /x chat inv", where) == ["invite"]


@pytest.mark.parametrize("complete", SHELLS)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.verb)
def test_each_verb_has_its_options(complete, command: Command, programs: Path) -> None:
    offered = set(complete(f"whisperctl {command.verb} --", shell_environment(programs)))
    own = {word for word, _ in completions.options(command.params)}
    assert offered - {"--version"} == {*COMMON, *own}


@pytest.mark.parametrize("complete", SHELLS)
def test_values_are_completed_where_they_are_known(complete, programs: Path) -> None:
    where = shell_environment(programs)
    assert complete("whisperctl chat invite --floor ", where) == ["enhanced", "quantum-resistant", "standard"]
    assert complete("whisperctl chat invite --floor enh", where) == ["enhanced"]
    assert complete("whisperctl address --wait ", where) == []
    assert f"{FOLDER}/_whisperctl" in complete(f"whisperctl --socket {FOLDER}/_wh", where)


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("complete", SHELLS)
async def test_conversations_are_completed_by_asking_the_daemon(complete, programs: Path, serving: Serving) -> None:
    serving.api.add("inviter", "connected")
    serving.api.add("joiner", "connected")
    where = shell_environment(programs, serving.path)
    assert set(await deferToThread(complete, "whisperctl chat send ", where)) - {*COMMON, "--wait"} == {"c1", "c2"}
    assert await deferToThread(complete, "whisperctl chat send c1 c", where) == []
    await serving.api.contact_save("c1", "ben")
    for verb in ("chat call", "contact block"):
        offered = await deferToThread(complete, f"whisperctl {verb} ", where)
        assert set(offered) - {*COMMON, "--wait"} == {"ben"}, verb


@needs("zsh")
def test_zsh_completes_verbs_and_options(programs: Path) -> None:
    where = shell_environment(programs)
    seconds = {command.verb.removeprefix("chat ") for command in COMMANDS if command.verb.startswith("chat ")}
    assert {row.split()[0] for row in complete_in_zsh("whisperctl chat ", where)} == seconds
    options = {row.split()[0] for row in complete_in_zsh("whisperctl chat invite --", where)}
    assert {"--relay", "--floor", "--no-qr", "--json"} <= options


@pytest_twisted.ensureDeferred
@needs("zsh")
async def test_zsh_completes_conversations(programs: Path, serving: Serving) -> None:
    serving.api.add("inviter", "connected")
    serving.api.add("joiner", "connected")
    where = shell_environment(programs, serving.path)
    rows = await deferToThread(complete_in_zsh, "whisperctl chat verify c", where)
    assert [row.split() for row in rows] == [["c1", "c2"]]
    await serving.api.contact_save("c1", "ben")
    await serving.api.contact_save("c2", "bert")
    rows = await deferToThread(complete_in_zsh, "whisperctl contact remove b", where)
    assert [row.split() for row in rows] == [["ben", "bert"]]

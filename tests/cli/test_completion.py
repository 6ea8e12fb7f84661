"""The completions: what they offer for each word, and that a real bash, zsh and fish show it."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
import pytest
import pytest_twisted
from click.shell_completion import ShellComplete
from twisted.internet.threads import deferToThread

from tests.cli.conftest import ROOT, environment
from tests.control.sample import Serving
from whisperd.cli import ctl, shells
from whisperd.cli.caller import Caller
from whisperd.cli.daemon.main import cli
from whisperd.control.commands import COMMANDS, Command

FOLDER = ROOT / "contrib" / "completions"
COMMON = {"--help", "-h", "--json", "--socket"}
FIRST = {command.verb.partition(" ")[0] for command in COMMANDS}
OF_CHAT = {command.verb.removeprefix("chat ") for command in COMMANDS if command.verb.startswith("chat ")}

Complete = Callable[[str, dict[str, str]], list[str]]

PROGRAMS = {program: [sys.executable, "-c", f"import sys; from whisperd.cli.entry_points import {program}; "
                      f"sys.exit({program}())"] for program in ("whisperctl", "whisperd")}


# -- in this process --------------------------------------------------------------------------------------------------


def offered(line: str, program: click.Command | None = None, socket: str = "/nonexistent") -> dict[str, str]:
    """Return what is offered for the last word of a line, each with the kind of it."""
    first, *words, last = line.split(" ")
    shell = ShellComplete(program or ctl.build(), {"obj": Caller(socket=socket)}, first, "")
    return {item.value: item.type for item in shell.get_completions(words, last)}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.verb)
def test_each_verb_has_its_options(command: Command) -> None:
    own = {word for param in command.params if param.option for word in param.option.split("/")}
    assert set(offered(f"whisperctl {command.verb} --")) | {"-h"} == own | COMMON


def test_verbs_are_completed_level_by_level() -> None:
    assert set(offered("whisperctl ")) == FIRST
    assert set(offered("whisperctl chat ")) == OF_CHAT
    assert set(offered("whisperctl plugins ")) == {"check"}
    assert set(offered("whisperctl st")) == {"status", "stop", "store"}
    assert set(offered("whisperctl --json --socket /x chat inv")) == {"invite"}


def test_values_are_completed_where_they_are_known() -> None:
    assert set(offered("whisperctl chat invite --floor ")) == {"enhanced", "quantum-resistant", "standard"}
    assert set(offered("whisperctl chat invite --floor enh")) == {"enhanced"}
    assert offered("whisperctl address --wait ") == {}


@pytest.mark.parametrize("line", [
    "whisperctl --socket /t", "whisperctl status --socket /t", "whisperctl chat send-file c1 /t",
    "whisperctl chat send-file /t", "whisperctl chat watch --hook /t", "whisperctl store export /t",
    "whisperctl store import /t", "whisperctl config check /t", "whisperctl doctor --config /t",
])
def test_paths_are_left_to_the_shell(line: str) -> None:
    assert offered(line) == {"/t": "file"}


def test_whisperd_is_completed_too() -> None:
    assert {"run", "config", "demo", "testnet"} <= set(offered("whisperd ", cli))
    assert {"check", "show"} == set(offered("whisperd config ", cli))
    assert offered("whisperd --config ", cli) == {"": "file"}
    assert offered("whisperd testnet up --dir ", cli) == {"": "dir"}


@pytest.mark.parametrize("words", ["--version ", "--help ", "chat timer c1 --socket= ", "chat send c1 a --help b "])
def test_a_line_that_would_end_the_program_is_completed_without_a_word(words: str, capsys) -> None:
    offered(f"whisperctl {words}")
    assert capsys.readouterr() == ("", "")


@pytest_twisted.ensureDeferred
async def test_names_are_those_that_the_daemon_knows(serving: Serving) -> None:
    async def words(line: str) -> set[str]:
        return set(await deferToThread(ask, f"whisperctl {line}", serving.path))

    api = serving.api
    api.add("inviter", "connected")
    api.add("joiner", "connected")
    assert await words("chat send ") == {"c1", "c2"}
    assert await words("chat send c1 c") == set()
    await api.contact_save("c1", "ben")
    assert await words("chat call ") == await words("contact block ") == {"ben"}
    assert await words("contact rename ben b") == set()
    assert "ben" in await words("chat open b")
    api.put_file("c1", "in", "photo.jpg", b"x")
    api.put_file("c2", "in", "letter.txt", b"x")
    assert await words("chat accept c2 ") == {"f2"}
    assert await words("chat refuse c1 f") == {"f1"}
    assert await words("chat cancel f") == {"f1", "f2"}


@pytest.mark.parametrize("accepts", [False, True], ids=["full", "silent"])
def test_a_daemon_that_does_not_answer_is_not_waited_for(tmp_path: Path, accepts: bool) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(8 if accepts else 0)
        crowd = [socket.socket(socket.AF_UNIX) for _ in range(0 if accepts else 1)]
        for one in crowd:
            one.connect(path)
        assert ask("whisperctl chat open ", path) == []
        for one in crowd:
            one.close()


@pytest.mark.parametrize("program", ["whisperctl", "whisperd"])
def test_what_nobody_asked_for_is_refused_in_silence(program: str) -> None:
    for instruction in ("nushell_complete", "bash_delete", "bash"):
        done = subprocess.run(PROGRAMS[program], capture_output=True, text=True, timeout=60,
                              env=environment("/nonexistent", **{shells.variable(program): instruction}))
        assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_no_completion_loads_twisted() -> None:
    script = """if True:
        import os, sys
        from whisperd.cli import entry_points
        for program in ("whisperctl", "whisperd"):
            os.environ |= {f"_{program.upper()}_COMPLETE": "fish_complete", "COMP_WORDS": program, "COMP_CWORD": ""}
            assert getattr(entry_points, program)() == 0
        heavy = {"twisted", "rich", "prompt_toolkit", "cryptography"} & set(sys.modules)
        assert not heavy, heavy
    """
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                          env=environment("/nonexistent"), timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "status" in done.stdout and "testnet" in done.stdout


def ask(line: str, path: str, program: str = "whisperctl") -> list[str]:
    """Return what a process of the program offers, as fish asks it; it says nothing besides."""
    last = line.rpartition(" ")[2]
    where = environment(path, COMP_WORDS=line, COMP_CWORD=last, **{shells.variable(program): "fish_complete"})
    done = subprocess.run(PROGRAMS[program], capture_output=True, text=True, env=where, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return [row.partition(",")[2].partition("\t")[0] for row in done.stdout.splitlines() if row]


# -- in real shells ---------------------------------------------------------------------------------------------------


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder with both programs for the shells to find."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, words in PROGRAMS.items():
        (folder / name).write_text("#!/bin/sh\nexec " + " ".join(f"'{word}'" for word in words) + ' "$@"\n')
        (folder / name).chmod(0o755)
    return folder


def shell_environment(programs: Path, path: str = "/nonexistent") -> dict[str, str]:
    return environment(path, PATH=f"{programs}:{os.environ['PATH']}", HOME=str(programs))


def complete_in_bash(line: str, where: dict[str, str]) -> list[str]:
    """Return what a bash with the completions offers behind ``line``."""
    script = """
        source "$1"; source "$2"; function=_$3_completion; shift 2
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
        $function "$1"
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    scripts = [str(FOLDER / f"{program}.bash") for program in PROGRAMS]
    done = subprocess.run(["bash", "--norc", "-c", script, "-", *scripts, *line.split(" ")],
                          capture_output=True, text=True, env=where, check=True, timeout=60)
    assert done.stderr == ""
    return sorted(done.stdout.split())


def complete_in_fish(line: str, where: dict[str, str]) -> list[str]:
    script = "source $argv[1]; source $argv[2]; complete -C $argv[3]"
    scripts = [str(FOLDER / f"{program}.fish") for program in PROGRAMS]
    done = subprocess.run(["fish", "--no-config", "-c", script, *scripts, line],
                          capture_output=True, text=True, env=where, check=True, timeout=60)
    assert done.stderr == ""
    return sorted(row.partition("\t")[0] for row in done.stdout.splitlines())


def complete_in_zsh(line: str, where: dict[str, str]) -> list[str]:
    """Type the line and a tab into a real zsh on a terminal, and return the first word of each row that it lists."""
    setup = (f"PS1='READY>'; fpath=({FOLDER} $fpath); autoload -U compinit; compinit -u -D; LISTMAX=1000\n"
             "zstyle ':completion:*' list-separator '--'; setopt no_always_last_prompt no_beep\n"
             "bindkey '^I' list-choices\n")
    shown = on_a_terminal(["zsh", "-f", "-i"], setup, line.encode() + b"\t\x15echo DO'NE'\n", where)
    rows = shown.splitlines()[1:]
    rows = rows[:next(number for number, row in enumerate(rows) if "READY>" in row or row == "DONE")]
    # what a word is about stands behind '--'; words about which nothing is known share rows
    return sorted(word for row in rows for word in row.partition(" -- ")[0].split())


def on_a_terminal(shell: list[str], setup: str, keys: bytes, where: dict[str, str]) -> str:
    """Return what an interactive shell shows from the keys on up to 'DONE', which they have it print."""
    child, terminal = pty.fork()
    if child == 0:
        os.execvpe(shell[0], shell, where | {"TERM": "dumb", "COLUMNS": "200"})
    try:
        os.write(terminal, setup.encode())
        os.write(terminal, b"echo GO'ON'\n")
        _read_until(terminal, "GOON\n.*READY>")
        os.write(terminal, keys)
        return _read_until(terminal, "DONE\n")
    finally:
        os.close(terminal)
        os.waitpid(child, 0)


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
          pytest.param(complete_in_zsh, id="zsh", marks=needs("zsh")),
          pytest.param(complete_in_fish, id="fish", marks=needs("fish"))]


@pytest.mark.parametrize("complete", SHELLS)
def test_a_shell_completes_verbs_options_and_choices(complete: Complete, programs: Path) -> None:
    where = shell_environment(programs)
    assert set(complete("whisperctl chat ", where)) == OF_CHAT
    assert complete("whisperctl st", where) == ["status", "stop", "store"]
    assert {"--relay", "--floor", "--json"} <= set(complete("whisperctl chat invite --", where))
    assert complete("whisperctl chat invite --floor ", where) == ["enhanced", "quantum-resistant", "standard"]
    assert complete("whisperd config ", where) == ["check", "show"]


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("complete", SHELLS)
async def test_a_shell_asks_the_daemon_for_names(complete: Complete, programs: Path, serving: Serving) -> None:
    serving.api.add("inviter", "connected")
    serving.api.add("joiner", "connected")
    await serving.api.contact_save("c1", "ben")
    serving.api.put_file("c2", "in", "a photo: of us.jpg", b"x")
    where = shell_environment(programs, serving.path)
    assert await deferToThread(complete, "whisperctl chat verify ", where) == ["ben", "c1", "c2"]
    assert await deferToThread(complete, "whisperctl contact remove ", where) == ["ben"]
    assert await deferToThread(complete, "whisperctl chat accept c2 ", where) == ["f1"]


@pytest.mark.parametrize("complete", SHELLS)
def test_a_shell_offers_nothing_and_says_nothing_without_a_daemon(complete: Complete, programs: Path) -> None:
    assert complete("whisperctl chat verify ", shell_environment(programs)) == []


@needs("fish")
def test_fish_completes_a_path(programs: Path) -> None:
    assert f"{programs}/whisperd" in complete_in_fish(f"whisperctl --socket {programs}/whisperd",
                                                      shell_environment(programs))


@needs("bash")
@pytest.mark.parametrize("words", ["whisperctl chat send-file c1", "whisperctl --socket", "whisperd --config"])
def test_bash_completes_a_path(words: str, programs: Path) -> None:
    (programs / "only.one").touch()
    setup = f"PS1='READY>'; source {FOLDER}/whisperctl.bash; source {FOLDER}/whisperd.bash\n"
    shown = on_a_terminal(["bash", "--norc", "--noprofile", "-i"], setup,
                          f"{words} {programs}/only\t\x01echo \necho DO'NE'\n".encode(), shell_environment(programs))
    assert f"{words} {programs}/only.one\n" in shown


@needs("zsh")
def test_zsh_completes_a_path(programs: Path) -> None:
    for name in ("only.one", "only.two"):
        (programs / name).touch()
    shown = complete_in_zsh(f"whisperctl --socket {programs}/only", shell_environment(programs))
    assert shown == ["only.one", "only.two"]

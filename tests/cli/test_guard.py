"""Every verb of whisperctl and whisperd, as they are installed and as a user without rights, in everything that can be
wrong around a program: it says what is wrong, what to do, and ends with the status that the page lists. Verbs come from
the programs themselves, so that a new one is tried, too.

A few verbs are tried with every fault, each of the others with a part of them, so that every fault meets other verbs,
too; 'make soak' tries every verb with every fault.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli import faults
from tests.cli.faults import FAULTS, answering, arguments, as_user, check, environment, run
from tests.installed.kit import Company, installation
from tests.installed.kit.streams import WAYS, Broken, Streamed
from whisperd.cli.ctl import build
from whisperd.cli.daemon.main import cli
from whisperd.errors import (
    ConfigError,
    DaemonRunning,
    DaemonUnreachable,
    InputFailed,
    Interrupted,
    NotText,
    OutputFailed,
    UsageError,
    WhisperdError,
)

VERBS = {" ".join(path): command for path, command in faults.verbs(build())}
#: These go on until somebody stops them: what they talk to hangs up.
ENDLESS = ("chat watch", "log follow", "chat open")
#: These would end the daemon that the others talk to.
ENDING = ("stop",)
#: Verbs that are tried with every fault: one that only asks, and one that reads standard input and sends it.
THOROUGH = ("chat send", "status")
#: What is tried with JSON.
FAULTS_OF_JSON = ("nothing", "output full", "words not UTF-8")
HANGS_UP = b'{"jsonrpc":"2.0","id":1,"result":[]}\n'
FOUND = b'{"jsonrpc":"2.0","id":1,"result":{"chat":"c1"}}\n'
#: Results of no verb.
ODD_RESULTS = {"a list of numbers": b"[7]", "a text": b'"x"', "null": b"null", "true": b"true",
               "half": b'{"chat":"c1"}', "half a list": b'[{"chat":"c1"}]', "an empty object": b"{}"}
TOO_DEEP = b'{"jsonrpc":"2.0","id":1,"result":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"
NO_DAEMONS = {"nothing": b"nothing of ours\n", "deep": TOO_DEEP, "a number": b'{"jsonrpc":"2.0","id":1,"result":7}\n',
              "not UTF-8": b'{"jsonrpc":"2.0","id":1,"result":"\xff"}\n', "silence": b"",
              **{name: b'{"jsonrpc":"2.0","id":1,"result":%s}\n' % result for name, result in ODD_RESULTS.items()}}
#: Verbs that need no answer of a daemon, or go on without one.
ALONE = ("config check", "doctor", "plugins check")
#: What whisperd is run with, in which CONFIG is that of the running daemon, so that another start ends by itself.
STARTS = {
    "help": ["--help"], "version": ["--version"], "check": ["--config", "CONFIG", "config", "check"],
    "show": ["--config", "CONFIG", "config", "show"], "show JSON": ["--config", "CONFIG", "config", "show", "--json"],
    "show without a file": ["config", "show"], "check without a file": ["config", "check"],
    "run": ["--config", "CONFIG", "run"], "invite": ["--config", "CONFIG", "--invite"],
    "run with a mistake": ["--config", "MISTAKEN", "run"], "run with no file": ["--config", "/no/such/file"],
    "run with a folder": ["--config", "/"], "run with bytes": ["--config", "BYTES"],
    "sealed": ["--config", "SEALED", "run", "--passphrase-fd", "0"],
    "sealed, nobody asked": ["--config", "SEALED", "run"],
    "no such verb": ["no-such"], "testnet status": ["testnet", "status", "nowhere"],
    **{f"help of {' '.join(path)}": [*path, "--help"] for path, _ in faults.verbs(cli)},
}
#: How many faults each is tried with, and more for what takes every step of a start.
EACH, WHOLE_STARTS = 1, {"run": 12}


def part(names: list[str], name: str, size: int) -> list[str]:
    """Return those of the faults that ``name`` meets where not all can be tried."""
    every, at = list(FAULTS), names.index(name) * size
    return [every[(at + each) % len(every)] for each in range(size)]


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder of the user's own."""
    folder = Path(tempfile.mkdtemp(prefix="whisperd-guard-"))
    os.chown(folder, faults.USER, faults.USER)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def daemon(place: Path) -> Iterator[Path]:
    """A daemon of the user's, with a conversation; return its configuration."""
    config = place / "whisperd.toml"
    config.write_text(f'[control]\nsocket = "{place}/control.sock"\n[tor]\nmode = "off"\n'
                      '[relay]\nlisten = ["tcp:0:interface=127.0.0.1"]\n[peer]\nloopback = true\n')
    log = place / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(as_user(str(faults.SCRIPTS / "whisperd"), "--config", str(config)), stdout=file,
                                   stderr=file, cwd="/", env=environment(place))
    deadline = time.monotonic() + 120
    while "daemon-started" not in log.read_text():
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
    try:
        yield config
        assert process.poll() is None, log.read_text()
        assert "unexpected" not in log.read_text(), log.read_text()
    finally:
        process.kill()
        process.wait()


def words_of(verb: str, config: Path) -> tuple[list[str], tuple[str, ...]]:
    """Return a verb with its arguments, and those of them that somebody typed."""
    values = {"config": str(config), "file": str(config) if verb == "config check" else "f1", "path": "/etc/hostname",
              "text": "-", "chat": "c1"}
    given = arguments(VERBS[verb], values)
    return [*verb.split(), *given], tuple(word for word in given if word != str(config))


OTHERS = sorted(set(VERBS) - {*ENDLESS, *ENDING, *THOROUGH})


def tries(verb: str, chosen: list[str], of_json: tuple[str, ...], daemon: Path, place: Path) -> None:
    words, typed = words_of(verb, daemon)
    also = (WhisperdError.exit_status,) if verb == "doctor" else ()
    for fault in chosen:
        check(run("whisperctl", words, fault, environment(place), typed), also=also)
    for fault in of_json:
        check(run("whisperctl", [*words, "--json"], fault, environment(place), typed), json_wanted=True, also=also)


@pytest.mark.parametrize("verb", THOROUGH)
def test_a_verb_copes_with_whatever_is_wrong(verb: str, daemon: Path, place: Path) -> None:
    tries(verb, list(FAULTS), FAULTS_OF_JSON, daemon, place)


def test_every_verb_copes_with_some_of_it(daemon: Path, place: Path) -> None:
    tried = [(verb, part(OTHERS, verb, 1)) for verb in OTHERS]
    assert {fault for _, chosen in tried for fault in chosen} == set(FAULTS)
    for verb, chosen in tried:
        tries(verb, chosen, (), daemon, place)


@pytest.mark.soak
@pytest.mark.parametrize("verb", OTHERS)
def test_every_verb_copes_with_all_of_it(verb: str, daemon: Path, place: Path) -> None:
    tries(verb, list(FAULTS), FAULTS_OF_JSON, daemon, place)


def tries_what_goes_on(verb: str, chosen: list[str], place: Path) -> None:
    words, typed = words_of(verb, Path("/nonexistent"))
    where = environment(place) | {"WHISPERD_SOCKET": str(place / "hangs-up.sock")}
    with answering(place / "hangs-up.sock", HANGS_UP, FOUND):
        for fault in chosen:
            check(run("whisperctl", words, fault, where, typed))


@pytest.mark.parametrize("verb", [*ENDLESS, *ENDING])
def test_a_verb_that_goes_on_copes_too(verb: str, place: Path) -> None:
    tries_what_goes_on(verb, part([*ENDLESS, *ENDING], verb, 5), place)


@pytest.mark.soak
@pytest.mark.parametrize("verb", [*ENDLESS, *ENDING])
def test_a_verb_that_goes_on_copes_with_all_of_it(verb: str, place: Path) -> None:
    tries_what_goes_on(verb, list(FAULTS), place)


def starts(name: str, chosen: list[str], daemon: Path, place: Path) -> None:
    files = {"CONFIG": daemon, "MISTAKEN": place / "mistaken.toml", "SEALED": place / "sealed.toml",
             "BYTES": place / "bytes.toml"}
    files["MISTAKEN"].write_text("[relay]\nmax_roms = 7\n")
    files["SEALED"].write_text(daemon.read_text() + '[store]\nkind = "sealed"\nunlock = "passphrase"\n'
                               f'file = "{place}/store.db"\n')
    files["BYTES"].write_bytes(faults.BYTES)
    words = [str(files.get(word, word)) for word in STARTS[name]]
    for fault in chosen:
        check(run("whisperd", words, fault, environment(place), tuple(map(str, files.values()))))


@pytest.mark.parametrize("name", STARTS)
def test_whisperd_copes_with_whatever_is_wrong(name: str, daemon: Path, place: Path) -> None:
    starts(name, part(list(STARTS), name, WHOLE_STARTS.get(name, EACH)), daemon, place)


@pytest.mark.soak
@pytest.mark.parametrize("name", STARTS)
def test_whisperd_copes_with_all_of_it(name: str, daemon: Path, place: Path) -> None:
    starts(name, list(FAULTS), daemon, place)


def answers(kind: str, verbs: list[str], place: Path) -> None:
    where = environment(place) | {"WHISPERD_SOCKET": str(place / "odd.sock")}
    with answering(place / "odd.sock", NO_DAEMONS[kind]):
        for verb in verbs:
            words, _ = words_of(verb, Path("/dev/null"))
            ended = run("whisperctl", words, "nothing", where)
            check(ended, also=(WhisperdError.exit_status,) if verb == "doctor" else ())
            assert "bug" not in ended.err, ended
            if kind in ODD_RESULTS and verb not in ALONE and ended.status != UsageError.exit_status:
                assert ended.status in (DaemonUnreachable.exit_status, InputFailed.exit_status), ended


@pytest.mark.parametrize("kind", NO_DAEMONS)
def test_what_is_no_daemon_may_say_what_it_likes(kind: str, place: Path) -> None:
    at = list(NO_DAEMONS).index(kind)
    answers(kind, ["status", *sorted(VERBS)[at::len(NO_DAEMONS)]], place)


@pytest.mark.soak
@pytest.mark.parametrize("kind", NO_DAEMONS)
def test_it_may_say_that_to_every_verb(kind: str, place: Path) -> None:
    answers(kind, sorted(VERBS), place)


def test_a_full_disk_is_told_and_ends_with_its_status(place: Path) -> None:
    for words in (["--version"], ["--help"], ["chat", "--help"]):
        ended = run("whisperctl", words, "output full", environment(place))
        assert ended.status == OutputFailed.exit_status, ended
        assert ended.err == ("whisperctl: standard output could not be written: No space left on "
                             f"device\n{OutputFailed.remedy}\n")
        assert run("whisperctl", words, "both full", environment(place)).status == OutputFailed.exit_status
        assert run("whisperctl", words, "output nobody reads", environment(place)).status == faults.READER_GONE
        closed = run("whisperctl", words, "output closed", environment(place))
        assert closed.status == OutputFailed.exit_status and "standard output is closed" in closed.err


def test_words_that_are_not_text_are_refused_before_anybody_is_asked(place: Path) -> None:
    ended = run("whisperctl", ["chat", "send", "c1", "hello"], "words not UTF-8", environment(place), ("hello",))
    assert ended.status == NotText.exit_status and "nothing was sent" in ended.err, ended


def test_a_bug_is_one_line_with_its_place_and_its_traceback_only_where_it_is_asked_for(
        daemon: Path, place: Path) -> None:
    """The answer is the daemon's, and what shows it is broken."""
    (place / "broken.py").write_text("import sys\nfrom whisperd.cli import entry_points, render\n"
                                     "render.seconds = None\n"
                                     "sys.exit(entry_points.whisperctl())\n")

    def status(**where: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(as_user(str(faults.SCRIPTS / "python"), str(place / "broken.py"), "status"), cwd="/",
                              env=environment(place) | where, capture_output=True, text=True, timeout=120)

    ended, asked = status(), status(WHISPERD_TRACEBACK="1")
    assert ended.returncode == asked.returncode == WhisperdError.exit_status, ended
    lines = ended.stderr.splitlines()
    assert len(lines) == 2 and "in whisperctl (TypeError in cli/render.py, line " in lines[0]
    assert "report it" in lines[1] and "WHISPERD_TRACEBACK=1" in lines[1]
    assert "Traceback (most recent call last)" in asked.stderr and lines[0] in asked.stderr


@pytest.mark.parametrize("program", ["whisperctl", "whisperd"])
@pytest.mark.parametrize("module", ["whisperd.errors", "click", "whisperd.config"])
def test_ctrl_c_while_a_program_is_loaded_ends_it_with_a_word(program: str, module: str, place: Path) -> None:
    """The signal comes while ``module`` is imported, as if somebody had been very quick."""
    (place / "at_once.py").write_text(
        "import importlib.abc, os, signal, sys\n"
        "class Quick(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Quick())\n"
        f"from whisperd.cli.entry_points import {program}\n"
        f"sys.exit({program}())\n")
    done = subprocess.run(as_user(str(faults.SCRIPTS / "python"), str(place / "at_once.py"), "--json", "status"),
                          env=environment(place), capture_output=True, text=True, timeout=120, cwd="/")
    assert done.returncode == Interrupted.exit_status, done
    assert "Traceback" not in done.stderr and Interrupted.summary in done.stdout + done.stderr, done


def test_ctrl_c_in_the_middle_ends_with_the_same_word(place: Path) -> None:
    where = environment(place) | {"WHISPERD_SOCKET": str(place / "slow.sock")}
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place / "slow.sock"))
        (place / "slow.sock").chmod(0o666)
        listener.listen(1)
        process = subprocess.Popen(as_user(str(faults.SCRIPTS / "whisperctl"), "status"), env=where, cwd="/", text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        connection, _ = listener.accept()
        connection.recv(1)  # it has asked, and waits
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
        connection.close()
    assert process.returncode == Interrupted.exit_status
    assert (out, err) == ("", f"whisperctl: {Interrupted.summary}\n{Interrupted.remedy}\n")


def test_the_guard_says_what_the_error_says() -> None:
    from whisperd.cli.guard import INTERRUPTED

    assert (Interrupted.code, Interrupted.exit_status, Interrupted.summary, Interrupted.remedy) == INTERRUPTED


def test_the_daemon_that_is_away_and_the_word_that_is_wrong_keep_their_statuses(place: Path) -> None:
    away = environment(place) | {"WHISPERD_SOCKET": "/nonexistent"}
    assert run("whisperctl", ["status"], "no home", away).status == DaemonUnreachable.exit_status
    assert run("whisperctl", ["no-such"], "no home", away).status == UsageError.exit_status


def test_another_start_ends_by_itself_and_a_mistake_before_the_start_has_its_status(daemon: Path, place: Path) -> None:
    for fault in ("nothing", "errors full", "all closed", "no /proc"):
        ended = run("whisperd", ["--config", str(daemon), "run"], fault, environment(place))
        assert ended.status == DaemonRunning.exit_status, ended
    mistaken = place / "mistaken.toml"
    mistaken.write_text("[relay]\nmax_roms = 7\n")
    for fault in ("nothing", "errors closed", "errors full", "all closed"):
        ended = run("whisperd", ["--config", str(mistaken), "run"], fault, environment(place))
        assert ended.status == ConfigError.exit_status, ended


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_configuration_that_is_refused_ends_the_start_whatever_standard_error_is(way: type[Broken]) -> None:
    company = Company(installation())
    try:
        person = company.add(Streamed(company.programs, company.folder / "p", "[relay]\nmax_roms = 7\n", way()))
        person.launch()
        assert person.ended() == ConfigError.exit_status
    finally:
        company.end()


def test_a_daemon_that_is_away_is_told_wherever_standard_error_leads(place: Path) -> None:
    away = environment(place) | {"WHISPERD_SOCKET": "/nonexistent"}
    for fault in ("errors closed", "errors full", "both full", "all closed"):
        ended = run("whisperctl", ["status"], fault, away)
        assert ended.status == DaemonUnreachable.exit_status, ended

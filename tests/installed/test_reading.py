"""What counts as read: what whisperctl has shown, and nothing before. A sealed store keeps the rest for the next."""

from __future__ import annotations

import os
import signal

import pytest

from tests.installed.kit import PATIENCE, Company
from tests.installed.kit.account import give
from tests.installed.two_people import Two
from whisperd.control.client import Client
from whisperd.errors import OutputFailed, UsageError

#: A text that Latin-1 has only a part of.
STRANGE = ": Grüße für 5 € 😀"


@pytest.fixture(scope="module")
def both(shared: Company) -> Two:
    return Two(shared)


@pytest.fixture(autouse=True)
def nothing_before(both: Two) -> None:
    """Nobody has anything to read."""
    if both.unread():
        both.ben.call("chat.read", chat="c1", id=1_000_000)


def comes_again(both: Two, text: str) -> None:
    """Nothing has read it: it alone outlives the daemon, and the next 'chat watch' shows it."""
    assert both.unread() == [text]
    both.restart()
    assert [row["text"] for row in both.ben.call("chat.history", chat="c1")] == [text]
    with both.watching() as watcher:
        watcher.until(text.encode())
        both.until_unread()


def test_what_a_watcher_shows_is_read(both: Two) -> None:
    earlier = both.say()
    with both.watching() as watcher:
        watcher.until(earlier.encode())
        both.until_unread()
        later = both.say()
        watcher.until(later.encode())
        both.until_unread()
    both.restart()
    assert both.ben.call("chat.history", chat="c1") == []


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("words", [(), ("--json",)])
def test_a_full_disk_leaves_a_text_unread(both: Two, live: bool, words: tuple[str, ...]) -> None:
    text = "" if live else both.say()
    with open("/dev/full", "wb") as full, both.watching(*words, stdout=full) as watcher:
        text = text or both.say()
        assert watcher.ended() == OutputFailed.exit_status
        watcher.until(b"No space left on device")
        assert b"Traceback" not in watcher.said and b"Exception ignored" not in watcher.said
    comes_again(both, text)


def test_a_log_on_a_full_disk_that_takes_errors_too_leaves_a_text_unread(both: Two) -> None:
    text = both.say()
    done = both.run("chat", "watch", "c1", before=("/bin/sh", "-c", 'exec "$@" >>/dev/full 2>&1', "sh"))
    assert done.returncode == OutputFailed.exit_status
    comes_again(both, text)


def test_a_file_that_may_not_grow_leaves_a_text_unread(both: Two) -> None:
    text, log = both.say(), both.folder / "bot.log"
    done = both.run("chat", "watch", "c1", before=("/bin/sh", "-c", f'ulimit -f 0; exec "$@" >>{log}', "sh"))
    assert done.returncode == OutputFailed.exit_status and b"File too large" in done.stderr
    comes_again(both, text)


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_a_closed_standard_output_leaves_a_text_unread(both: Two, words: tuple[str, ...]) -> None:
    text = both.say()
    done = both.run("chat", "watch", "c1", *words, before=("/bin/sh", "-c", 'exec "$@" >&-', "sh"))
    assert done.returncode == OutputFailed.exit_status
    assert b"standard output is closed" in done.stderr and b"Traceback" not in done.stderr
    comes_again(both, text)


@pytest.mark.parametrize("live", [False, True])
def test_a_reader_that_went_away_leaves_a_text_unread(both: Two, live: bool) -> None:
    text = "" if live else both.say()
    reads, writes = os.pipe()
    os.close(reads)
    with both.watching(stdout=writes) as watcher:
        os.close(writes)
        text = text or both.say()
        assert watcher.ended() == 141
    comes_again(both, text)


@pytest.mark.parametrize(("environment", "shown"), [
    ({"LC_ALL": "en_US.ISO-8859-1"}, STRANGE.encode("latin-1", "backslashreplace")),
    ({"PYTHONIOENCODING": "latin-1"}, STRANGE.encode("latin-1", "backslashreplace")),
    ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, STRANGE.encode("ascii", "backslashreplace")),
    ({"LC_ALL": "C"}, STRANGE.encode()),
])
def test_what_a_locale_lacks_is_shown_as_escapes_and_is_read(both: Two, environment: dict[str, str],
                                                             shown: bytes) -> None:
    both.say(STRANGE)
    environment = {**environment, **both.locales()}
    done = both.run("chat", "history", "c1", "--peek", **environment)
    assert done.returncode == 0 and shown in done.stdout and done.stderr == b""
    with both.watching(**environment) as watcher:
        watcher.until(shown)
        both.until_unread()
        both.say(STRANGE)
        both.until_unread()
        assert watcher.interrupt() == 9
        watcher.until(b"interrupted")
    assert b"Traceback" not in watcher.said


@pytest.mark.parametrize(("script", "mode"), [
    ("#!/bin/sh\n", 0o644), ("exit 0\n", 0o755), ("#!/nowhere/sh\n", 0o755), (None, 0)])
def test_a_hook_that_cannot_be_executed_is_refused_at_the_start(both: Two, script: str | None, mode: int) -> None:
    text = both.say()
    hook = str(both.folder / "missing") if script is None else both.hook(script, mode)
    for verb in ("watch", "open"):
        if verb == "open":
            with both.opened("--hook", hook) as terminal:
                assert terminal.wait_for_end() == UsageError.exit_status and "--hook" in terminal.screen.text
        else:
            done = both.run("chat", "watch", "c1", "--hook", hook)
            assert done.returncode == UsageError.exit_status
            assert len(done.stderr.splitlines()) == 2 and done.stdout == b""
    comes_again(both, text)


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize(("script", "said"), [
    ("exit 1", b"ended with status 1"), ("kill -9 $$", b"was ended by SIGKILL"),
    ("exec /nowhere/at/all", b"ended with status 127")])
def test_a_hook_that_fails_is_said_and_leaves_a_text_unread(both: Two, script: str, said: bytes, live: bool) -> None:
    text = "" if live else both.say()
    with both.watching("--hook", both.hook(f"#!/bin/sh\n{script}\n")) as watcher:
        text = text or both.say()
        watcher.until(text.encode())
        watcher.until(said)
        assert watcher.process.poll() is None, "it goes on"
        assert both.unread() == [text]
        assert watcher.interrupt() == 9
    comes_again(both, text)


def test_a_hook_that_vanished_is_said_and_leaves_a_text_unread(both: Two) -> None:
    with both.watching("--hook", both.hook("#!/bin/sh\n[ -e $0.gone ] && exit 0\nrm $0\n")) as watcher:
        first = both.say()
        watcher.until(first.encode())
        both.until_unread()
        second = both.say()
        watcher.until(b"could not be run: No such file")
    comes_again(both, second)


def test_a_text_is_read_when_the_hook_has_run_and_each_has_a_run_that_began_after_it(both: Two) -> None:
    os.mkfifo(both.folder / "gate")
    give(both.folder / "gate")
    gate = str(both.folder / "gate")
    with both.watching("--hook", both.hook(f'#!/bin/sh\nread line <{gate}\n[ "$line" = go ]\n')) as watcher:
        texts = [both.say()]
        watcher.until(texts[0].encode())
        texts += [both.say(), both.say()]  # while it runs for the first
        watcher.until(texts[2].encode())
        assert both.unread() == texts
        (both.folder / "gate").write_text("stop\n")
        watcher.until(b"ended with status 1")
        assert both.unread() == texts
        (both.folder / "gate").write_text("go\n")
        both.until_unread(texts[0])
    comes_again(both, texts[0])
    (both.folder / "gate").unlink()


def test_a_watcher_that_is_killed_while_its_hook_runs_leaves_a_text_unread(both: Two) -> None:
    os.mkfifo(both.folder / "gate")
    give(both.folder / "gate")
    text = both.say()
    with both.watching("--hook", both.hook(f"#!/bin/sh\nread line <{both.folder}/gate\n")) as watcher:
        watcher.until(text.encode())
        watcher.process.send_signal(signal.SIGKILL)
        assert watcher.ended() == -signal.SIGKILL
        (both.folder / "gate").write_text("go\n")
    (both.folder / "gate").unlink()
    comes_again(both, text)


def test_a_watcher_that_is_killed_after_it_wrote_and_before_it_said_so_leaves_a_text_unread(both: Two) -> None:
    """strace kills it where it makes sure that its file is on the disk."""
    text, log = both.say(), both.folder / "killed.log"
    log.touch()
    give(log)
    with log.open("ab") as file, both.watching(stdout=file, before=(
            "strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync",
            "-e", "inject=fsync:signal=KILL:when=1")) as watcher:
        assert watcher.ended() in (-signal.SIGKILL, 128 + signal.SIGKILL)
    assert text in log.read_text()
    comes_again(both, text)


def test_a_daemon_that_is_killed_before_it_hears_of_it_keeps_a_text_unread(both: Two) -> None:
    os.mkfifo(both.folder / "gate")
    give(both.folder / "gate")
    text = both.say()
    with both.watching("--hook", both.hook(f"#!/bin/sh\nread line <{both.folder}/gate\n")) as watcher:
        watcher.until(text.encode())
        both.ben.kill()
        (both.folder / "gate").write_text("go\n")
        assert watcher.ended() == 3
    (both.folder / "gate").unlink()
    both.ben.start()
    comes_again(both, text)


def test_a_watcher_that_is_stopped_and_one_that_never_reads_leave_a_text_unread(both: Two) -> None:
    first = both.say()
    with both.watching() as watcher, Client(both.ben.socket) as client:
        watcher.until(first.encode())
        both.until_unread()
        client.subscribe("c1")
        watcher.process.send_signal(signal.SIGSTOP)
        text = both.say()
        assert both.unread() == [text]
    comes_again(both, text)


def test_of_two_readers_the_one_that_shows_a_text_counts(both: Two) -> None:
    with open("/dev/full", "wb") as full, both.watching(stdout=full) as broken, both.watching() as watcher:
        text = both.say()
        watcher.until(text.encode())
        assert broken.ended() == OutputFailed.exit_status
        both.until_unread()


def test_the_history_is_read_as_far_as_it_was_shown(both: Two) -> None:
    texts = [both.say(), both.say()]
    with open("/dev/full", "wb") as full:
        done = both.run("chat", "history", "c1", stdout=full)
    assert done.returncode == OutputFailed.exit_status and both.unread() == texts
    assert texts[0].encode() in both.run("chat", "history", "c1", "--peek").stdout and both.unread() == texts
    last = both.ben.call("chat.history", chat="c1")[-1]["id"]
    done = both.run("chat", "history", "c1", "--after", str(last))
    assert done.stdout == b"" and both.unread() == texts, "it was asked for what is behind them"
    done = both.run("chat", "history", "c1", "--after", str(last - 1))
    assert texts[1].encode() in done.stdout and both.unread() == texts[:1]
    comes_again(both, texts[0])


def test_a_program_that_peeks_marks_by_itself_what_it_has_done(both: Two) -> None:
    with both.watching("--peek", "--json") as watcher:
        text = both.say()
        watcher.until(f'"text": "{text}"'.encode())
        number = both.ben.call("chat.history", chat="c1")[-1]["id"]
        assert both.unread() == [text]
    both.restart()
    assert [(row["id"], row["unread"]) for row in both.ben.call("chat.history", chat="c1")] == [(number, True)], \
        "the number stays, by which a program knows a text again"
    done = both.run("chat", "read", "c1", str(number - 1))
    assert done.stdout == b"c1: 1 message unread\n" and both.unread() == [text]
    assert both.run("chat", "read", "c1", str(number)).stdout == b"c1: 0 messages unread\n"
    both.restart()
    assert both.ben.call("chat.history", chat="c1") == []
    assert both.run("chat", "read", "c1").returncode == 2 and both.run("chat", "read", "c1", "x").returncode == 2


def test_in_the_terminal_a_text_is_read_when_it_is_painted(both: Two) -> None:
    before = both.say()
    with both.opened() as terminal:
        terminal.wait_for(f"they #{both.ben.call('chat.history', chat='c1')[-1]['id']} {before}")
        both.until_unread()
        after = both.say()
        terminal.wait_for(after)
        both.until_unread()
        terminal.press("/quit\r")
        assert terminal.wait_for_end(PATIENCE) == 0
    both.restart()
    assert both.ben.call("chat.history", chat="c1") == []


def test_a_terminal_that_lacks_a_character_shows_its_escape(both: Two) -> None:
    both.say(": 5 €")
    with both.opened(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0") as terminal:
        terminal.wait_for(": 5 \\u20ac")
        both.until_unread()


def test_a_terminal_that_stands_still_leaves_a_text_unread(both: Two) -> None:
    first = both.say()
    with both.opened() as terminal:
        terminal.wait_for(first)
        both.until_unread()
        os.kill(terminal._pid, signal.SIGSTOP)
        text = both.say()
        assert both.unread() == [text]
    comes_again(both, text)

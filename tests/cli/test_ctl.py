"""whisperctl as a process against a real control socket: what it prints, where, and its exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from tests.cli.conftest import COMMAND, ROOT, Ctl, environment
from tests.control.sample import ADDRESS, CODE, EXPIRED, LINK, NEXT, SILENT, WRONG, Serving
from tests.waiting import eventually
from whisperd.cli import ctl as whisperctl
from whisperd.cli.verbs.table import VERBS
from whisperd.control.commands import COMMANDS, GROUPS, Command
from whisperd.errors import TimedOut


def leaves(group: click.Group, path: str = "") -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        verb = f"{path} {name}".strip()
        if not isinstance(command, click.Group) or command.invoke_without_command:
            found[verb] = command
        if isinstance(command, click.Group):
            found |= leaves(command, verb)
    return found


# -- the table -------------------------------------------------------------------------------------------------------


def test_every_row_of_the_table_is_a_verb_and_nothing_else_is() -> None:
    verbs = {command.verb for command in COMMANDS}
    assert set(leaves(whisperctl.build())) == verbs == set(VERBS)
    assert {verb.rpartition(" ")[0] for verb in verbs} - {"", *verbs} == set(GROUPS)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.verb)
def test_a_verb_s_help_says_what_the_table_says(command: Command) -> None:
    verb = leaves(whisperctl.build())[command.verb]
    shown = " ".join(verb.get_help(click.Context(verb, info_name=command.verb)).split())
    assert command.help in shown
    for param in command.params:
        assert param.help in shown and (param.option or param.metavar).split("/")[0] in shown
    assert "--json" in shown and "--socket" in shown


# -- start-up --------------------------------------------------------------------------------------------------------


def modules_after(statement: str) -> set[str]:
    script = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}


def test_whisperctl_loads_neither_twisted_nor_what_only_some_verbs_need() -> None:
    loaded = modules_after("from whisperd.cli.ctl import main\nmain(['status', '--json', '--socket', '/nonexistent'])")
    assert "click" in loaded
    assert not loaded & {"twisted", "zope", "rich", "prompt_toolkit", "segno", "asyncio", "nacl", "cryptography"}


@pytest.mark.parametrize("module", ["whisperd.control.client", "whisperd.control.commands", "whisperd.control.events",
                                    "whisperd.wire.control", "whisperd.cli.chat_view.terminal",
                                    "whisperd.cli.completion"])
def test_what_whisperctl_stands_on_does_not_load_twisted(module: str) -> None:
    assert not modules_after(f"import {module}") & {"twisted", "zope"}


# -- the daemon ------------------------------------------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_status_is_one_screen_or_one_object(serving: Serving, ctl: Ctl) -> None:
    screen, line = await gatherResults([ctl("status"), ctl("status", "--json")])
    assert (screen.returncode, screen.stderr, line.returncode) == (0, "", 0)
    for part in ("whisperd 0.1.0, process 4242, up 1 h 2 min", "relay, peer", ADDRESS, "published 1 min 1 s ago",
                 "2 rooms (1 paired, 1 waiting), 3 connections", "tcp:127.0.0.1:8787", "2 room-full", "opt-in",
                 "rooms (total): 1 refused", "private, circuits not distinguished"):
        assert part in screen.stdout
    assert max(map(len, screen.stdout.splitlines())) <= 120 and len(screen.stdout.splitlines()) < 24
    assert json.loads(line.stdout) == await serving.api.status()
    assert line.stdout.count("\n") == 1


@pytest_twisted.ensureDeferred
async def test_status_shows_tor_s_error_with_its_remedy_and_a_daemon_without_roles(serving: Serving, ctl: Ctl) -> None:
    row = await serving.api.status()
    row["tor"] |= {"state": "bootstrapping", "percent": 14, "summary": "Handshaking\x1b[2J", "version": None,
                   "error": {"code": "tor-not-bootstrapped", "message": "no network", "remedy": "Wait."},
                   "onion": {"state": "absent", "address": None, "published_age": None,
                             "reached_age": None, "private": False, "pow": False, "wanted": False,
                             "probe_interval": 1800, "circuits": False,
                             "retiring": {"address": NEXT, "state": "up\x1b", "seconds": 3700}}}
    row |= {"relay": None, "peer": None, "opt_in": ["clearnet"]}

    async def status() -> dict:
        return row

    serving.api.status = status
    screen = await ctl("status")
    assert screen.returncode == 0 and "\x1b" not in screen.stdout
    for part in ("bootstrapping, 14 % Handshaking[2J", "no network", "Wait.", "absent", "clearnet",
                 f"{NEXT} still answers for 1 h 1 min (up)"):
        assert part in screen.stdout
    assert "rooms" not in screen.stdout and "conversations" not in screen.stdout
    assert "told apart" not in screen.stdout
    row["tor"]["onion"] |= {"state": "up", "circuits": True}
    assert "circuits distinguished" in (await ctl("status")).stdout


@pytest_twisted.ensureDeferred
async def test_the_options_stand_before_or_behind_the_verb(serving: Serving, ctl: Ctl) -> None:
    elsewhere = {"WHISPERD_SOCKET": "/nonexistent"}
    runs = await gatherResults([
        ctl("--json", "--socket", serving.path, "chat", "list", **elsewhere),
        ctl("chat", "--json", "--socket", serving.path, "list", **elsewhere),
        ctl("chat", "list", "--socket", serving.path, "--json", **elsewhere),
    ])
    assert [(run.returncode, run.stdout) for run in runs] == [(0, "[]\n")] * 3


@pytest_twisted.ensureDeferred
async def test_the_address_is_printed_alone_or_its_absence_is_an_error(serving: Serving, ctl: Ctl) -> None:
    there, waited = await gatherResults([ctl("address"), ctl("address", "--wait", "1.5", "--json")])
    assert (there.returncode, there.stdout) == (0, ADDRESS + "\n")
    assert json.loads(waited.stdout)["url"] == f"http://{ADDRESS}"
    serving.api.address_now = None
    absent, waited = await gatherResults([ctl("address"), ctl("address", "--wait", "1", "--json")])
    assert absent.returncode == waited.returncode == 36
    assert "publishing" in absent.stderr and absent.stdout == ""
    assert json.loads(waited.stdout)["error"]["code"] == "onion-not-published"


@pytest_twisted.ensureDeferred
async def test_plugins_are_listed(serving: Serving, ctl: Ctl) -> None:
    rows, line = await gatherResults([ctl("plugins"), ctl("plugins", "--json")])
    assert "pqxdh-25519-mlkem1024" in rows.stdout and "KIND" in rows.stdout
    assert json.loads(line.stdout) == await serving.api.plugins()


@pytest_twisted.ensureDeferred
async def test_stop_does_not_say_stopped_while_the_process_lives_on_without_its_socket(
        serving: Serving, ctl: Ctl) -> None:
    done = await ctl("stop", "--wait", "1")
    assert (done.returncode, done.stdout) == (TimedOut.exit_status, "")
    assert "has not stopped yet" in done.stderr
    assert list(Path(serving.path).parent.iterdir()) == []
    assert (await ctl("status")).returncode == 3


@pytest_twisted.ensureDeferred
async def test_stop_says_when_it_takes_too_long(serving: Serving, ctl: Ctl) -> None:
    async def stop() -> dict:
        return {"stopping": True}

    serving.api.stop = stop
    done = await ctl("stop", "--wait", "0.05")
    assert done.returncode == 5 and "has not stopped yet" in done.stderr


# -- errors ----------------------------------------------------------------------------------------------------------


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(("words", "status", "code"), [
    (("chat", "join", EXPIRED), 13, "invite-expired"),
    (("chat", "end", "c9"), 55, "chat-unknown"),
    (("chat", "end"), 55, "chat-unknown"),
    (("status", "--socket", "/nonexistent/control.sock"), 3, "daemon-unreachable"),
    (("chat", "gossip"), 2, "usage"),
    (("status", "--verbose"), 2, "usage"),
    (("chat", "join"), 2, "usage"),
    (("chat", "send", "c1"), 2, "usage"),
    (("chat", "invite", "--floor", "utter"), 2, "usage"),
    (("chat", "invite", "--expires", "soon"), 2, "usage"),
    (("address", "--wait", "-1"), 2, "usage"),
    (("chat", "open", "c1"), 2, "usage"),
])
async def test_an_error_is_two_lines_or_one_object_and_its_own_status(serving: Serving, ctl: Ctl, words, status,
                                                                      code) -> None:
    plain, line = await gatherResults([ctl(*words), ctl(*words, "--json")])
    assert plain.returncode == line.returncode == status
    assert plain.stdout == line.stderr == ""
    assert plain.stderr.startswith("whisperctl: ") and plain.stderr.count("\n") == 2
    error = json.loads(line.stdout)["error"]
    assert error["code"] == code and error["message"] and error["remedy"]
    assert plain.stderr == f"whisperctl: {error['message']}\n{error['remedy']}\n"


@pytest_twisted.ensureDeferred
async def test_a_message_that_begins_with_a_dash_stands_behind_two(serving: Serving, ctl: Ctl) -> None:
    chat = serving.api.add("inviter", "connected")
    done = await ctl("chat", "send", chat, "-5", "degrees")
    assert done.returncode == 2 and "'whisperctl chat send CHAT -- TEXT'" in done.stderr
    assert (await ctl("chat", "send", chat, "--", "-5", "degrees")).returncode == 0
    assert [row["text"] for row in serving.api.said[chat]] == ["-5 degrees"]


def test_no_words_at_all_show_the_help_and_are_a_misuse() -> None:
    done = subprocess.run(COMMAND, capture_output=True, text=True, env=environment("/nonexistent"))
    assert done.returncode == 2 and done.stdout == "" and "Commands:" in done.stderr


def test_help_and_version_need_no_daemon() -> None:
    for words in (["--help"], ["chat", "--help"], ["chat", "send", "-h"], ["--version"]):
        done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, env=environment("/nonexistent"))
        assert done.returncode == 0 and "whisperctl" in done.stdout and done.stderr == ""


@pytest_twisted.ensureDeferred
async def test_a_reader_that_goes_away_is_no_traceback(serving: Serving, ctl: Ctl) -> None:
    chat = serving.api.add("inviter", "connected")
    for _ in range(2_000):
        serving.api.say(chat, "in", "x" * 100, "received")
    done = await deferToThread(
        subprocess.run, ["bash", "-c", '"$@" | head -n 1; exit ${PIPESTATUS[0]}', "-", *COMMAND, "chat", "history"],
        capture_output=True, text=True, env=environment(serving.path), timeout=60)
    assert done.returncode == 141 and done.stderr == ""
    assert done.stdout.count("\n") == 1


# -- conversations ---------------------------------------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_an_invite_prints_the_link_alone_when_no_terminal_reads_it(serving: Serving, ctl: Ctl) -> None:
    done = await ctl("chat", "invite", "--relay", "http://r.onion", "--expires", "60", "--floor", "enhanced")
    assert (done.returncode, done.stdout) == (0, LINK + "\n")
    asked = {"relay": ["http://r.onion"], "expiry": 60, "floor": "enhanced", "access": "", "code": False}
    assert serving.api.calls == [("chat.invite", asked)]
    drawn = await ctl("chat", "invite", "--qr")
    assert drawn.stdout.startswith(LINK + "\n") and "█▀" in drawn.stdout and "\x1b" not in drawn.stdout
    assert json.loads((await ctl("chat", "invite", "--json")).stdout)["link"] == LINK


@pytest_twisted.ensureDeferred
async def test_a_spoken_code_is_printed_alone_and_joined_from_a_word_or_from_standard_input(serving: Serving,
                                                                                           ctl: Ctl) -> None:
    done = await ctl("chat", "invite", "--code")
    assert (done.returncode, done.stdout) == (0, CODE + "\n")
    assert (await ctl("chat", "invite", "--code", "--qr")).stdout == CODE + "\n", "a code is no link to be drawn"
    serving.api.calls.clear()
    await ctl("chat", "join", "--code", CODE, "--relay", "http://r.onion")
    await ctl("chat", "join", "--code", "-", stdin=f"{CODE}\n")
    assert serving.api.calls == [("chat.join", {"link": "", "code": CODE, "relay": "http://r.onion"}),
                                 ("chat.join", {"link": "", "code": CODE, "relay": ""})]


@pytest_twisted.ensureDeferred
async def test_who_waits_for_the_other_side_is_told_of_wrong_codes(serving: Serving, ctl: Ctl) -> None:
    def happen() -> None:
        serving.bus.emit("chat-error", chat="c1", code="spoken-code-wrong", message="somebody came with another code",
                         remedy="Say it again.")
        serving.api.move("c1", "connected", "confirmed")

    serving.api.after_invite = happen
    done = await ctl("chat", "invite", "--code", "--wait", "60")
    assert (done.returncode, done.stdout.splitlines()) == (0, [
        CODE, "c1 error spoken-code-wrong: somebody came with another code. Say it again.",
        "c1 is connected (confirmed), level enhanced"])
    serving.api.after_invite = lambda: serving.api.move("c2", "ended", "spoken-code-used-up")
    assert (await ctl("chat", "invite", "--code", "--wait", "60")).returncode == 56
    assert (await ctl("chat", "invite", "--wait", "0.1")).returncode == 5


@pytest_twisted.ensureDeferred
async def test_join_takes_the_link_as_a_word_or_from_standard_input(serving: Serving, ctl: Ctl) -> None:
    word, read = await gatherResults([ctl("chat", "join", LINK), ctl("chat", "join", "-", stdin=LINK + "\n")])
    assert word.returncode == read.returncode == 0
    assert {word.stdout, read.stdout} == {"c1 is handshake\n", "c2 is handshake\n"}


@pytest_twisted.ensureDeferred
async def test_join_waits_until_connected_or_says_what_went_wrong(serving: Serving, ctl: Ctl) -> None:
    good, wrong, silent = await gatherResults([
        ctl("chat", "join", link, "--wait", wait, "--json") for link, wait in ((LINK, "10"), (WRONG, "10"),
                                                                             (SILENT, "0.2"))])
    assert json.loads(good.stdout)["state"] == "connected"
    assert (wrong.returncode, json.loads(wrong.stdout)["error"]["code"]) == (20, "wrong-secret")
    assert (silent.returncode, json.loads(silent.stdout)["error"]["code"]) == (5, "timed-out")


@pytest_twisted.ensureDeferred
async def test_a_message_is_queued_or_waited_for(serving: Serving, ctl: Ctl) -> None:
    chat = serving.api.add("inviter", "connected")
    assert (await ctl("chat", "send", chat, "two", "words")).stdout == "c1 #1 is queued\n"
    assert (await ctl("chat", "send", chat, "again", "--wait", "10")).stdout == "c1 #2 is delivered\n"
    late = await ctl("chat", "send", chat, "slow", "--wait", "0.05")
    assert late.returncode == 5 and "stays queued" in late.stderr
    assert [row["text"] for row in serving.api.said[chat]] == ["two words", "again", "slow"]


@pytest_twisted.ensureDeferred
async def test_waiting_for_a_message_ends_with_the_conversation(serving: Serving, ctl: Ctl) -> None:
    chat = serving.api.add("inviter", "connected")
    serving.bus.subscribe(lambda event: reactor.callLater(0, serving.api.move, chat, "ended")
                          if event["event"] == "chat-message" else None)
    assert (await ctl("chat", "send", chat, "slow", "--wait", "10")).returncode == 56


@pytest_twisted.ensureDeferred
async def test_the_only_conversation_need_not_be_named(serving: Serving, ctl: Ctl) -> None:
    serving.api.add("inviter", "ended")
    chat = serving.api.add("inviter", "connected")
    for text in ("hello", "hello there"):
        assert (await ctl("chat", "send", text)).returncode == 0
    assert [row["text"] for row in serving.api.said[chat]] == ["hello", "hello there"]
    serving.api.add("inviter", "connected")
    done = await ctl("chat", "send", "hello")
    assert done.returncode == 2 and "You have c2, c3" in done.stderr


@pytest_twisted.ensureDeferred
async def test_each_line_of_standard_input_is_a_message(serving: Serving, ctl: Ctl) -> None:
    chat = serving.api.add("inviter", "connected")
    done = await ctl("chat", "send", chat, "-", "--wait", "10", "--json", stdin="one\n\n  two \nthree")
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"chat": chat, "id": number, "state": "delivered"} for number in (1, 2, 3)]
    assert [row["text"] for row in serving.api.said[chat]] == ["one", "  two ", "three"]


@pytest_twisted.ensureDeferred
async def test_verify_shows_words_and_marks_them_only_when_told(serving: Serving, ctl: Ctl) -> None:
    chat = serving.api.add("inviter", "connected")
    shown = await ctl("chat", "verify", chat)
    assert "abandon ability able about above absent" in shown.stdout and "not verified" in shown.stdout
    assert not serving.api.chats[chat]["verified"]
    marked = await ctl("chat", "verify", chat, "--yes", "--json")
    assert json.loads(marked.stdout)["verified"] is True and serving.api.chats[chat]["verified"]


@pytest_twisted.ensureDeferred
async def test_list_history_and_end(serving: Serving, ctl: Ctl) -> None:
    assert (await ctl("chat", "list")).stdout == "There are no conversations.\n"
    chat = serving.api.add("inviter", "connected")
    serving.api.say(chat, "in", "evil \x1b]0;title\x07\u202etext", "received")
    serving.api.say(chat, "out", "good", "delivered")
    listed, history, later = await gatherResults([
        ctl("chat", "list"), ctl("chat", "history"), ctl("chat", "history", "--after", "1", "--json")])
    assert listed.stdout.splitlines()[1].split()[:5] == ["c1", "-", "connected", "relay", "enhanced"]
    assert history.stdout == "c1 < #1 evil ]0;titletext\nc1 > #2 good (delivered)\n"
    assert json.loads(later.stdout) == {"event": "chat-message", "chat": chat, "id": 2, "direction": "out",
                                        "text": "good", "state": "delivered", "timer": 0, "unread": False}
    assert (await ctl("chat", "end")).stdout == "c1 is ended\n"


def watch(serving: Serving, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen([*COMMAND, "chat", "watch", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, env=environment(serving.path))


@pytest_twisted.ensureDeferred
async def test_watch_prints_history_then_events_once_each_until_the_end(serving: Serving) -> None:
    chat = serving.api.add("inviter", "connected")
    serving.api.say(chat, "in", "before", "received")
    watching = watch(serving, chat, "--json")
    assert watching.stdout is not None
    first = json.loads(await deferToThread(watching.stdout.readline))
    assert (first["event"], first["text"]) == ("chat-message", "before")
    serving.api.say("c1", "in", "after", "received")
    serving.bus.emit("chat-state", chat="c2", state="connected", reason="", level=None)
    serving.api.move(chat, "ended", "peer-ended")
    rest = [json.loads(line) for line in (await deferToThread(watching.stdout.read)).splitlines()]
    assert [(event["event"], event.get("text", event.get("state"))) for event in rest] == [
        ("chat-message", "after"), ("chat-state", "ended")]
    assert watching.wait(60) == 0


@pytest_twisted.ensureDeferred
async def test_watch_says_when_the_daemon_stops(serving: Serving) -> None:
    chat = serving.api.add("inviter", "connected")
    serving.api.say(chat, "in", "hello", "received")
    watching = watch(serving)
    assert watching.stdout is not None
    assert await deferToThread(watching.stdout.readline) == "c1 < #1 hello\n"
    # until it has all that was said before
    await eventually(lambda: ("chat.history", {"after": 1}) in serving.api.calls)
    serving.api.say(chat, "in", "again", "received")
    assert await deferToThread(watching.stdout.readline) == "c1 < #2 again\n"
    await serving.api.stop()
    out, err = await deferToThread(watching.communicate, timeout=60)
    assert (watching.returncode, out) == (3, "the daemon is stopping\n")
    assert err.startswith("whisperctl: the daemon stopped\n")


@pytest_twisted.ensureDeferred
async def test_watch_shows_what_a_daemon_said_that_stopped_while_it_was_told_what_was_read(serving: Serving) -> None:
    async def stopped(chat: str, id: int, after: int = 0) -> dict:
        await serving.api.stop()
        return await Deferred()

    serving.api.say(serving.api.add("inviter", "connected"), "in", "hello", "received")
    serving.api.chat_read = stopped
    watching = watch(serving)
    out, err = await deferToThread(watching.communicate, timeout=60)
    assert (watching.returncode, out) == (3, "c1 < #1 hello\nthe daemon is stopping\n")
    assert err.startswith("whisperctl: the daemon stopped\n")


@pytest_twisted.ensureDeferred
async def test_an_interrupt_is_its_own_status_and_no_traceback(serving: Serving) -> None:
    chat = serving.api.add("inviter", "connected")
    serving.api.say(chat, "in", "hello", "received")
    watching = watch(serving)
    assert watching.stdout is not None
    await deferToThread(watching.stdout.readline)
    watching.send_signal(2)
    _, err = await deferToThread(watching.communicate, timeout=60)
    assert watching.returncode == 9 and err.startswith("whisperctl: interrupted\n") and err.count("\n") == 2


@pytest_twisted.ensureDeferred
async def test_what_was_not_waited_for_to_the_end_is_not_to_be_done_again(serving: Serving, ctl: Ctl) -> None:
    serving.api.add("inviter", "away")
    sent = await ctl("chat", "send", "c1", "slow", "--wait", "0.05")
    assert sent.returncode == TimedOut.exit_status and "do not send it again" in sent.stderr
    invited = await ctl("chat", "invite", "--wait", "0.05")
    assert invited.returncode == TimedOut.exit_status and "do not make another one" in invited.stderr
    assert "longer --wait" not in sent.stderr + invited.stderr

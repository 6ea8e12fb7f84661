"""What is typed is what is meant: no option is taken out of a message, and nothing empty means the default."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click
import pytest

from tests.installed.kit import Installation
from tests.installed.three_people import Three, all_there_is, nothing_happens, three_people
from whisperd.cli import ctl
from whisperd.cli.daemon.main import cli
from whisperd.control.commands import COMMANDS, Command

#: What somebody may say about options; {} is the control socket of the other side.
SAID = [("start", "it", "with", "--socket", "{}", "and", "tell", "me"), ("start", "--socket={}", "now"),
        ("start", "--socket", "{}"), ("wait", "a", "bit", "--wait", "5"), ("say", "--wait=5", "then"),
        ("print", "it", "as", "--json"), ("ask", "--help"), ("ask", "-h", "for", "help"), ("it", "is", "-5", "degrees"),
        ("git", "checkout", "--", "file"), ("key", "--"), ("use", "--unknown"), ("two", "words", "--unknown=1")]
MANY = [command for command in COMMANDS if any(param.many for param in command.params)]
WITH_WORDS = [command for command in COMMANDS if any(not param.option for param in command.params)]


def options(group: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words of each option that takes a value, behind those of its command."""
    for param in group.params:
        if isinstance(param, click.Option) and not param.is_flag and not param.count:
            yield (*path, param.opts[0])
    for name, command in group.commands.items() if isinstance(group, click.Group) else ():
        yield from options(command, (*path, name))


@pytest.fixture(scope="module")
def three(programs: Installation) -> Iterator[Three]:
    with three_people(programs) as made:
        yield made


@pytest.mark.parametrize("said", SAID, ids=" ".join)
@pytest.mark.parametrize("command", MANY, ids=lambda command: command.verb)
def test_no_option_is_taken_out_of_a_message(three: Three, command: Command, said: tuple[str, ...]):
    words = [word.format(three.carl.socket) for word in said]
    with nothing_happens(three):
        for chat in (three.carls, three.with_carl):  # one is there in the daemon that the words name
            done = three.anna.whisperctl(*command.verb.split(), chat, *words)
            told = done.stdout + done.stderr
            assert done.returncode == 2 and "uote the " in told and "write '--' before it" in told, told


def test_a_message_in_quotes_or_behind_two_hyphens_goes_as_it_is_with_options_around_it(three: Three):
    chat, said = three.with_carl, f"start it with --socket {three.carl.socket} --help"
    before = len(all_there_is(three.anna)["said"][0])
    for words in ((chat, said), (chat, said, "--wait", "100"), ("--wait", "100", chat, said), (chat, "--json", said),
                  (chat, "--", *said.split()), ("--", chat, *said.split()), ("--wait=100", chat, "--", *said.split())):
        done = three.anna.whisperctl("chat", "send", *words)
        assert done.returncode == 0, (words, done.stderr)
    rows = [row["text"] for row in three.anna.call("chat.history", chat=chat)]
    assert rows[before:] == [said] * 7


def test_standard_input_is_sent_to_nobody_who_is_not_named(three: Three):
    for words in (("-",), ("--wait", "5", "-"), ("--", "-")):
        with nothing_happens(three):
            done = three.anna.whisperctl("chat", "send", *words, input="ben is late, the key is under the mat\n")
            assert done.returncode == 2 and "whisperctl chat send CHAT -" in done.stderr, done


@pytest.mark.parametrize("words", list(options(ctl.build())), ids=" ".join)
def test_no_option_of_whisperctl_is_empty(three: Three, words: tuple[str, ...]):
    with nothing_happens(three):
        for given in ((*words, ""), (*words[:-1], f"{words[-1]}=")):
            done = three.anna.whisperctl("--json", *given)
            assert done.returncode == 2 and json.loads(done.stdout)["error"]["code"] == "usage", (given, done)


@pytest.mark.parametrize("words", list(options(cli)), ids=" ".join)
def test_no_option_of_whisperd_is_empty(three: Three, words: tuple[str, ...]):
    behind = [] if len(words) > 1 else ["config", "check"]
    for given in ((*words, ""), (*words[:-1], f"{words[-1]}=")):
        done = three.anna.text_of([three.anna.programs.whisperd, *given, *behind])
        assert done.returncode == 2 and words[-1] in done.stderr and done.stdout == "", (given, done)


@pytest.mark.parametrize("command", WITH_WORDS, ids=lambda command: command.verb)
def test_no_word_is_empty(three: Three, command: Command):
    names = [param.name for param in command.params if not param.option]
    with nothing_happens(three):
        for empty in names:
            words = ["" if name == empty else three.with_carl if name == "chat" else "1" for name in names]
            done = three.anna.whisperctl("--json", *command.verb.split(), *words)
            assert done.returncode == 2 and json.loads(done.stdout)["error"]["code"] == "usage", (words, done)
    if command in MANY:
        with nothing_happens(three):
            assert three.anna.whisperctl(*command.verb.split(), three.with_carl, "the", "", "key").returncode == 2


def test_an_empty_variable_is_one_that_is_not_set(three: Three):
    unset = {"XDG_RUNTIME_DIR": str(three.anna.folder), "WHISPERD_SOCKET": ""}
    done = three.anna.text_of([three.anna.programs.whisperctl, "--json", "status"], environment=unset)
    assert json.loads(done.stdout)["error"]["code"] == "daemon-unreachable"
    assert f"{three.anna.folder}/whisperd/control.sock" in done.stdout


@pytest.mark.parametrize("value", ["nan", "NaN", "-nan", "inf", "-inf", "1e999"])
def test_what_is_no_number_is_none_for_any_option(three: Three, value: str):
    tried = 0
    for command in COMMANDS:
        for param in command.params:
            if param.option and param.type in ("number", "integer"):
                done = three.anna.whisperctl("--json", *command.verb.split(), f"{param.option}={value}")
                assert done.returncode == 2 and json.loads(done.stdout)["error"]["code"] == "usage", done
                tried += 1
    assert tried > 10 and three.anna.serves()


def test_contacts_are_found_in_any_case_by_every_verb(three: Three):
    anna = three.anna
    for words in (("contact", "listen", "BEN"), ("contact", "listen", "Ben", "--off"), ("contact", "block", "BEN"),
                  ("contact", "unblock", "bEN"), ("contact", "unblock", "MALLORY"), ("contact", "rename", "BEN", "Bo"),
                  ("contact", "rename", "BO", "ben"), ("contact", "rename", "bEN", "Ben")):
        done = anna.whisperctl(*words)
        assert done.returncode == 0, (words, done.stderr)
    called = anna.ask("chat", "call", "BEN")["chat"]
    assert anna.chats()[called]["contact"] == "Ben"
    assert anna.whisperctl("contact", "remove", "\uff22EN").returncode == 0
    assert anna.ask("contact", "remove", "Mallory") == {"contact": "mallory", "removed": True}
    assert anna.call("contact.list") == []
    assert anna.whisperctl("contact", "save", three.with_carl, "carl").returncode == 0
    assert anna.ask("contact", "remove", "CARL") == {"contact": "carl", "removed": True}, "an offer, too"
    assert anna.call("contact.list") == []

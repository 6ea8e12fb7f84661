"""No verb reaches another conversation than the one that is named: whisperctl and the control socket, against daemons.

Every row of COMMANDS that takes a conversation is tried, so a new one cannot leave names to chance."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.installed.kit import Installation, heard, meet, until
from tests.installed.three_people import Three, code_of, nothing_happens, on_a_terminal, three_people, watched
from whisperd.control.commands import COMMANDS, METHODS, Command, Param

#: What whisperctl and the socket say to a name, by the name. Ben has no conversation, Mallory is blocked.
NAMES = {"ben": "chat-unknown", "bne": "chat-unknown", "mallory": "contact-blocked", "C99": "chat-unknown",
         "off": "chat-unknown"}
MORE_NAMES = NAMES | dict.fromkeys(("BEN", "c4x", "c99", "c01", "ben smith", "nobody", "\uff43\uff13"), "chat-unknown")
#: What stands behind the conversation, by the parameter's name.
BEHIND = {"text": "the key is under the mat", "path": "note.txt", "file": "f1", "id": "1", "time": "10m",
          "name": "dora"}
WITH_A_CHAT = [command for command in COMMANDS if any(param.name == "chat" for param in command.params)]


def behind(command: Command) -> list[Param]:
    return [param for param in command.params if not param.option and param.name != "chat"]


def words_behind(command: Command) -> list[str]:
    return [word for param in behind(command)
            for word in (str(BEHIND[param.name]).split() if param.many else [str(BEHIND[param.name])])]


@pytest.fixture(scope="module")
def three(programs: Installation) -> Iterator[Three]:
    with three_people(programs) as made:
        made.anna.write("note.txt", "hello")
        for name in ("ben", "c1"):  # a file of this name must not be sent either
            made.anna.write(name, "secret")
        yield made


def refusal(three: Three, command: Command, *words: str, stdin: str = "") -> str:
    """Return the code of the error that a verb ends with."""
    if command.terminal:
        status, said = on_a_terminal(three.anna, *command.verb.split(), "--json", "--", *words)
        assert status != 0 and said == "", said
        code = ""
    else:
        done = three.anna.whisperctl(*command.verb.split(), "--json", "--", *words, input=stdin)
        assert done.returncode != 0, (words, done.stdout)
        error = json.loads(done.stdout)["error"]
        assert error["message"] and error["remedy"] and done.stderr == "", done
        code = error["code"]
    return code


def test_the_table_marks_whatever_names_a_conversation():
    assert len(WITH_A_CHAT) >= 13
    for command in COMMANDS:
        for param in command.params:
            assert param.conversation == (param.name == "chat" or param.metavar == "CHAT"), command.verb
            assert not param.implied or param.conversation
    for command in METHODS.values():
        assert command.conversations == tuple(param.name for param in command.sent if param.name == "chat")


@pytest.mark.parametrize("command", WITH_A_CHAT, ids=lambda command: command.verb)
def test_a_name_that_is_not_meant_for_it_leaves_the_only_conversation_alone(three: Three, command: Command):
    with nothing_happens(three):
        for name, code in NAMES.items():
            assert refusal(three, command, name, *words_behind(command)) in (code, ""), name
        assert refusal(three, command, "", *words_behind(command)) in ("usage", "")


@pytest.mark.parametrize("command", [command for command in WITH_A_CHAT if behind(command)],
                         ids=lambda command: command.verb)
def test_a_single_word_that_is_a_name_is_nothing_else(three: Three, command: Command):
    with nothing_happens(three):
        for name in ("ben", "mallory", "C1", *([three.with_carl] if behind(command)[0].required else [])):
            assert refusal(three, command, name) in ("usage", "chat-unknown", "contact-blocked"), name
        assert refusal(three, command, three.with_carl, "") == "usage"


@pytest.mark.parametrize("words", [("bne",), ("BEN",), ("ben,",), ("malory",), ("ben the key",), ("@ben: the key",),
                                   ("C4 is it",), ("c",), ("hello", "-"), ("-", "hello"), ("ben", "-"), ("bne", "-"),
                                   ("C4", "-"), ("ben", "--", "-5"), ("hello", "there"), ("",), ()])
def test_a_message_that_may_begin_with_a_name_is_not_sent(three: Three, words: tuple[str, ...]):
    send = next(command for command in COMMANDS if command.verb == "chat send")
    with nothing_happens(three):
        assert refusal(three, send, *words, stdin="the key\nis under the mat\n") in ("usage", "chat-unknown")


def test_an_error_says_what_can_be_meant(three: Three):
    away = three.anna.whisperctl("chat", "send", "BEN", "the", "key")
    assert away.returncode == 55 and away.stdout == ""
    assert "there is no conversation with ben" in away.stderr and "'whisperctl chat call ben'" in away.stderr
    wrong = three.anna.whisperctl("chat", "send", "bne", "the", "key")
    assert "no conversation or contact 'bne'" in wrong.stderr and "Did you mean ben?" in wrong.stderr
    assert three.with_carl in wrong.stderr
    assert "The first of several words is the name of the conversation." in wrong.stderr
    near = three.anna.whisperctl("chat", "send", "bem")
    assert near.returncode == 2 and "could be the name ben" in near.stderr


def test_every_method_of_the_socket_takes_names_and_guesses_nothing(three: Three):
    with nothing_happens(three):
        for command in METHODS.values():
            if not command.conversations or command.file:
                continue
            given = {param.name: int(BEHIND[param.name]) if param.type == "integer" else BEHIND[param.name]
                     for param in command.sent if param.name != "chat" and param.required}
            for name, code in MORE_NAMES.items():
                assert code_of(three.anna, command.method, chat=name, **given) == code, (command.method, name)


def test_no_contact_is_named_like_a_conversation(three: Three):
    for name in ("c4", "C4", "c04", "\u0441\u0034", "\u1d044", "\uabaf4", "\ua4da\u0664", "b4", "c\u0664", "c\u00b2",
                 three.with_carl):
        assert code_of(three.anna, "contact.rename", name="ben", new=name) == "usage", name
        assert code_of(three.anna, "contact.save", chat=three.with_carl, name=name) == "usage", name
    done = three.anna.whisperctl("contact", "save", three.with_carl, "C4")
    assert done.returncode == 2 and "look like the id of a conversation" in done.stderr


def test_the_right_names_find_their_conversation_in_every_verb(programs: Installation):
    with three_people(programs) as three:
        anna, carl, chat = three.anna, three.carl, three.with_carl
        anna.write("note.txt", "hello")
        assert anna.whisperctl("chat", "send", "hello").returncode == 0
        assert anna.whisperctl("chat", "send", "--", "-5 degrees").returncode == 0
        assert anna.whisperctl("contact", "save", "carl").stdout.startswith("carl is offered")
        assert code_of(anna, "contact.rename", name="ben", new="Carl") == "contact-exists", "it is offered already"
        assert anna.whisperctl("chat", "send", "carl", "not agreed yet").returncode == 0
        until(lambda: any(row["state"] == "asked" for row in carl.call("contact.list")))
        carl.call("contact.save", chat=three.carls, name="anna")
        until(lambda: any(row["contact"] == "carl" for row in anna.call("chat.list")))
        assert anna.whisperctl("chat", "find", "Carl").stdout == f"{chat}\n" == anna.whisperctl("chat", "find").stdout
        others, bens = meet(anna, three.ben)
        for words in (("send", "CARL", "the", "key"), ("send", "carl", "--", "-x", "-"),
                      ("send-file", "carl", "note.txt"),
                      ("history", "carl"), ("files", "carl"), ("verify", "carl"), ("timer", "carl", "10m")):
            assert anna.whisperctl("chat", *words).returncode == 0, words
        assert anna.whisperctl("chat", "send", "carl", "-", input="one\ntwo\n").returncode == 0
        assert anna.whisperctl("chat", "send", "hello").returncode == 2, "there are two now"
        files = anna.whisperctl("chat", "files", "carl").stdout
        assert chat in files and others not in files
        assert {row["chat"] for row in watched(anna, "Carl", 7)} == {chat}
        until(lambda: len(heard(carl, three.carls)) == 7)
        assert heard(carl, three.carls) == ["hello", "-5 degrees", "not agreed yet", "the key", "-x -", "one", "two"]
        assert heard(three.ben, bens) == []
        assert anna.whisperctl("chat", "end", "carl").stdout == f"{chat} is ended\n"
        assert anna.state(others) == "connected"
        assert anna.whisperctl("chat", "end", "carl").returncode == 55 and anna.state(others) == "connected"

"""'whisperctl chat open' on a real terminal, and the other verbs that behave differently there."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from tests.cli.conftest import COMMAND, environment
from tests.cli.terminal import Terminal
from tests.control.sample import LINK, Serving
from whisperd.errors import ContactChanged

Person = Callable[..., Terminal]


@pytest.fixture
def person(serving: Serving) -> Iterator[Person]:
    """Start whisperctl with these words on a terminal."""
    started: list[Terminal] = []

    def start(*words: str, **more: str) -> Terminal:
        started.append(Terminal([*COMMAND, *words], environment(serving.path, **more)))
        return started[-1]

    yield start
    for terminal in started:
        terminal.close()


def shown(terminal: Terminal, what: str) -> Deferred[Any]:
    return deferToThread(terminal.wait_for, what)


def ended(terminal: Terminal) -> Deferred[Any]:
    return deferToThread(terminal.wait_for_end)


@pytest_twisted.ensureDeferred
async def test_a_conversation_is_held_with_its_history_and_delivery_marks(serving: Serving, person: Person) -> None:
    chat = serving.api.add("inviter", "connected")
    serving.api.say(chat, "in", "before you came", "received")
    view = person("chat", "open")
    await shown(view, "they #1 before you came")
    await shown(view, "c1 | connected | relay | enhanced | not verified")
    serving.bus.emit("chat-link", chat=chat, link="onion")
    assert "goes over" not in await shown(view, "c1 | connected | onion | enhanced | not verified")
    view.press("hello there\r")
    await shown(view, "you  #2 hello there (queued)")
    await shown(view, "#2 sent")
    assert "#2 queued" not in await shown(view, "#2 delivered")
    view.press("echo: and back\r")
    await shown(view, "you  #3 echo: and back")
    await shown(view, "they #4 and back")
    view.press("//slash\r")
    await shown(view, "you  #5 /slash")
    view.press("/quit\r")
    await shown(view, "The conversation continues")
    assert await ended(view) == 0
    assert [row["text"] for row in serving.api.said[chat]] == \
        ["before you came", "hello there", "echo: and back", "and back", "/slash"]
    assert serving.api.chats[chat]["state"] == "connected"


@pytest_twisted.ensureDeferred
async def test_incoming_lines_do_not_disturb_the_one_that_is_typed(serving: Serving, person: Person) -> None:
    chat = serving.api.add("inviter", "connected")
    view = person("chat", "open", chat)
    await shown(view, "not verified")
    view.press("half a sen")
    await shown(view, "half a sen")
    serving.api.say(chat, "in", "an interruption", "received")
    await shown(view, "they #1 an interruption")
    view.press("tence\r")
    await shown(view, "you  #2 half a sentence")
    view.press("\x04")
    assert await ended(view) == 0


@pytest_twisted.ensureDeferred
async def test_verification_is_shown_and_marked(serving: Serving, person: Person) -> None:
    chat = serving.api.add("inviter", "connected")
    view = person("chat", "open", chat)
    await shown(view, "not verified")
    view.press("/verify\r")
    await shown(view, "abandon ability able about above absent")
    await shown(view, "/verify yes")
    assert not serving.api.chats[chat]["verified"]
    view.press("/verify yes\r")
    await shown(view, "c1 is verified")
    await shown(view, "enhanced | verified")
    assert serving.api.chats[chat]["verified"]


@pytest_twisted.ensureDeferred
async def test_a_timer_is_proposed_accepted_and_shown_and_a_message_is_said_to_have_disappeared(
        serving: Serving, person: Person) -> None:
    chat = serving.api.add("inviter", "connected")
    serving.api.say(chat, "in", "for a while", "received")
    view = person("chat", "open", chat)
    await shown(view, "not verified")
    serving.api.chats[chat]["timer"] = {"seconds": 0, "proposed": 600, "by": "them"}
    serving.bus.emit("chat-timer", chat=chat, seconds=0, proposed=600, by="them")
    await shown(view, "the other side proposes that they disappear 10 min after delivery")
    await shown(view, "not verified | timer off (they: 10 min?)")
    view.press("/timer accept\r")
    await shown(view, "-- c1: messages disappear 10 min after delivery")
    await shown(view, "not verified | timer 10 min")
    view.press("/timer 1d\r")
    await shown(view, "you propose that they disappear 1 d after delivery")
    view.press("/timer soon\r")
    await shown(view, "a timer must be from 5 seconds to 4 weeks")
    view.press("\x15/timer\r")
    await shown(view, "messages disappear 10 min after delivery; you propose")
    serving.bus.emit("message-state", chat=chat, id=1, state="disappeared")
    await shown(view, "#1 has disappeared")
    view.press("\x04")
    assert await ended(view) == 0


@pytest_twisted.ensureDeferred
async def test_a_timer_is_proposed_in_another_conversation(serving: Serving, person: Person) -> None:
    here, there = serving.api.add("inviter", "connected"), serving.api.add("joiner", "connected")
    view = person("chat", "open", here)
    await shown(view, "c1>")
    serving.bus.emit("chat-timer", chat=there, seconds=0, proposed=600, by="them")
    await shown(view, "c2 proposes a timer; to go there, type '/go c2'")
    view.press("\x04")
    assert await ended(view) == 0


@pytest_twisted.ensureDeferred
async def test_a_call_and_a_contact_that_may_be_somebody_else_are_shown_wherever_one_is(
        serving: Serving, person: Person) -> None:
    here, there = serving.api.add("inviter", "connected"), serving.api.add("inviter", "handshake")
    view = person("chat", "open", here)
    await shown(view, "c1>")
    serving.bus.emit("contact-state", contact="ben", state="called", chat=there)
    await shown(view, "c2 calls; to go there, type '/go c2'")
    error = ContactChanged()
    serving.bus.emit("contact-error", contact="ben", code=error.code, message=error.message, remedy=error.remedy)
    await shown(view, "-- ben error contact-changed: the other side answered")
    view.press("\x04")
    assert await ended(view) == 0


@pytest_twisted.ensureDeferred
async def test_several_conversations_are_held_in_one_view_and_no_line_goes_astray(
        serving: Serving, person: Person) -> None:
    here, there = serving.api.add("inviter", "connected"), serving.api.add("joiner", "connected")
    serving.api.say(there, "in", "from long ago", "received")
    view = person("chat", "open", here)
    await shown(view, "c1>")
    serving.api.say(there, "in", "are you there?", "received")
    await shown(view, "c2 sent a message; to go there, type '/go c2'")
    serving.api.say(there, "in", "hello?", "received")
    assert "are you there" not in await shown(view, "c2: 2 new")
    view.press("to the first\r")
    await shown(view, "you  #1 to the first")
    view.press("/chats\r")
    await shown(view, "c2: 2 new")
    view.press("/go nobody\r")
    await shown(view, "there is no conversation or contact 'nobody'")
    view.press("\x15/go\r")
    await shown(view, "they #1 from long ago")
    await shown(view, "they #3 hello?")
    await shown(view, "c2>")
    view.press("to the second\r")
    await shown(view, "you  #4 to the second")
    view.press("/go c1\r")
    await shown(view, "-- c1")
    view.press("/end\r")
    assert await ended(view) == 0
    assert [row["text"] for row in serving.api.said[there]][-1] == "to the second"
    assert serving.api.chats[there]["state"] == "connected"


@pytest_twisted.ensureDeferred
async def test_a_conversation_in_the_background_stands_as_it_is_when_one_returns(
        serving: Serving, person: Person) -> None:
    here, there = serving.api.add("inviter", "connected"), serving.api.add("joiner", "connected")
    serving.api.put_file(here, "in", "slow.iso", b"x" * 1_000)
    view = person("chat", "open", here)
    view.press("/accept f1\r")
    await shown(view, "f1 [##########----------] 50 %")
    view.press("slow one\r")
    await shown(view, "1 message not delivered yet")
    view.press(f"/go {there}\r")
    await shown(view, "c2>")
    serving.api.deliver(here, 1, "slow one")
    serving.api.turn_file("f1", "done")
    serving.bus.emit("chat-error", chat=here, code="x", message="something was lost", remedy="Ask again.")
    view.press("slow too\r")
    assert "#1 delivered" not in await shown(view, "you  #1 slow too")
    view.press(f"/go {here}\r")
    await shown(view, "#1 delivered")
    await shown(view, "c1 f1 'slow.iso', 1.0 kB, from them, is done")
    await shown(view, "error something was lost. Ask again.")
    view.press("and now")
    screen = await shown(view, "c1> and now")
    assert "under way" not in screen and "[#####" not in screen


@pytest_twisted.ensureDeferred
async def test_help_completion_and_errors(serving: Serving, person: Person) -> None:
    chat = serving.api.add("inviter", "connected")
    view = person("chat", "open", chat)
    await shown(view, "not verified")
    view.press("/he")
    await shown(view, "show this help; to start a message")
    view.press("\t")
    await shown(view, "> /help")
    view.press("\r")
    await shown(view, "end the conversation, destroy its keys")
    view.press("/gossip\r")
    await shown(view, "there is no such command")
    serving.api.chats[chat]["state"] = "ended"
    view.press("too late\r")
    await shown(view, "this conversation has ended and its keys are destroyed")
    await shown(view, "> too late")


@pytest_twisted.ensureDeferred
async def test_the_view_ends_with_the_conversation_on_either_side(serving: Serving, person: Person) -> None:
    here, there = serving.api.add("inviter", "connected"), serving.api.add("inviter", "connected")
    view = person("chat", "open", here)
    await shown(view, "not verified")
    view.press("/end\r")
    await shown(view, "c1 is ended; its keys are destroyed.")
    assert await ended(view) == 0
    view = person("chat", "open", there)
    await shown(view, "not verified")
    serving.api.move(there, "away", "lost")
    await shown(view, "c2 is away (lost)")
    await shown(view, "c2 | away")
    serving.api.move(there, "ended", "peer-ended")
    await shown(view, "c2 is ended (peer-ended)")
    assert await ended(view) == 0


@pytest_twisted.ensureDeferred
async def test_a_daemon_that_stops_ends_the_view_with_its_own_status(serving: Serving, person: Person) -> None:
    chat = serving.api.add("inviter", "connected")
    view = person("chat", "open", chat)
    await shown(view, "not verified")
    await serving.api.stop()
    await shown(view, "the daemon is stopping")
    await shown(view, "whisperctl: the daemon closed the connection")
    assert await ended(view) == 3


@pytest_twisted.ensureDeferred
async def test_what_keeps_a_conversation_from_its_relay_is_shown_with_what_can_be_done(
        serving: Serving, person: Person) -> None:
    chat = serving.api.add("inviter", "away")
    serving.api.chats[chat] |= {"link": None, "trouble": "dial-failed"}
    view = person("chat", "open", chat)
    await shown(view, "c1 | away | dial-failed | enhanced")
    await shown(view, "make a new invite")
    view.press("/chats\r")
    await shown(view, "- (dial-failed)")


@pytest_twisted.ensureDeferred
async def test_an_unknown_conversation_is_refused_before_anything_is_shown(serving: Serving, person: Person) -> None:
    view = person("chat", "open", "c7")
    await shown(view, "there is no such conversation")
    assert await ended(view) == 55


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
async def test_it_works_without_colour(serving: Serving, person: Person, variables: dict[str, str]) -> None:
    chat = serving.api.add("inviter", "connected")
    serving.api.say(chat, "in", "in plain black", "received")
    view = person("chat", "open", chat, **variables)
    await shown(view, "Type a message")
    view.press("hello\r")
    await shown(view, "#2 delivered")
    assert not re.findall(r"\x1b\[(?:[0-9;]*;)?(?:3|4|9|10)[0-7](?:;[0-9;]*)?m", view.raw)
    view.press("/quit\r")
    assert await ended(view) == 0


@pytest_twisted.ensureDeferred
async def test_what_the_other_side_writes_cannot_act_on_the_terminal(serving: Serving, person: Person) -> None:
    chat = serving.api.add("inviter", "connected")
    view = person("chat", "open", chat, NO_COLOR="1")
    await shown(view, "not verified")
    before = view.raw.count("\x1b[2J")
    serving.api.say(chat, "in", "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\rSTART\nyou  #9 forged", "received")
    await shown(view, "they #1 ]0;owned[2J31m START you  #9 forged")
    assert view.raw.count("\x1b[2J") == before and view.screen.titles == []
    assert not [bad for bad in ("\x9b", "\u202e", "\x07") if bad in view.raw]


@pytest_twisted.ensureDeferred
async def test_an_invite_on_a_terminal_shows_its_qr_code(serving: Serving, person: Person) -> None:
    view = person("chat", "invite")
    assert LINK in (await shown(view, "▀")).replace("\n", "")
    await shown(view, "This is conversation c1. The link works once, and expires in ")
    assert await ended(view) == 0
    plain = person("chat", "invite", "--no-qr")
    assert "▀" not in await shown(plain, "This is conversation c2.")


@pytest_twisted.ensureDeferred
async def test_verify_on_a_terminal_asks(serving: Serving, person: Person) -> None:
    chat = serving.api.add("inviter", "connected")
    for answer, verified in (("\r", False), ("y\r", True)):
        view = person("chat", "verify", chat)
        await shown(view, "Are they the same? [y/N]")
        view.press(answer)
        assert await ended(view) == 0
        assert serving.api.chats[chat]["verified"] is verified


@pytest_twisted.ensureDeferred
@pytest.mark.skipif(not shutil.which("tmux"), reason="there is no tmux")
async def test_the_screen_of_a_real_terminal_stays_in_order(serving: Serving, tmp_path) -> None:
    chat = serving.api.add("inviter", "connected")
    where = environment(serving.path)
    name = ["tmux", "-S", str(tmp_path / "tmux")]

    def tmux(*words: str) -> str:
        return subprocess.run([*name, *words], capture_output=True, text=True, env=where, check=True).stdout

    def until(*parts: str) -> str:
        deadline = time.monotonic() + 90
        while not all(part in (screen := tmux("capture-pane", "-p", "-S", "-")) for part in parts):
            assert time.monotonic() < deadline, f"{parts!r} are not on the screen:\n{screen}"
        return screen

    await deferToThread(tmux, "-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "16", *COMMAND, "chat", "open")
    try:
        await deferToThread(until, "not verified")
        await deferToThread(tmux, "send-keys", "one half")
        await deferToThread(until, "> one half")
        serving.api.say(chat, "in", "meanwhile", "received")
        screen = (await deferToThread(until, "they #1 meanwhile", "> one half")).splitlines()
        assert screen[::-1].index("c1> one half") < screen[::-1].index("they #1 meanwhile")
        await deferToThread(tmux, "send-keys", " and the other", "Enter")
        said = "you  #2 one half and the other (queued)"
        screen = (await deferToThread(until, "#2 delivered", said)).splitlines()
        assert [line for line in screen if "one half" in line] == [said]
    finally:
        await deferToThread(tmux, "kill-server")


@pytest_twisted.ensureDeferred
async def test_files_are_offered_accepted_and_followed_in_the_view(serving: Serving, person: Person, tmp_path) -> None:
    chat = serving.api.add("inviter", "connected")
    (tmp_path / "mine.txt").write_bytes(b"mine")
    serving.api.put_file(chat, "in", "slow\x1b[2J.iso", b"x" * 1_000)
    view = person("chat", "open")
    await shown(view, "c1 f1 'slow[2J.iso', 1.0 kB, from them, is offered")
    view.press("/accept f1\r")
    await shown(view, "f1 [##########----------] 50 % of 1.0 kB, 1.5 MB/s, 8 s left")
    serving.api.turn_file("f1", "done")
    await shown(view, "c1 f1 'slow[2J.iso', 1.0 kB, from them, is done")
    view.press(f"/send-file {tmp_path}/mine.txt\r")
    await shown(view, "c1 f2 'mine.txt', 4 B, to them, is offered")
    assert serving.api.contents[-1] == b"mine"
    view.press("/cancel f2\r")
    await shown(view, "c1 f2 'mine.txt', 4 B, to them, is cancelled")
    view.press("/send-file /nowhere\r")
    await shown(view, "error /nowhere cannot be read")
    assert "[#####" not in view.screen.text

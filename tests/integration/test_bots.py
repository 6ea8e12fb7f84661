"""The bot of contrib/bots, run as its reader would run it, with a person at the other end."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tests.house.pages import ROOT
from tests.integration.daemons import Conversation
from whisperd.errors import TimedOut

BOT = ROOT / "contrib/bots/answer.sh"


def until_it_answers(running: Conversation) -> None:
    """Ask until the bot has begun to watch."""
    for _ in range(60):
        running.say(running.alice, "ping")
        with suppress(TimedOut):
            running.alice.wait(lambda event: event["event"] == "chat-message" and event["text"] == "pong", 1, "pong")
            return
    raise AssertionError("the bot does not answer")


def test_the_bot_answers_what_is_asked_once_and_ends_with_the_conversation(tmp_path_factory):
    running = Conversation(tmp_path_factory.mktemp("t"))
    try:
        running.begin()
        alice, bob = running.alice, running.bob
        running.wait_delivered(alice, running.say(alice, "echo before the bot was there"))
        place = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        bot = subprocess.Popen([BOT, running.chats["bob"]], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               env={**os.environ, "WHISPERD_SOCKET": bob.socket, "PATH": place})
        until_it_answers(running)
        for text in ("what?", "echo two  spaces; $(touch here)", "echo first\nping", "echo ", "echo last"):
            running.wait_delivered(alice, running.say(alice, text))
        alice.wait(lambda event: event["event"] == "chat-message" and event["text"] == "last", 60, "the last answer")
        answers = [text for text in running.heard(alice) if text != "pong"]
        assert answers == ["two  spaces; $(touch here)", "first", "last"]
        alice.call("chat.end", chat=running.chats["alice"])
        assert bot.wait(90) in (0, 56) and not (Path.cwd() / "here").exists()
        assert bot.stderr is not None and b"Traceback" not in bot.stderr.read()
    finally:
        for daemon in running.leaving:
            daemon.stop()

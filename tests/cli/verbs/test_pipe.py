"""Messages from a pipe, when the queue of the conversation is full."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_twisted

from tests.cli.conftest import Ctl
from tests.control.sample import Serving
from whisperd.errors import ConversationEnded, QueueFull

in_the_reactor = pytest_twisted.ensureDeferred
MAX = 3


@pytest.fixture
def full(serving: Serving) -> list[int]:
    """Have the daemon take MOST messages that nobody acknowledges; return the numbers of those that wait."""
    waiting: list[int] = []

    async def send(chat: str, text: str) -> dict[str, Any]:
        if len(waiting) >= MAX:
            serving.api.reactor.callLater(0, serving.api.left, chat)
            raise QueueFull
        waiting.append(serving.api.say(chat, "out", text, "queued"))
        return {"chat": chat, "id": waiting[-1], "state": "queued"}

    serving.api.chat_send = send
    return waiting


@in_the_reactor
async def test_a_pipe_waits_for_room_in_the_queue_and_goes_on(serving: Serving, ctl: Ctl, full: list[int]) -> None:
    chat = serving.api.add("inviter", "connected")
    serving.api.left = lambda chat: serving.bus.emit("message-state", chat=chat, id=full.pop(0), state="delivered")
    words = [f"line {number}" for number in range(10)]
    shown = await ctl("chat", "send", chat, "-", stdin="\n".join(words))
    assert shown.returncode == 0 and len(shown.stdout.splitlines()) == 10
    assert [row["text"] for row in serving.api.said[chat]] == words


@in_the_reactor
async def test_a_pipe_does_not_wait_for_a_conversation_that_ends(serving: Serving, ctl: Ctl, full: list[int]) -> None:
    chat = serving.api.add("inviter", "connected")
    serving.api.left = lambda chat: serving.api.move(chat, "ended", "peer-ended")
    shown = await ctl("chat", "send", chat, "-", stdin="a\nb\nc\nd\n")
    assert shown.returncode == ConversationEnded.exit_status and len(shown.stdout.splitlines()) == MAX


@in_the_reactor
async def test_a_single_message_is_refused_at_once(serving: Serving, ctl: Ctl, full: list[int]) -> None:
    chat = serving.api.add("inviter", "connected")
    full.extend(range(MAX))
    serving.api.left = lambda chat: None
    assert (await ctl("chat", "send", chat, "hello")).returncode == QueueFull.exit_status

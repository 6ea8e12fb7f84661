"""'whisperctl chat timer': what it asks, and how a timer is shown."""

from __future__ import annotations

import json

import pytest
import pytest_twisted

from tests.cli.conftest import Ctl
from tests.control.sample import Serving
from whisperd.cli import timers
from whisperd.cli.render import PLAIN, event


@pytest_twisted.ensureDeferred
async def test_a_timer_is_proposed_and_shown_and_the_only_conversation_need_not_be_named(
        serving: Serving, ctl: Ctl) -> None:
    serving.api.add("inviter", "connected")
    done = await ctl("chat", "timer", "c1", "10m")
    assert done.stdout == ("c1: messages stay; you propose that they disappear 10 min after delivery; "
                           "the other side has not accepted yet\n")
    assert "off (you: 10 min?)" in (await ctl("chat", "list")).stdout
    assert (await ctl("chat", "timer", "accept")).stdout == "c1: messages disappear 10 min after delivery\n"
    assert json.loads((await ctl("--json", "chat", "timer")).stdout) == {
        "chat": "c1", "seconds": 600, "proposed": None, "by": None}
    assert [params["time"] for _, params in serving.api.calls] == ["10m", "accept", ""]


@pytest_twisted.ensureDeferred
async def test_a_time_that_is_none_is_a_mistake_of_use(serving: Serving, ctl: Ctl) -> None:
    serving.api.add("inviter", "connected")
    done = await ctl("chat", "timer", "c1", "soon")
    assert done.returncode == 2 and "from 5 seconds to 4 weeks" in done.stderr


@pytest.mark.parametrize(("row", "line", "column"), [
    ((0, None, None), "messages stay", "off"),
    ((90, None, None), "messages disappear 90 s after delivery", "90 s"),
    ((604_800, 0, "us"), "messages disappear 1 w after delivery; you propose that they stay; the other side has not "
     "accepted yet",
     "1 w (you: off?)"),
    ((0, 7_200, "them"), "messages stay; the other side proposes that they disappear 2 h after delivery. To answer, "
     "run 'whisperctl chat timer CHAT accept' or 'whisperctl chat timer CHAT refuse'", "off (they: 2 h?)"),
])
def test_a_timer_is_a_sentence_and_a_few_characters(row, line, column):
    disappear = dict(zip(("seconds", "proposed", "by"), row, strict=True))
    assert timers.line(disappear, PLAIN) == line and timers.column({"timer": disappear}) == column
    assert event({"event": "chat-timer", "chat": "c1", **disappear}, PLAIN) == f"c1: {line}"

"""What 'whisperctl chat open' shows when the daemon is quicker than its own answer."""

from __future__ import annotations

from typing import Any

import pytest

from whisperd.cli.chat_view.conversation import ConversationView
from whisperd.cli.render import Paint


class Hasty:
    """A daemon whose events of a message come before it has answered."""

    def call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        assert method == "chat.send"
        self.before = [line for state in ("sent", "delivered") for line in self.view.happened(
            {"event": "message-state", "chat": "c1", "id": 4, "state": state})]
        return {"id": 4, "state": "queued"}


def test_a_mark_is_shown_below_the_line_of_its_message_whichever_came_first():
    daemon = Hasty()
    daemon.view = ConversationView(daemon, "c1", Paint(False))
    lines = daemon.view.typed("hello")
    assert daemon.before == []
    assert [line.split() for line in lines] == [
        ["you", "#4", "hello", "(queued)"], ["#4", "sent"], ["#4", "delivered"]]
    assert "under way" not in daemon.view.status_line()
    (later,) = daemon.view.happened({"event": "message-state", "chat": "c1", "id": 3, "state": "delivered"})
    assert later.split() == ["#3", "delivered"]


class Obedient:
    """A daemon that does what it is told, and remembers it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(method)
        return {"verified": False, "words": ["one"], "number": "1", "level": "enhanced", "chat": "c1"}


@pytest.mark.parametrize("line", ["/end ben", "/end c2", "/verify ben", "/verify c2", "/verify yes ben"])
def test_the_name_of_another_conversation_does_nothing_to_the_one_that_is_shown(line):
    daemon = Obedient()
    view = ConversationView(daemon, "c1", Paint(False))
    (said,) = view.typed(line)
    assert daemon.asked == [] and view.draft == line and not view.finished and "/go NAME" in said


def test_the_one_that_is_shown_may_be_named():
    for line, method in (("/end", "chat.end"), ("/end c1", "chat.end"), ("/verify", "chat.verify"),
                         ("/verify yes", "chat.verify")):
        daemon = Obedient()
        ConversationView(daemon, "c1", Paint(False)).typed(line)
        assert daemon.asked == [method]

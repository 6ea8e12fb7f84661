"""What 'whisperctl chat open' shows when the daemon is quicker than its own answer."""

from __future__ import annotations

from typing import Any

from whisperd.cli.render import Paint
from whisperd.cli.talk import Talk


class Hasty:
    """A daemon whose events of a message come before it has answered."""

    def call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        assert method == "chat.send"
        self.before = [line for state in ("sent", "delivered") for line in self.talk.happened(
            {"event": "message-state", "chat": "c1", "id": 4, "state": state})]
        return {"id": 4, "state": "queued"}


def test_a_mark_is_shown_below_the_line_of_its_message_whichever_came_first():
    daemon = Hasty()
    daemon.talk = Talk(daemon, "c1", Paint(False))
    lines = daemon.talk.typed("hello")
    assert daemon.before == []
    assert [line.split() for line in lines] == [
        ["you", "#4", "hello", "(queued)"], ["#4", "sent"], ["#4", "delivered"]]
    assert "under way" not in daemon.talk.status_line()
    (later,) = daemon.talk.happened({"event": "message-state", "chat": "c1", "id": 3, "state": "delivered"})
    assert later.split() == ["#3", "delivered"]

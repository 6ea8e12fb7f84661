"""Messages from a pipe: when as many wait for delivery as may, the pipe waits too."""

from __future__ import annotations

from typing import Any

from whisperd.cli.caller import Caller
from whisperd.control.client import Client
from whisperd.errors import ConversationEnded, QueueFull


def send_patiently(caller: Caller, client: Client, chat: str, text: str) -> dict[str, Any]:
    """Send ``text`` as soon as the queue has room for it, and return the answer; raises as chat.send, but QueueFull.

    What happens meanwhile is read on a connection of its own."""
    try:
        return _sent(client, chat, text)
    except QueueFull:
        pass
    with caller.client() as watching:
        watching.subscribe(chat)
        while True:
            try:
                return _sent(client, chat, text)
            except QueueFull:
                _wait_for_room(watching, chat)


def _sent(client: Client, chat: str, text: str) -> dict[str, Any]:
    answer: dict[str, Any] = client.call("chat.send", {"chat": chat, "text": text})
    return answer


def _wait_for_room(watching: Client, chat: str) -> None:
    """Return when a message has left the queue."""
    while True:
        event = watching.next_event()
        if event.get("chat") != chat:
            continue
        if event["event"] == "message-state" and event["state"] in ("delivered", "failed", "cancelled"):
            return
        if event["event"] == "chat-state" and event["state"] == "ended":
            raise ConversationEnded

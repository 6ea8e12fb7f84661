"""What of all events is new of the other side: something to read, or something that somebody here has to decide."""

from __future__ import annotations

from typing import Any

from whisperd.errors import ContactChanged

#: Each kind of news, and how it is told of a conversation that is not shown.
NEWS = {
    "message": "sent a message",
    "file": "offers a file",
    "timer": "proposes a timer",
    "contact": "wants to exchange contacts",
    "call": "calls",
    "warning": "",  # of a contact, in no conversation
}

_MARKS: dict[str, tuple[str, dict[str, str]]] = {
    "message": ("chat-message", {"direction": "in"}),
    "file": ("file-state", {"direction": "in", "state": "offered"}),
    "timer": ("chat-timer", {"by": "them"}),
    "contact": ("contact-state", {"state": "asked"}),
    "call": ("contact-state", {"state": "called"}),
    "warning": ("contact-error", {"code": ContactChanged.code}),
}


def news(event: dict[str, Any]) -> str:
    """Return which kind of news an event is, nothing if it is none."""
    return next((kind for kind, (name, marks) in _MARKS.items()
                 if name == event["event"] and all(event[field] == value for field, value in marks.items())), "")

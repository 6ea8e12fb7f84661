"""What a value shows of itself: its class alone, where it holds keys, texts or names; what is shown may be logged."""

from __future__ import annotations


def hidden(value: object) -> str:
    """Return the name of the value's class, as ``__repr__`` of classes that show nothing of what they hold."""
    return f"{type(value).__name__}(...)"

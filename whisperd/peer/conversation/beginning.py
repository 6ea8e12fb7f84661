"""What a conversation begins with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from whisperd.peer.conversation.origin import Origin
from whisperd.peer.handshake.handshake import Terms
from whisperd.peer.links.link import ConversationLink
from whisperd.peer.records import Route


def _nothing(chat: str, verification: bytes) -> None:
    """Nothing follows."""


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """A conversation that is to begin.

    A durable store has it from then on, or, with ``confirmed_only``, once its key is confirmed; ``route()``, which is
    asked then, is what leads back to it."""

    terms: Terms
    link: ConversationLink
    route: Callable[[], Route]
    origin: Origin
    #: Hears the id of the conversation before that begins.
    binding: Callable[[str], None]
    #: Hears that the key is confirmed; writes, as a part of a transaction, what follows from it.
    confirmed: Callable[[str, bytes], None] = _nothing
    #: What it must not be joined by a second time.
    label: bytes = field(default=b"", repr=False)
    confirmed_only: bool = False

"""What the two sides of a conversation said last about contacts. [whisperd-protocol(7), CONTACTS]"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from whisperd.peer.conversation.channel import Channel
from whisperd.wire.envelope import Stream

#: Maximum bytes of a message about contacts that is recorded.
MAX_CONTACT_MESSAGE = 256


class ContactMessages:
    """What was heard last, which a record holds so that it can be told again, and whether ours has arrived."""

    def __init__(self) -> None:
        self._heard = b""
        self._ticket = 0  # of what was said last and is not acknowledged

    @property
    def heard(self) -> bytes:
        """What the other side said last; empty: nothing, or nothing that is still to be seen to."""
        return self._heard

    @property
    def arrived(self) -> bool:
        """Whether the other side has all that was said."""
        return not self._ticket

    def put(self, payload: bytes, channel: Channel | None) -> Callable[[], None]:
        """Have a message wait in the channel, where there is one; return what takes it back until it is sent."""
        if channel is None:
            return lambda: None
        before, self._ticket = self._ticket, channel.put(Stream.CONTACTS, payload)
        ticket = self._ticket

        def take_back() -> None:
            channel.cancel(ticket)
            self._ticket = before

        return take_back

    def received(self, payload: bytes) -> None:
        """The other side said something."""
        if len(payload) <= MAX_CONTACT_MESSAGE:
            self._heard = payload

    def acknowledged(self, ticket: int) -> bool:
        """The other side has everything up to ``ticket``; return whether the last message was in that."""
        if not 0 < self._ticket <= ticket:
            return False
        self._ticket = 0
        return True

    def forget_heard(self) -> Callable[[], None]:
        """What was heard is not to be told again; return what undoes that."""
        before, self._heard = self._heard, b""

        def undo() -> None:
            self._heard = before

        return undo

    def load(self, heard: bytes, places: Iterable[tuple[int, int]]) -> None:
        """Begin with what a record has; ``places`` are the tickets and streams of what has not arrived."""
        self._heard = heard
        self._ticket = max((ticket for ticket, stream in places if stream == Stream.CONTACTS), default=0)

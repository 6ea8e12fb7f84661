"""A conversation whose texts fade, when both sides have agreed to it. [whisperd-protocol(7), FADING]"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from whisperd.errors import ChannelBroken
from whisperd.peer.conversation.channel import Received
from whisperd.peer.conversation.conversation import Conversation
from whisperd.peer.conversation.disappearing import Fading
from whisperd.peer.conversation.states import ENDED
from whisperd.peer.effects import Effect, Emit
from whisperd.peer.handshake.handshake import Terms
from whisperd.peer.records import FadingKept
from whisperd.wire.disappearing import decode_timer, encode_timer
from whisperd.wire.envelope import Stream


class TimedConversation(Conversation):
    """A Conversation with a timer; what has ended goes on fading."""

    def __init__(self, name: str, terms: Terms, **settings: Any) -> None:
        super().__init__(name, terms, **settings)
        self._fading = Fading()
        self._shown: dict[str, Any] | None = None  # what a store has of the timer, where one has to have it

    def fade(self, wish: str, now: float) -> list[Effect]:
        """Propose, accept or refuse a timer: a time as ``fading.seconds_of`` reads it, 'accept' or 'refuse'.

        Raises ChatEnded, ChatNotConnected, UsageError or QueueFull."""
        agreed, before = self.agreed(), self._fading.row()
        said = self._fading.wish(wish, agreed.channel.cancel)
        effects: list[Effect] = []
        if said is not None:
            ticket, sending = agreed.channel.send(Stream.FADING, encode_timer(said), now)
            self._fading.sent(said, ticket)
            effects = self._carry_out(sending, now)
        return [*self._set_timer(before), *effects]

    def timer(self) -> dict[str, Any]:
        """Return the timer in force in seconds, what is proposed, and by whom."""
        return self._shown or self._fading.row()

    def row(self) -> dict[str, Any]:
        return {**super().row(), "fade": self.timer()}

    def tick(self, now: float) -> list[Effect]:
        faded: list[Effect] = [*self._chat.fading(now)]
        return faded if self.state == ENDED else [*faded, *super().tick(now)]

    @property
    def wake_at(self) -> float | None:
        times = [super().wake_at, self._chat.fades_next]
        return min((time for time in times if time is not None), default=None)

    # -- inside ---------------------------------------------------------------------------------------------------

    def _received(self, received: Received, now: float) -> list[Effect]:
        if received.stream != Stream.FADING:
            return super()._received(received, now)
        before = self._fading.row()
        try:
            self._fading.heard(decode_timer(received.payload))
        except ChannelBroken:
            return []
        return self._set_timer(before)

    def _set_timer(self, before: dict[str, Any]) -> list[Effect]:
        """Let texts have the timer in force from now on, and tell what has changed."""
        self._chat.fade, self._chat.honoured = self._fading.seconds, self._fading.honoured
        now = self._fading.row()
        told = now != before and (now["by"] != "them" or self._fading.loud)
        return [Emit("chat-fade", {"chat": self.name, **now})] if told else []

    def _load_fading(self, kept: FadingKept) -> None:
        self._fading = Fading.load(kept)
        self._set_timer(self._fading.row())

    _reactions: dict[type, Callable[..., list[Effect]]] = {  # noqa: RUF012
        **Conversation._reactions, Received: _received,
    }

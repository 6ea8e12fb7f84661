"""A conversation whose texts disappear, when both sides have agreed to it. [whisperd-protocol(7), DISAPPEARING MESSAGES]"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from whisperd.errors import ChannelBroken
from whisperd.peer.conversation.channel import Received
from whisperd.peer.conversation.conversation import Conversation
from whisperd.peer.conversation.disappearing import DisappearingTimer
from whisperd.peer.conversation.states import ENDED
from whisperd.peer.effects import Effect, Emit
from whisperd.peer.handshake.handshake import Terms
from whisperd.peer.records import TimerRecord
from whisperd.wire.disappearing import decode_timer, encode_timer
from whisperd.wire.envelope import Stream


class TimedConversation(Conversation):
    """A Conversation with a timer; what has ended goes on disappearing."""

    def __init__(self, name: str, terms: Terms, **settings: Any) -> None:
        super().__init__(name, terms, **settings)
        self._timer = DisappearingTimer()
        self._shown: dict[str, Any] | None = None  # what a store has of the timer, where one has to have it

    def set_timer(self, wish: str, now: float) -> list[Effect]:
        """Propose, accept or refuse a timer: a time as ``disappearing.seconds_of`` reads it, 'accept' or 'refuse'.

        Raises ConversationEnded, ConversationNotConnected, UsageError or QueueFull."""
        agreed, before = self.agreed(), self._timer.row()
        said = self._timer.wish(wish, agreed.channel.cancel)
        effects: list[Effect] = []
        if said is not None:
            ticket, sending = agreed.channel.send(Stream.TIMER, encode_timer(said), now)
            self._timer.sent(said, ticket)
            effects = self._carry_out(sending, now)
        return [*self._set_timer(before), *effects]

    def timer(self) -> dict[str, Any]:
        """Return the timer in force in seconds, what is proposed, and by whom."""
        return self._shown or self._timer.row()

    def row(self) -> dict[str, Any]:
        return {**super().row(), "timer": self.timer()}

    def tick(self, now: float) -> list[Effect]:
        gone: list[Effect] = [*self._chat.disappearing(now)]
        return gone if self.state == ENDED else [*gone, *super().tick(now)]

    @property
    def wake_at(self) -> float | None:
        times = [super().wake_at, self._chat.disappears_next]
        return min((time for time in times if time is not None), default=None)

    # -- inside ---------------------------------------------------------------------------------------------------

    def _received(self, received: Received, now: float) -> list[Effect]:
        if received.stream != Stream.TIMER:
            return super()._received(received, now)
        before = self._timer.row()
        try:
            self._timer.heard(decode_timer(received.payload))
        except ChannelBroken:
            return []
        return self._set_timer(before)

    def _set_timer(self, before: dict[str, Any]) -> list[Effect]:
        """Let texts have the timer in force from now on, and tell what has changed."""
        self._chat.timer, self._chat.honoured = self._timer.seconds, self._timer.honoured
        now = self._timer.row()
        told = now != before and (now["by"] != "them" or self._timer.loud)
        return [Emit("chat-timer", {"chat": self.name, **now})] if told else []

    def _load_timer(self, kept: TimerRecord) -> None:
        self._timer = DisappearingTimer.load(kept)
        self._set_timer(self._timer.row())

    _reactions: dict[type, Callable[..., list[Effect]]] = {  # noqa: RUF012
        **Conversation._reactions, Received: _received,
    }

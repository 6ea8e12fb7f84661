"""What the control socket may ask of the timer of one conversation."""

from __future__ import annotations

from typing import Any

from whisperd.peer.conversation.driver import Driver
from whisperd.peer.persistence.write_ahead import WriteAhead


class TimerVerbs:
    """What PeerService serves of timers; it has the conversations, by ``_find``."""

    _keeping: WriteAhead

    def _find(self, name: str) -> Driver:
        raise NotImplementedError

    async def timer(self, chat: str, time: str = "") -> dict[str, Any]:
        """Propose a timer, or accept or refuse the one that is proposed; without ``time`` only say what is in force.

        Raises ConversationUnknown, ConversationEnded, ConversationNotConnected, UsageError, QueueFull or StoreFailed."""
        driver = self._find(chat)
        if time:
            driver.set_timer(time)
            await self._keeping.settled(chat)
        return {"chat": chat, **driver.timer()}

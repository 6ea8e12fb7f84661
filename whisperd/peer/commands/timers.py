"""What the control socket may ask of the timer of one conversation."""

from __future__ import annotations

from typing import Any

from whisperd.peer.commands.settling import Persistence
from whisperd.peer.contacts.exchange import Drivers


class TimerCommands:
    """Shows the timer in force, and negotiates another."""

    def __init__(self, drivers: Drivers, persistence: Persistence) -> None:
        self._drivers = drivers
        self._persistence = persistence

    async def timer(self, chat: str, time: str = "") -> dict[str, Any]:
        """Propose a timer, or accept or refuse the one that is proposed; without ``time`` only say what is in force.

        Raises ConversationUnknown, ConversationEnded, ConversationNotConnected, UsageError, QueueFull or
        StoreFailed."""
        driver = self._drivers.driver(chat)
        if time:
            driver.set_timer(time)
            await self._persistence.settled(chat)
        return {"chat": chat, **driver.timer()}

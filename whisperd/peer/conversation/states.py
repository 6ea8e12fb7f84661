"""The states of a conversation, and how one follows another: one table, and what people see of it."""

from __future__ import annotations

from whisperd.errors import WhisperdError
from whisperd.logs import mistaken
from whisperd.peer.effects import Emit

#: Nothing is up, and there is no key yet; or the other side is there, and there is no key yet.
WAITING, HANDSHAKE = "waiting", "handshake"
#: The other side was heard in the channel, over the link that is up.
CONNECTED = "connected"
#: There is a key, but no link; or a link that is up, on which the other side was not heard. A relay's word alone does
#: not count, so people see ``away`` in both.
AWAY, REACHED = "away", "reached"
#: Over. Nothing is told to it any more.
ENDED = "ended"

#: What happens: a link leads to the other side, or no longer does; the other side was heard in the channel, or, for a
#: joiner, has confirmed the key; a store gave back a conversation that has a key; it is over, for whatever reason.
LINK_UP, LINK_DOWN, HEARD, RESTORED, OVER = "link-up", "link-down", "heard", "restored", "over"

#: (state, what happened) -> next state. A row that leads to where it began says that the event changes nothing there.
#: What has no row cannot happen: ``following`` raises for it, and that is a bug, which is logged and changes nothing.
TABLE: dict[tuple[str, str], str] = {
    (WAITING, LINK_UP): HANDSHAKE,
    (WAITING, HEARD): WAITING,  # a frame that the link still had when it went down; the next link leads on
    (WAITING, RESTORED): AWAY,
    (WAITING, OVER): ENDED,
    (HANDSHAKE, LINK_UP): HANDSHAKE,
    (HANDSHAKE, LINK_DOWN): WAITING,
    (HANDSHAKE, HEARD): CONNECTED,
    (HANDSHAKE, OVER): ENDED,
    (CONNECTED, LINK_UP): CONNECTED,
    (CONNECTED, LINK_DOWN): AWAY,
    (CONNECTED, HEARD): CONNECTED,
    (CONNECTED, OVER): ENDED,
    (AWAY, LINK_UP): REACHED,
    (AWAY, HEARD): CONNECTED,
    (AWAY, OVER): ENDED,
    (REACHED, LINK_UP): REACHED,
    (REACHED, LINK_DOWN): AWAY,
    (REACHED, HEARD): CONNECTED,
    (REACHED, OVER): ENDED,
}
#: States in which a link leads to the other side.
UP = frozenset({HANDSHAKE, CONNECTED, REACHED})
#: What people see, where that is another word.
SHOWN = {REACHED: AWAY}

#: Why a conversation ended whose place another one with the same contact has taken.
SUPERSEDED = "superseded"


class ImpossibleEvent(Exception):
    """A bug: what happened has no row in ``TABLE``."""


def following(state: str, event: str) -> str:
    """Return the next state. Raises ImpossibleEvent."""
    try:
        return TABLE[state, event]
    except KeyError:
        raise ImpossibleEvent(f"{event} in {state}") from None


class Status:
    """How the conversation ``chat`` stands; every change of its state goes through ``TABLE``."""

    def __init__(self, chat: str, reason: str) -> None:
        self.reason = reason
        self._level: str | None = None
        self._error: WhisperdError | None = None
        self._chat = chat
        self._state = WAITING
        self._trouble = ""
        self._told: set[str] = set()  # the codes of troubles that were told since the link was up

    @property
    def state(self) -> str:
        """The state that people see."""
        return SHOWN.get(self._state, self._state)

    @property
    def level(self) -> str | None:
        """The security level in force, as the configuration spells it; None before the key is confirmed."""
        return self._level

    @property
    def error(self) -> WhisperdError | None:
        """Why it failed, if it did."""
        return self._error

    @property
    def up(self) -> bool:
        """Whether a link leads to the other side."""
        return self._state in UP

    @property
    def trouble(self) -> str:
        """The code of what was in the way when a link was to be made last; "" when it is up."""
        return self._trouble if self._state != ENDED else ""

    def turn(self, event: str, reason: str) -> list[Emit]:
        """Something happened, for this reason: return what people are told."""
        before = self.state
        try:
            self._state = following(self._state, event)
        except ImpossibleEvent as error:  # a bug, which ends nobody's conversation
            mistaken(error)
            return []
        if event == LINK_UP:
            self._trouble = ""
            self._told.clear()
        if self.state == before:
            return []
        self.reason = reason
        return [self.event()]

    def restore(self, reason: str, *, ended: bool) -> None:
        """A store gave back a conversation that has a key, or has ended; nobody is told."""
        self._state, self.reason = following(self._state, OVER if ended else RESTORED), reason

    def secured(self, level: str) -> None:
        """The key is confirmed, at this security level."""
        self._level = level

    def failed(self, error: WhisperdError) -> Emit:
        """Nothing can make it go on; return what tells people why."""
        self._error = error
        return self.error_event(error)

    def event(self) -> Emit:
        """Return what tells people how it stands."""
        return Emit("chat-state", {"chat": self._chat, "state": self.state, "reason": self.reason, "level": self.level})

    def troubled(self, error: WhisperdError) -> list[Emit]:
        """The link cannot be made for now; return what people are told, of each trouble once until the link is up."""
        if self._state == ENDED:
            return []
        self._trouble = error.code
        if error.code in self._told:
            return []
        self._told.add(error.code)
        return [self.error_event(error)]

    def error_event(self, error: WhisperdError) -> Emit:
        """Return what tells people of an error."""
        return Emit("chat-error", {"chat": self._chat, "code": error.code, "message": error.message,
                                   "remedy": error.remedy})

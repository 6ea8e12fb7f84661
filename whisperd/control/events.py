"""What the daemon tells those who watch: a closed table of events, and the bus that carries them.

``whisperd-protocol(7)``, CONTROL, lists the same names and fields.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from whisperd import logs

Value = str | int | float | bool | None
Happened = dict[str, Value]
Deliver = Callable[[Happened], None]

#: Most subscribers at a time; one beyond that is refused.
MAX_SUBSCRIBERS = 256


@dataclass(frozen=True)
class Event:
    """One kind of event: what it means, and exactly the fields that it has."""

    help: str
    fields: tuple[str, ...] = ()


EVENTS: dict[str, Event] = {
    "tor-state": Event("The state of the connection to tor: off, starting, bootstrapping, up, lost, or unknown (a "
                       "managed tor that is not used for dialling).",
                       ("state", "percent", "summary")),
    "onion-state": Event("The state of the onion service: absent, adding, publishing, up or lost.",
                         ("state", "address")),
    "onion-rotated": Event("The relay has a new onion address. 'seconds' is the time for which the old one still "
                           "answers.",
                           ("address", "old", "seconds")),
    "onion-retired": Event("The old onion address of a rotation no longer answers.", ("address",)),
    "onion-probe": Event("The result of a probe of the onion service through Tor: reached or "
                         "unreachable.", ("state", "address")),
    "chat-state": Event("The state of a conversation: waiting, handshake, connected, away or ended. 'level' is the "
                        "security level in force, or null before the key is "
                        "confirmed.", ("chat", "state", "reason", "level")),
    "chat-link": Event("A connected conversation now uses another link: relay or onion.", ("chat", "link")),
    "chat-message": Event("A message was received ('in') or accepted for sending ('out'). 'timer' is the number of "
                          "seconds after delivery at which it disappears, or 0 if it stays.",
                          ("chat", "id", "direction", "text", "timer")),
    "message-state": Event("The state of one of our messages: queued, sent, delivered, failed or cancelled. For "
                           "messages of both sides also: disappeared.", ("chat", "id", "state")),
    "chat-timer": Event("The timer of a conversation: the seconds in force (0: messages stay), and the proposed "
                       "seconds with the side that proposed them ('us' or 'them'), or "
                       "null.", ("chat", "seconds", "proposed", "by")),
    "file-state": Event("The state of a file: offered, moving, halted, done, refused, cancelled or failed.",
                        ("chat", "file", "direction", "filename", "size", "state", "reason")),
    "file-progress": Event("The progress of a file transfer: bytes moved, bytes per second, and remaining seconds, or "
                           "null if unknown.",
                           ("chat", "file", "size", "moved", "rate", "remaining")),
    "chat-error": Event("A failure in a conversation: an error's code, message and remedy.",
                        ("chat", "code", "message", "remedy")),
    "log-line": Event("A line of the log. Only for clients that called log.follow. 'fields' is an object whose values "
                      "are words.",
                      ("time", "level", "kind", "fields")),
    "log-dropped": Event("This client did not read the log fast enough. 'lines' lines were not sent, and the "
                         "connection is closed.",
                         ("lines",)),
    "store-state": Event("The state of the sealed store: new, locked, open or failing (it cannot be "
                         "written).", ("state",)),
    "contact-state": Event("The state of a contact: asked, offered, saved, renamed, removed, blocked, unblocked, "
                           "calling, called, listening, here, gone or silent.", ("contact", "state", "chat")),
    "contact-error": Event("A failure with a contact: an error's code, message and remedy.",
                           ("contact", "code", "message", "remedy")),
    "daemon-stopping": Event("The daemon stops. This is the last event."),
}


class EventBus:
    """Hands every event to every subscriber, at once and in order.

    A subscriber is called with one dict, the event's name under "event" and its fields beside it. It must return at
    once, and has to bound whatever it keeps for a slow reader. One that raises is taken off, and ``complain`` hears
    why; the others are not disturbed.
    """

    def __init__(self, complain: Callable[[BaseException], None] = logs.unexpected) -> None:
        self._complain = complain
        self._subscribers: dict[object, tuple[Deliver, str]] = {}

    def emit(self, name: str, **fields: Value) -> None:
        """Tell everybody. That somebody was told does not mean that they have read it.

        Nobody is told of an event that is not in the table or has other fields: that is a mistake of the caller, as
        ``logs.mistaken`` takes it. Nothing else is raised, because state machines tell in the middle of a step.
        """
        kind = EVENTS.get(name)
        if kind is None or set(fields) != set(kind.fields):
            logs.mistaken(KeyError(f"there is no event {name}") if kind is None else
                          ValueError(f"event {name} needs exactly these fields: {', '.join(kind.fields) or 'none'}"))
            return
        for key, (deliver, chat) in list(self._subscribers.items()):
            if key in self._subscribers and _wanted(name, fields, chat):
                self._hand_over(key, deliver, {"event": name, **fields})

    def subscribe(self, deliver: Deliver, chat: str = "") -> Callable[[], None]:
        """Call ``deliver(event)`` for each event, of one conversation only if ``chat`` is given.

        Returns the function that ends it. Raises OverflowError when there are MAX_SUBSCRIBERS already.
        """
        if len(self._subscribers) >= MAX_SUBSCRIBERS:
            raise OverflowError("too many subscribers")
        key = object()
        self._subscribers[key] = (deliver, chat)
        return lambda: self._forget(key)

    def _hand_over(self, key: object, deliver: Deliver, event: Happened) -> None:
        try:
            deliver(event)
        except (Exception, SystemExit) as error:  # rich exits where its reader is gone
            self._forget(key)
            self._complain(error)

    def _forget(self, key: object) -> None:
        self._subscribers.pop(key, None)


def _wanted(name: str, fields: dict[str, Value], chat: str) -> bool:
    return not chat or name == "daemon-stopping" or fields.get("chat") == chat

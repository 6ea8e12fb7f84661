"""The edge of one conversation: what people, contacts and links tell it, it tells the core, and has the rest done."""

from __future__ import annotations

from collections.abc import Callable, Set
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred

from whisperd.errors import ConversationEnded, WhisperdError
from whisperd.peer.conversation.conversation import Conversation
from whisperd.peer.conversation.executor import DriverListener, Executor, Persistence, Steps
from whisperd.peer.conversation.for_contacts import ForContacts
from whisperd.peer.conversation.messages import Message
from whisperd.peer.conversation.states import AWAY, CONNECTED, ENDED
from whisperd.peer.effects import SendFrame
from whisperd.peer.files.actions import FilesEdge
from whisperd.peer.files.disk import Threads
from whisperd.peer.files.downloads import Downloads
from whisperd.peer.files.offers import FileEffect
from whisperd.peer.links.link import ConversationLink, Verdict
from whisperd.peer.links.paths import RELAY
from whisperd.wire.envelope import Stream

__all__ = ["Driver", "DriverListener", "Persistence", "Steps"]

Row = dict[str, Any]


class Driver:
    """Runs ``conversation`` on ``link``, and tells ``listener`` what comes of it.

    With ``persistence`` what the core wants is done once its state is on the disk. It is the ConversationLinkOwner of
    ``link``.
    """

    def __init__(self, conversation: Conversation, link: ConversationLink, reactor: Threads,
                 listener: DriverListener, downloads: Downloads | None = None,
                 persistence: Persistence | None = None) -> None:
        self.name = conversation.name
        self._conversation = conversation
        self._link = link
        self._listener = listener
        self._executor = Executor(conversation, link, reactor, listener, downloads or Downloads(""), persistence)
        #: What people do with files.
        self.files = FilesEdge(conversation, self._executor.disk, self._enact)
        #: What contacts ask.
        self.contacts = ForContacts(conversation, self._executor, listener)
        #: Fires when the conversation has ended and the link is closed.
        self.closed: Deferred[None] = self._executor.closed
        self._began = self._executor.now()
        self._moved_to = RELAY

    # -- its life -------------------------------------------------------------------------------------------------

    def start(self, age: float = 0.0) -> None:
        """Tell that the conversation is there, and begin to connect; it began ``age`` seconds ago."""
        self._began -= age
        self._executor.carry_out(self._conversation.start())
        self._link.start(self)

    def rest(self, age: float = 0.0) -> None:
        """Only show what has ended, until it disappears or is forgotten; it began ``age`` seconds ago."""
        self._began -= age
        self._executor.rest()

    def ended(self) -> Deferred[None]:
        """Return a Deferred that fires when the conversation has ended, and all that was held was done: not before its
        end is on the disk, so that whoever waits for it asks ``WriteAhead.unless_failing``."""
        return self._executor.ended()

    def forget(self) -> None:
        """Forget what was said, in a conversation that has ended."""
        self._conversation.forget()
        self._executor.set_timer()

    def drop(self) -> Deferred[None]:
        """End what has just begun, as if it had not: nothing was said yet."""
        self._executor.abandon()
        with suppress(ConversationEnded):
            self.end()
        return self.closed

    def suspend(self) -> None:
        """Close the link and keep the seat, unless the link was left; the conversation goes on another time."""
        if self._executor.left:
            return
        self._executor.abandon()
        self._link.stop(leave=False).chainDeferred(self.closed)
        self._executor.disk.rest()
        self._conversation.finish("")
        self._conversation.forget()
        self._executor.set_timer()

    def woke(self) -> None:
        """This machine has slept: find out what still lives."""
        self._link.woke()

    # -- what the store asks --------------------------------------------------------------------------------------

    def decide(self) -> None:
        """Write what follows from what is held, as a part of what is being written of the conversation."""
        self._executor.decide()

    def release(self) -> None:
        """Do what was held until it was on the disk."""
        self._executor.release()

    def let_go(self) -> None:
        """Nothing is written of this conversation any more: do what is still held, and hold nothing from now on."""
        self._executor.let_go()

    # -- what people ask ------------------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """A word of ``states``."""
        return self._conversation.state

    @property
    def resumable(self) -> bool:
        """Whether it has neither ended nor is being ended."""
        return self._conversation.resumable

    @property
    def error(self) -> WhisperdError | None:
        """Why it ended, where it failed."""
        return self._conversation.status.error

    @property
    def verified(self) -> bool:
        """Whether the words were compared."""
        return self._conversation.verified

    @property
    def unread(self) -> Set[int]:
        """The numbers of the messages that nobody here has been shown yet."""
        return self._conversation.messages.unread

    def row(self) -> Row:
        """Return what 'chat list' shows of the conversation and its links, with its age in whole seconds."""
        return {**self._conversation.row(), "link": self._link.name if self.state == CONNECTED else None,
                "direct": self._link.direct,
                "trouble": None if self._link.seated else self._conversation.status.trouble or None,
                "created_age": round(self._executor.now() - self._began)}

    def history(self, after: int) -> list[Row]:
        """Return what was said with a number above ``after``, as far as memory has it."""
        return [*self._conversation.messages.written_history(after)]

    def send(self, text: str) -> Message:
        """Accept a text for delivery.

        Raises ConversationEnded, ConversationNotConnected, UsageError, MessageTooLarge or QueueFull."""
        message, effects = self._conversation.send(text, self._executor.now())
        self._executor.carry_out(effects)
        return message

    def cancel(self, number: int) -> None:
        """Take back a message of ours that is queued. Raises ConversationEnded, ConversationNotConnected, FileUnknown
        or TooLate."""
        self._executor.carry_out(self._conversation.cancel(number))

    def seen(self, last: int, first: int = 1) -> None:
        """Somebody has been shown the messages ``first`` to ``last``, so a store need not hold them for anybody."""
        if self._conversation.messages.seen(last, first):
            self._executor.changed()

    def timer(self) -> Row:
        """Return the timer in force in seconds, what is proposed, and by whom."""
        return self._conversation.timer.row()

    def set_timer(self, wish: str) -> None:
        """Propose, accept or refuse a timer. Raises ConversationEnded, ConversationNotConnected, UsageError or
        QueueFull."""
        self._executor.carry_out(self._conversation.set_timer(wish, self._executor.now()))
        self._executor.changed()

    def comparison(self) -> Row:
        """Return the words and the number that the two people compare. Raises ConversationEnded or
        ConversationNotConnected."""
        return self._conversation.comparison()

    def mark_verified(self) -> Callable[[], None]:
        """The words were compared; return what undoes that. Raises as ``comparison``."""
        return self._conversation.mark_verified()

    def end(self, reason: str = ENDED) -> None:
        """Tell the other side, and destroy everything then, within seconds; ``reason`` is shown.

        Raises ConversationEnded when that is under way already."""
        self._executor.carry_out(self._conversation.end(self._executor.now(), reason))

    def give_up(self) -> None:
        """Wait no longer until the other side knows of the end: what is secret is destroyed now."""
        self._executor.carry_out(self._conversation.give_up())

    # -- ConversationLinkOwner ------------------------------------------------------------------------------------

    def link_up(self, link: ConversationLink, heard: bool = False) -> None:
        self._executor.tell(lambda now: self._conversation.link_up(now, heard=heard))

    def link_down(self, link: ConversationLink, reason: str) -> None:
        self._executor.tell(lambda now: self._conversation.link_down(reason, now))

    def link_troubled(self, link: ConversationLink, error: WhisperdError) -> None:
        self._executor.tell(lambda now: self._conversation.link_troubled(error))

    def link_failed(self, link: ConversationLink, error: WhisperdError) -> None:
        self._executor.tell(lambda now: self._conversation.link_troubled(error, refused=True))

    def frame_received(self, link: ConversationLink, frame: bytes) -> Verdict:
        return self._executor.take(frame)

    def greeting(self) -> list[bytes]:
        """Return frames that greet the other side, on another link than the one in use."""
        effects = self._conversation.greeting(self._executor.now())
        if effects and not self._executor.at_once():
            return []
        return [effect.frame for effect in effects if isinstance(effect, SendFrame)]

    def link_moved(self, name: str) -> None:
        """Frames go over a link of this kind from now on."""
        self.files.link_moved(direct=name != RELAY)
        if name != self._moved_to and self.state in (CONNECTED, AWAY):
            self._listener.emit("chat-link", chat=self.name, link=name)
            self._moved_to = name

    def tell_of_links(self, payload: bytes) -> None:
        """Tell the other side something of this side's links."""
        self.tell(Stream.LINKS, payload)

    def tell(self, stream: Stream, payload: bytes) -> None:
        """Tell the other side something that is no text and no file, before all that waits."""
        self._executor.tell(lambda now: self._conversation.use(
            lambda channel: channel.send_first(stream, payload, now), now))

    def hold(self, on: bool) -> None:
        """Let texts and files wait for a link that may carry them, or not any more."""
        self._executor.tell(lambda now: self._conversation.use(lambda channel: channel.hold(on, now), now))

    # -- inside ---------------------------------------------------------------------------------------------------

    def _enact(self, effects: list[FileEffect]) -> None:
        self._executor.carry_out(self._conversation.carry_out(effects, self._executor.now()))

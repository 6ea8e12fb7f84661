"""The edge of one conversation: carries out what the core returns, on a link, a clock and the event bus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from whisperd import errors
from whisperd.errors import (
    ConversationEnded,
    ConversationNotConnected,
    StoreBusy,
    StoreDamaged,
    StoreFailed,
    StoreLocked,
    WhisperdError,
)
from whisperd.interfaces import ILinkOwner
from whisperd.logs import note, unexpected
from whisperd.peer.conversation.resumable import ResumableConversation
from whisperd.peer.conversation.states import AWAY, CONNECTED, ENDED
from whisperd.peer.effects import (
    Confirmed,
    ContactMessageAcknowledged,
    ContactMessageReceived,
    DiskEffect,
    DropFile,
    Effect,
    Emit,
    Ended,
    FinishFile,
    Heard,
    ReadFile,
    Rejoin,
    SendFrame,
    Settled,
    ToldOfLinks,
    WriteFile,
)
from whisperd.peer.files.disk import FilesOnDisk, Told
from whisperd.peer.files.downloads import Downloads
from whisperd.peer.files.offers import FileEffect
from whisperd.peer.links.paths import RELAY
from whisperd.wire.envelope import Stream

#: Events that say how the conversation itself is.
_ABOUT_ITSELF = ("chat-state", "chat-error")
_HANDSHAKE_ERRORS = range(20, 30)

#: What is to be done once something is kept.
Steps = Sequence[Callable[[], None]]


@implementer(ILinkOwner)
class Driver:
    """Runs ``conversation`` on ``link``; ``confirmed`` is called once its key is, with what the secrets of contacts are
    made of, and ``emit`` with every event.

    With ``keeping`` (a ``peer.keeping.WriteAhead``) what the core wants is done once its state is on the disk. ``emit``
    returns how many readers were given the event. ``link`` has ``heard``, ``confirmed``, ``woke`` and ``told`` of
    ``links.several`` beside ILink.
    """

    def __init__(self, conversation: ResumableConversation, link: Any, *, reactor: Any, emit: Callable[..., Any],
                 confirmed: Callable[[bytes], Steps | None], downloads: Downloads | None = None,
                 keeping: Any = None) -> None:
        self.conversation = conversation
        self.created = reactor.seconds()
        #: Fires when the conversation has ended and the link is closed.
        self.closed: Deferred[None] = Deferred()
        self.disk = FilesOnDisk(downloads or Downloads(""), reactor, self._tell_files)
        self._link = link
        self._reactor = reactor
        self._emit = emit
        self._on_confirmed = confirmed
        #: What hears that the other side is there, again or for the first time.
        self.on_connected: Callable[[], None] = lambda: None
        #: What hears that the other side was heard for the first time, and what it says about contacts; like
        #: ``confirmed`` they write what follows from it, and return what is to be done once that is kept.
        self.on_settled: Callable[[], Steps | None] = lambda: ()
        #: This one has it kept itself: the conversation's record has what was said, and it is told again.
        self.on_contact_message: Callable[[ContactMessageReceived], Steps | None] = lambda told: ()
        #: What hears that the other side has all that was said to it about them.
        self.on_contact_acknowledged: Callable[[], Steps | None] = lambda: ()
        #: Whether it has ended and the link was left.
        self.left = False
        self._alarm: Any = None
        self._moved_to = RELAY
        self._waiting: list[Deferred[None]] = []
        self._keeping = keeping
        self._held: list[Effect] = []
        #: What is to be done when that is kept which has been decided already of what is held; by the id of the effect.
        self._decided: dict[int, Steps] = {}

    def start(self) -> None:
        """Tell that the conversation is there, and begin to connect."""
        self.carry_out(self.conversation.start())
        self._link.start(self)

    def rest(self) -> None:
        """Only show what has ended, until it disappears or is forgotten."""
        self.left = True
        self.closed.callback(None)
        self._set_alarm()

    def forget(self) -> None:
        """Forget what was said, in a conversation that has ended."""
        self.conversation.forget()
        self._set_alarm()

    def let_go(self) -> None:
        """Nothing is kept of this conversation any more: do what is still held, and hold nothing from now on."""
        self._keeping = None
        self.release()

    @property
    def link_name(self) -> str | None:
        """The name of the link in use, None while there is none."""
        return self._link.name if self.conversation.state == CONNECTED else None

    @property
    def trouble(self) -> str | None:
        """The code of what keeps this side from every relay and from the other side; None while nothing does."""
        return None if self._link.seated else self.conversation.trouble or None

    @property
    def direct(self) -> str:
        """How far a direct link is: a word of whisperctl(1), LINKS."""
        return self._link.direct

    def woke(self) -> None:
        """This machine has slept: find out what still lives."""
        self._link.woke()

    def ended(self) -> Deferred[None]:
        """Return a Deferred that fires when the conversation has ended, and all that was held was done: not before its
        end is on the disk, so that whoever waits for it asks ``WriteAhead.unless_failing``."""
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        if self.left:
            self._tell_ended()
        return waiting

    def carry_out(self, effects: list[Effect]) -> None:
        """Do what the core wants, in its order, and set the alarm anew."""
        for effect in effects:
            if self._keeping is None or type(effect) is Heard:  # which is about the frame that is being taken
                self._actions[type(effect)](self, effect)
            else:
                self._held.append(effect)
        if effects:
            self.changed()
        self._set_alarm()

    def decide(self) -> None:
        """Write what follows from what is held, as a part of what is being written of the conversation."""
        assert self._keeping is not None
        for effect in [effect for effect in self._held if self._decides(effect) and id(effect) not in self._decided]:
            self._keeping.undo(partial(self._decided.pop, id(effect), None))
            try:
                self._decided[id(effect)] = self._decisions[type(effect)](self, effect) or ()
            except (StoreBusy, StoreDamaged, StoreFailed, StoreLocked):
                raise
            except Exception as error:
                unexpected(error)
                self._decided[id(effect)] = [lambda: self.carry_out(self.conversation.fail(WhisperdError()))]

    def _decides(self, effect: Effect) -> bool:
        """Whether this is decided together with the conversation's record, and not by itself later: what was said about
        contacts in a conversation that lasts is in that record, and heard again after a restart."""
        return type(effect) in self._decisions and (type(effect) is not ContactMessageReceived or not self.conversation.lasting)

    def release(self) -> None:
        """Do what was held until it was kept; of what is over and could not be, only say so."""
        if self._keeping is not None and self._keeping.pending(self.conversation.name):
            self._let_know()
            return
        held, self._held = self._held, []
        for place, effect in enumerate(held):
            try:
                steps = self._decided.pop(id(effect), None)
                if steps is None:
                    self._actions[type(effect)](self, effect)
                for step in steps or ():
                    step()
            except (StoreBusy, StoreDamaged, StoreFailed, StoreLocked):
                if self.conversation.state == ENDED:  # nothing is kept of it any more that could wait with this
                    continue
                self._held = held[place:] + self._held
                self.changed()
                return
            except Exception as error:
                unexpected(error)
                self.carry_out(self.conversation.fail(WhisperdError()))

    def suspend_unless_left(self) -> None:
        """Do that to what has a link."""
        if not self.left:
            self.suspend()

    def _let_know(self) -> None:
        """Tell what has become of the conversation; what is for the other side, or was said, waits, and so does the
        link, which that goes over."""
        told = [effect for effect in self._held if isinstance(effect, Emit) and effect.name in _ABOUT_ITSELF]
        self._held = [effect for effect in self._held if effect not in told]
        for effect in told:
            self._event(effect)

    def drop(self) -> Deferred[None]:
        """End what has just begun, as if it had not: nothing was said yet."""
        self._keeping = None
        self._held.clear()
        self._decided.clear()
        with suppress(ConversationEnded):
            self.carry_out(self.conversation.end(self._now()))
        return self.closed

    def suspend(self) -> Deferred[None]:
        """Close the link and keep the seat; the conversation goes on another time."""
        self._keeping = None
        self._held.clear()
        self._decided.clear()
        self._link.stop(leave=False).chainDeferred(self.closed)
        self.disk.rest()
        self.conversation.sleep()
        self._set_alarm()
        return self.closed

    def go_on_with_files(self) -> None:
        """Find the files again that were open when the store was written last."""
        with suppress(ConversationEnded, ConversationNotConnected):
            self.disk.go_on(self.conversation.open_files().left())

    def enact(self, effects: list[FileEffect]) -> None:
        """Do what the core's files want."""
        self.carry_out(self.conversation.enact(effects, self._now()))

    # -- ILinkOwner -----------------------------------------------------------------------------------------------

    def link_up(self, link: Any, heard: bool = False) -> None:
        self._tell(lambda now: self.conversation.link_up(now, heard=heard), self._now())

    def link_down(self, link: Any, reason: str) -> None:
        self._tell(self.conversation.link_down, reason, self._now())

    def link_troubled(self, link: Any, error: WhisperdError) -> None:
        self._tell(self.conversation.link_troubled, error)

    def link_failed(self, link: Any, error: WhisperdError) -> None:
        self._tell(self.conversation.link_failed, error)

    def frame_received(self, link: Any, frame: bytes) -> None:
        self._tell(self.conversation.frame_received, frame, self._now())

    # -- what several links behind one ask besides ------------------------------------------------------------------

    def greeting(self) -> list[bytes]:
        """Return frames that greet the other side, on another link than the one in use."""
        effects = self.conversation.greeting(self._now())
        if effects and self._keeping is not None and not self._keeping.at_once(self.conversation.name):
            return []
        return [effect.frame for effect in effects if isinstance(effect, SendFrame)]

    def link_moved(self, name: str) -> None:
        """Frames go over a link of this kind from now on."""
        with suppress(ConversationEnded, ConversationNotConnected):
            self.conversation.open_files().link_moved(direct=name != RELAY)
        if name != self._moved_to and self.conversation.state in (CONNECTED, AWAY):
            self._emit("chat-link", chat=self.conversation.name, link=name)
            self._moved_to = name

    def tell_of_links(self, payload: bytes) -> None:
        """Tell the other side something of this side's links."""
        self._tell(self.conversation.tell, Stream.LINKS, payload, self._now())

    def put_contact_message(self, payload: bytes) -> Callable[[], None]:
        """Have something about contacts wait for ``go_on``; return what takes it back until then."""
        return self.conversation.put_contact_message(payload)

    def go_on(self) -> None:
        """Send what waits."""
        self._tell(self.conversation.go_on, self._now())
        self.changed()

    def forget_contacts(self) -> Callable[[], None]:
        """What the other side said last about contacts is not to be told again after a restart; return what undoes it.
        """
        conversation, before = self.conversation, self.conversation.contact_messages_heard
        conversation.contact_messages_heard = b""
        return lambda: setattr(conversation, "heard_of_people", before)

    def hold(self, on: bool) -> None:
        """Let texts and files wait for a link that may carry them, or not any more."""
        self._tell(self.conversation.hold, on, self._now())

    # -- inside ---------------------------------------------------------------------------------------------------

    def _now(self) -> float:
        return self._reactor.seconds()

    def _tell(self, report: Callable[..., list[Effect]], *arguments: Any) -> None:
        """Tell the core; a bug in it, or in a plug-in, ends this conversation and no other."""
        try:
            self.carry_out(report(*arguments))
        except Exception as error:
            unexpected(error)
            self.carry_out(self.conversation.fail(WhisperdError()))

    def _tell_files(self, told: Told) -> None:
        self._tell(self._hear, told)

    def _hear(self, told: Told) -> list[Effect]:
        try:
            files = self.conversation.open_files()
        except ConversationEnded:
            return []
        return self.conversation.enact(told(files, self._now()), self._now())

    def _disk(self, effect: DiskEffect) -> None:
        self.disk.carry_out(effect)

    def _send(self, effect: SendFrame) -> None:
        self._link.send(effect.frame)

    def _event(self, effect: Emit) -> None:
        if effect.name == "chat-state":
            note("chat-state", state=str(effect.fields["state"]))
            if effect.fields["state"] == CONNECTED:
                self.on_connected()
        elif effect.name == "chat-error":
            code = str(effect.fields["code"])
            if errors.catalogue().get(code, WhisperdError).exit_status in _HANDSHAKE_ERRORS:
                note("handshake-failed", code=code)
        self._emit(effect.name, **effect.fields)

    def seen(self, last: int, first: int = 1) -> None:
        """Somebody has been shown the messages ``first`` to ``last``, so they need not be kept for anybody."""
        if self.conversation.seen(last, first):
            self.changed()

    def changed(self) -> None:
        """Have the conversation written down, where it is."""
        if self._keeping is not None:
            self._keeping.changed(self.conversation.name)

    def _rejoin(self, effect: Rejoin) -> None:
        self._link.rejoin(effect.delay)

    def _confirmed(self, effect: Confirmed) -> Steps | None:
        return self._on_confirmed(effect.verification)

    def _heard(self, effect: Heard) -> None:
        self._link.heard(effect.greeting)
        if self.conversation.state == CONNECTED:
            self._link.confirmed()

    def _told_of_links(self, effect: ToldOfLinks) -> None:
        self._link.told(effect.payload)

    def _settled(self, effect: Settled) -> Steps | None:
        return self.on_settled()

    def _contact_message(self, effect: ContactMessageReceived) -> Steps | None:
        return self.on_contact_message(effect)

    def _contact_acknowledged(self, effect: ContactMessageAcknowledged) -> Steps | None:
        return self.on_contact_acknowledged()

    def _at_once(self, effect: Effect) -> None:
        """Decide, and do what follows, where nothing has to be kept."""
        for step in self._decisions[type(effect)](self, effect) or ():
            step()

    def _end(self, effect: Ended) -> None:
        self.left = True
        self._link.stop().chainDeferred(self.closed)
        self._tell_ended()

    def _tell_ended(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)

    def _set_alarm(self) -> None:
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        wake_at = self.conversation.wake_at
        self._alarm = None
        if wake_at is not None:
            self._alarm = self._reactor.callLater(max(0.0, wake_at - self._now()), self._wake)

    def _wake(self) -> None:
        self._alarm = None
        self._tell(self.conversation.tick, self._now())

    _decisions: dict[type, Callable[..., Steps | None]] = {  # noqa: RUF012
        Confirmed: _confirmed, Settled: _settled, ContactMessageAcknowledged: _contact_acknowledged, ContactMessageReceived: _contact_message,
    }
    _actions: dict[type, Callable[..., None]] = {  # noqa: RUF012
        SendFrame: _send, Emit: _event, Rejoin: _rejoin, Ended: _end, Heard: _heard, ToldOfLinks: _told_of_links,
        **dict.fromkeys(_decisions, _at_once),
        **dict.fromkeys((ReadFile, WriteFile, FinishFile, DropFile), _disk),
    }

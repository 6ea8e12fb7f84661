"""Carries out what the core of one conversation wants: frames, events, files, and what follows for contacts.

Where a store persists the conversation, effects are held until the state that they come from is on the disk, and what
they change elsewhere is written together with that state. [whisperd-security(7), SEALED STORE]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from whisperd import errors
from whisperd.errors import ConversationEnded, StoreBusy, StoreDamaged, StoreFailed, StoreLocked, WhisperdError
from whisperd.logs import note, unexpected
from whisperd.peer.conversation.conversation import Conversation
from whisperd.peer.conversation.states import CONNECTED, ENDED
from whisperd.peer.effects import (
    Confirmed,
    ContactMessageAcknowledged,
    ContactMessageReceived,
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
from whisperd.peer.files.disk import FilesOnDisk, Threads, Told
from whisperd.peer.files.downloads import Downloads
from whisperd.peer.links.link import ConversationLink, Verdict
from whisperd.timers import OneShot

#: What is to be done once something is on the disk.
Steps = Sequence[Callable[[], None]]

#: Events that say how the conversation itself is.
_ABOUT_ITSELF = ("chat-state", "chat-error")
_HANDSHAKE_ERRORS = range(20, 30)
_STORE_ERRORS = (StoreBusy, StoreDamaged, StoreFailed, StoreLocked)


def _nothing(*_: object) -> Steps:
    return ()


@dataclass(frozen=True)
class DriverListener:
    """What hears of one conversation. All but ``emit`` and ``connected`` write what follows, together with the
    conversation's own record, and return the steps that are to be done once that is on the disk."""

    #: Takes every event: its name, and its fields as keywords.
    emit: Callable[..., object]
    #: The other side is there, again or for the first time.
    connected: Callable[[], object] = _nothing
    #: The key is confirmed; the argument is what the secrets of contacts are made of (32 bytes).
    confirmed: Callable[[bytes], Steps] = _nothing
    #: The other side was heard for the first time.
    settled: Callable[[], Steps] = _nothing
    #: The other side said something about contacts. In a conversation that lasts, this one has it written itself: the
    #: conversation's record has what was said, and it is told again after a restart.
    contact_message: Callable[[ContactMessageReceived], Steps] = _nothing
    #: The other side has all that was said to it about contacts.
    contact_acknowledged: Callable[[], Steps] = _nothing


class Persistence(Protocol):
    """What is asked of write-ahead persistence; ``peer.persistence.write_ahead`` has the shape."""

    def changed(self, name: str) -> None:
        """Write this conversation before this turn of the reactor is over."""

    def pending(self, name: str) -> bool:
        """Return whether something of this conversation waits to be on the disk."""

    def at_once(self, name: str) -> bool:
        """Write this conversation now; return whether that worked."""

    def undo(self, step: Callable[[], None]) -> None:
        """Have ``step`` called if what is being written now does not get onto the disk."""


class Executor:
    """Carries out the effects of ``conversation``, in their order, and calls it when its time has come."""

    def __init__(self, conversation: Conversation, link: ConversationLink, reactor: Threads,
                 listener: DriverListener, downloads: Downloads, persistence: Persistence | None) -> None:
        #: Fires when the conversation has ended and the link is closed.
        self.closed: Deferred[None] = Deferred()
        #: Whether it has ended and the link was left.
        self.left = False
        self.disk = FilesOnDisk(downloads, reactor, self._tell_files)
        self._conversation = conversation
        self._link = link
        self._reactor = reactor
        self._listener = listener
        self._persistence = persistence
        self._timer = OneShot(reactor, lambda: self.tell(conversation.tick))
        self._waiting: list[Deferred[None]] = []
        self._held: list[Effect] = []
        #: What is to be done once that is on the disk which has been decided already of what is held; by the id of
        #: the effect.
        self._decided: dict[int, Steps] = {}
        self._decisions: dict[type, Callable[[Any], Steps]] = {
            Confirmed: lambda effect: listener.confirmed(effect.verification),
            Settled: lambda effect: listener.settled(),
            ContactMessageReceived: listener.contact_message,
            ContactMessageAcknowledged: lambda effect: listener.contact_acknowledged(),
        }
        self._actions: dict[type, Callable[[Any], object]] = {
            SendFrame: lambda effect: (link.reply if effect.reply else link.send)(effect.frame),
            Emit: self._event,
            Rejoin: lambda effect: link.rejoin(effect.delay),
            Ended: self._end,
            ToldOfLinks: lambda effect: link.told(effect.payload),
            **dict.fromkeys(self._decisions, self._decide_at_once),
            **dict.fromkeys((ReadFile, WriteFile, FinishFile, DropFile), self.disk.carry_out),
        }

    def now(self) -> float:
        """Return the time in seconds, as the core is told it."""
        return float(self._reactor.seconds())

    def tell(self, report: Callable[[float], list[Effect]]) -> None:
        """Tell the core, which takes the time; a bug in it, or in a plug-in, ends this conversation and no other."""
        try:
            self.carry_out(report(self.now()))
        except Exception as error:
            self._failed(error)

    def take(self, frame: bytes) -> Verdict:
        """Tell the core of a frame, and return what that shows; what follows is done when the link has acted on it."""
        try:
            effects = self._conversation.frame_received(frame, self.now())
        except Exception as error:
            unexpected(error)
            effects = self._conversation.fail(WhisperdError())
        heard = [effect for effect in effects if isinstance(effect, Heard)]
        rest: list[Effect] = [effect for effect in effects if not isinstance(effect, Heard)]
        replied = any(isinstance(effect, SendFrame) and effect.reply for effect in rest)
        return Verdict(bool(heard), any(effect.greeting for effect in heard), replied,
                       partial(self._proceed, bool(heard), rest))

    def _proceed(self, theirs: bool, effects: list[Effect]) -> None:
        """Do what follows from a frame; one that is theirs has moved the ratchet on."""
        def follow(now: float) -> list[Effect]:
            if theirs and self._conversation.state == CONNECTED:
                self._link.confirmed()
            return effects

        self.tell(follow)
        if theirs:
            self.changed()

    def carry_out(self, effects: list[Effect]) -> None:
        """Do what the core wants, or hold it until its state is on the disk; and set the timer anew."""
        for effect in effects:
            if self._persistence is None:
                self._actions[type(effect)](effect)
            else:
                self._held.append(effect)
        if effects:
            self.changed()
        self.set_timer()

    def changed(self) -> None:
        """Have the conversation written down, where it is."""
        if self._persistence is not None:
            self._persistence.changed(self._conversation.name)

    def set_timer(self) -> None:
        """Call the core when it wants to be called."""
        self._timer.start_at(self._conversation.wake_at)

    # -- what is held ---------------------------------------------------------------------------------------------

    def decide(self) -> None:
        """Write what follows from what is held, as a part of what is being written of the conversation."""
        assert self._persistence is not None
        for effect in [effect for effect in self._held if self._decides(effect) and id(effect) not in self._decided]:
            self._persistence.undo(partial(self._forget_decision, id(effect)))
            try:
                self._decided[id(effect)] = self._decisions[type(effect)](effect)
            except _STORE_ERRORS:
                raise
            except Exception as error:
                unexpected(error)
                self._decided[id(effect)] = [lambda: self.carry_out(self._conversation.fail(WhisperdError()))]

    def _forget_decision(self, effect: int) -> None:
        self._decided.pop(effect, None)

    def _decides(self, effect: Effect) -> bool:
        """Whether this is decided together with the conversation's record, and not by itself later: what was said about
        contacts in a conversation that lasts is in that record, and heard again after a restart."""
        return type(effect) in self._decisions and (type(effect) is not ContactMessageReceived
                                                    or not self._conversation.resumable)

    def release(self) -> None:
        """Do what was held until it was on the disk; of what is over and could not be written, only say so."""
        if self._persistence is not None and self._persistence.pending(self._conversation.name):
            self._let_know()
            return
        held, self._held = self._held, []
        for place, effect in enumerate(held):
            try:
                steps = self._decided.pop(id(effect), None)
                if steps is None:
                    self._actions[type(effect)](effect)
                for step in steps or ():
                    step()
            except _STORE_ERRORS:
                if self._conversation.state == ENDED:  # nothing is written of it any more that could wait with this
                    continue
                self._held = held[place:] + self._held
                self.changed()
                return
            except Exception as error:
                self._failed(error)

    def let_go(self) -> None:
        """Nothing is written of this conversation any more: do what is still held, and hold nothing from now on."""
        self._persistence = None
        self.release()

    def abandon(self) -> None:
        """Forget what is held, and hold nothing from now on."""
        self._persistence = None
        self._held.clear()
        self._decided.clear()

    def at_once(self) -> bool:
        """Have the conversation on the disk now; return whether nothing has to wait."""
        return self._persistence is None or self._persistence.at_once(self._conversation.name)

    def _let_know(self) -> None:
        """Tell what has become of the conversation; what is for the other side, or was said, waits, and so does the
        link, which that goes over."""
        told = [effect for effect in self._held if isinstance(effect, Emit) and effect.name in _ABOUT_ITSELF]
        self._held = [effect for effect in self._held if effect not in told]
        for effect in told:
            self._event(effect)

    def _decide_at_once(self, effect: Effect) -> None:
        """Decide, and do what follows, where nothing has to be written first."""
        for step in self._decisions[type(effect)](effect):
            step()

    # -- the end --------------------------------------------------------------------------------------------------

    def ended(self) -> Deferred[None]:
        """Return a Deferred that fires when the conversation has ended, and all that was held was done: not before its
        end is on the disk, so that whoever waits for it asks ``WriteAhead.unless_failing``."""
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        if self.left:
            self._tell_ended()
        return waiting

    def rest(self) -> None:
        """There is no link, as the conversation has ended before."""
        self.left = True
        self.closed.callback(None)
        self.set_timer()

    def _end(self, effect: Ended) -> None:
        self.left = True
        self._link.stop().chainDeferred(self.closed)
        self._tell_ended()

    def _tell_ended(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)

    def _failed(self, error: Exception) -> None:
        unexpected(error)
        self.carry_out(self._conversation.fail(WhisperdError()))

    # -- effects --------------------------------------------------------------------------------------------------

    def _event(self, effect: Emit) -> None:
        if effect.name == "chat-state":
            note("chat-state", state=str(effect.fields["state"]))
            if effect.fields["state"] == CONNECTED:
                self._listener.connected()
        elif effect.name == "chat-error":
            code = str(effect.fields["code"])
            if errors.catalogue().get(code, WhisperdError).exit_status in _HANDSHAKE_ERRORS:
                note("handshake-failed", code=code)
        self._listener.emit(effect.name, **effect.fields)

    def _tell_files(self, told: Told) -> None:
        self.tell(lambda now: self._hear(told, now))

    def _hear(self, told: Told, now: float) -> list[Effect]:
        try:
            files = self._conversation.open_files()
        except ConversationEnded:
            return []
        return self._conversation.carry_out(told(files, now), now)

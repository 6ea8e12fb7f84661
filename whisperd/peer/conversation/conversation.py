"""One conversation from its invite to its end: a core that is told of links, frames and time, and returns effects.

It leads from one state of ``states.TABLE`` to the next, and puts its parts together: ``Opening`` comes to a key, and
the ``Session`` of that key has the channel; ``Resumption`` asks before the channel of a session from a store is used;
what comes in over the channel is read by ``Messages``, ``DisappearingTimer``, ``Files`` and ``ContactMessages``. What
they want is turned into what the edge does (``peer.effects``) by ``carry_out``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from whisperd.errors import (
    ChannelBroken,
    ConversationEnded,
    ConversationNotConnected,
    MessageRejected,
    StateRolledBack,
    TooLate,
    WhisperdError,
)
from whisperd.peer.conversation.channel import Acknowledged, Channel, ChannelEffect, Received, Sent
from whisperd.peer.conversation.contact_messages import ContactMessages
from whisperd.peer.conversation.disappearing import DisappearingTimer
from whisperd.peer.conversation.messages import Message, Messages
from whisperd.peer.conversation.opening import Opening
from whisperd.peer.conversation.origin import Bounds, Origin
from whisperd.peer.conversation.resume import Agreed, ResumeEffect, Resumption, RolledBack
from whisperd.peer.conversation.session import Session
from whisperd.peer.conversation.states import ENDED, HEARD, LINK_DOWN, LINK_UP, OVER, WAITING, Status
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
    Post,
    ReadFile,
    Rejoin,
    SendFrame,
    Settled,
    ToldOfLinks,
    WriteFile,
)
from whisperd.peer.files.offers import Files
from whisperd.peer.handshake.established import Established
from whisperd.peer.handshake.handshake import Aborted, HandshakeEffect, Terms
from whisperd.peer.records import FORM, ConversationRecord
from whisperd.wire import envelope
from whisperd.wire.envelope import CHANNEL_FRAME, HANDSHAKE_FRAME, End, Stream
from whisperd.wire.files import decode_file
from whisperd.wire.resume import RESUME_FRAME

#: Seconds to wait until the other side knows of the end.
END_PATIENCE = 5.0

#: What people are told whom no relay lets in, and who have a key in common.
_GOES_ON = ("whisperd tries again, and the conversation continues when the relay accepts the connection. If it does "
            "not, make a new invite at another relay.")
_HANDSHAKE, _CHANNEL, _RESUME = (bytes([head]) for head in (HANDSHAKE_FRAME, CHANNEL_FRAME, RESUME_FRAME))

#: What the parts of a conversation want.
PartEffect = Effect | HandshakeEffect | ChannelEffect | ResumeEffect | Post


@dataclass
class _Leaving:
    """This side ends the conversation, and waits until the other one knows: by ``ticket``, or by ``give_up_at``."""

    reason: str
    give_up_at: float
    ticket: int | None = None


class Conversation:
    """One side of one conversation; ``now`` is in seconds, of the clock that ``origin.expires`` goes by.

    ``unusable`` is the code of what makes its record useless to this daemon, which only shows the conversation then.
    """

    def __init__(self, name: str, terms: Terms, origin: Origin, bounds: Bounds, unusable: str = "") -> None:
        self.name = name
        self.role = origin.role
        self.status = Status(name, origin.reason or ("invited" if origin.inviter else "joining"))
        #: Whether the words were compared.
        self.verified = origin.verified
        #: Whether there is a key that both sides have used.
        self.confirmed = False
        #: Whether the store's record could not be used by this daemon, and is not to be changed by it.
        self.left_as_it_is = bool(unusable)
        self.messages = Messages(name, bounds.max_queue)
        self.timer = DisappearingTimer(name, self.messages)
        self.files = Files(name, max_size=bounds.max_file, max_open=bounds.max_files,
                           progress_interval=bounds.progress_interval)
        self.contact_messages = ContactMessages()
        self._opening = Opening(terms, origin)
        self._session: Session | None = None
        self._resumption = Resumption(terms.random, inviter=origin.inviter)
        self._settled = False
        self._leaving: _Leaving | None = None
        self._over = ""  # why it is over, once the frame is done with that said so
        if unusable:
            self.status.restore(unusable, ended=True)

    @property
    def state(self) -> str:
        """The state that people see, a word of ``states``."""
        return self.status.state

    @property
    def resumable(self) -> bool:
        """Whether it has neither ended nor is being ended: there is something to go on with after a restart."""
        return self.state != ENDED and self._leaving is None

    def session(self) -> Session:
        """Return what the handshake led to. Raises ConversationEnded or ConversationNotConnected."""
        if not self.resumable:
            raise ConversationEnded
        if not self.confirmed or self._session is None:
            raise ConversationNotConnected
        return self._session

    def start(self) -> list[Effect]:
        """Say that the conversation is there, and its files."""
        return [self.status.event(), *self.files.states()]

    # -- what links tell ------------------------------------------------------------------------------------------

    def link_up(self, now: float, *, heard: bool = False) -> list[Effect]:
        """The other side can be reached now, over a new connection of one of the two, or over another link.

        ``heard`` says that it was heard there already."""
        if self.state == ENDED:
            return []
        effects: list[Effect] = [*self.status.turn(LINK_UP, "peer-here")]
        asking = self._resumption.asking and self._session is not None
        if self._session is not None and not asking:
            effects += self.carry_out(self._session.channel.link_up(now, heard=heard and self.confirmed), now)
        if not self.confirmed and (asking or not heard):
            effects += self.carry_out(self._opening.begin(now), now)
        if self._session is not None and asking:
            effects.append(self._resumption.ask(self._session, now))
        return effects

    def link_down(self, reason: str, now: float) -> list[Effect]:
        """The other side cannot be reached any more. Why is a relay's word: an end that is under way waits on."""
        self._resumption.pause()
        if self.state == ENDED or not self.status.up:
            return []
        self._opening.pause()
        if self._session is not None:
            self._session.channel.link_down()
            self.files.link_down()
        return [*self.status.turn(LINK_DOWN, reason)]

    def link_troubled(self, error: WhisperdError, *, refused: bool = False) -> list[Effect]:
        """The link cannot be made for now; people hear of each reason once until it is up.

        ``refused`` says that no relay lets this side in. That ends an invite; two who have a key go on when they are
        let in again."""
        if not refused:
            return [*self.status.troubled(error)]
        if self._session is None:
            return self.fail(error)
        return [*self.status.troubled(type(error)(error.message, remedy=_GOES_ON))]

    def frame_received(self, frame: bytes, now: float) -> list[Effect]:
        """Take one frame of the other side, or of whoever pretends to be it."""
        head, session = frame[:1], self._session
        if self.state == ENDED:
            return []
        if head == _HANDSHAKE and self.status.up and not self.confirmed:
            return self._take_handshake(frame, now)
        if session is None:
            return []
        if head == _RESUME:
            return self.carry_out(self._resumption.receive(session, frame), now)
        if head == _CHANNEL and not self._resumption.asking:
            return self._take_channel(session, frame, now)
        if head == _CHANNEL:
            self._resumption.hold(frame)
        return []

    def use(self, do: Callable[[Channel], list[ChannelEffect]], now: float) -> list[Effect]:
        """Do something with the channel, where there is one."""
        if self.state == ENDED or self._session is None:
            return []
        return self.carry_out(do(self._session.channel), now)

    def greeting(self, now: float) -> list[Effect]:
        """Return what greets the other side on a link that is not the one in use."""
        if self._resumption.asking or not self.confirmed or self._session is None:
            return []
        return self.carry_out(self._session.channel.greeting(), now)

    # -- time -----------------------------------------------------------------------------------------------------

    @property
    def wake_at(self) -> float | None:
        """When ``tick`` is to be called, or None."""
        times = [self.messages.disappears_next]
        if self.state != ENDED:
            times += [self._leaving.give_up_at if self._leaving else None, self._resumption.ask_at,
                      None if self.confirmed else self._opening.wake_at(alone=self.state == WAITING),
                      self._session.channel.wake_at if self._session else None]
        return min((time for time in times if time is not None), default=None)

    def tick(self, now: float) -> list[Effect]:
        """Do what is due; to be called at ``wake_at``."""
        gone: list[Effect] = [*self.messages.disappearing(now)]
        if self.state == ENDED:
            return gone
        if self._resumption.due(now) and self._session is not None:
            gone.append(self._resumption.ask(self._session, now))
        if self._leaving is not None and now >= self._leaving.give_up_at:
            return [*gone, *self.finish(self._leaving.reason)]
        if not self.confirmed and self._opening.lapsed(now, alone=self.state == WAITING):
            lapse = self._opening.lapse
            return [*gone, self.status.error_event(lapse), *self.finish(lapse.code)]
        if self._opening.due(now):
            return [*gone, *self.carry_out(self._opening.begin(now), now)]
        return [*gone, *(self.carry_out(self._session.channel.tick(now), now) if self._session else [])]

    # -- what people ask ------------------------------------------------------------------------------------------

    def send(self, text: str, now: float) -> tuple[Message, list[Effect]]:
        """Accept a text for delivery.

        Raises ConversationEnded, ConversationNotConnected, UsageError, MessageTooLarge or QueueFull.
        """
        channel = self.session().channel
        self.messages.check(text)
        ticket, sending = channel.send(Stream.CHAT, envelope.encode_chat(self.messages.form(text)), now)
        message, events = self.messages.accepted(text, ticket)
        return message, [*events, *self.carry_out(sending, now)]

    def cancel(self, number: int) -> list[Effect]:
        """Take back a message of ours that is queued.

        Raises ConversationEnded, ConversationNotConnected, FileUnknown or TooLate."""
        channel = self.session().channel
        ticket = self.messages.waiting(number)
        if not channel.cancel(ticket):
            raise TooLate("the message has already been sent")
        return [*self.messages.cancelled(ticket)]

    def set_timer(self, wish: str, now: float) -> list[Effect]:
        """Propose, accept or refuse a timer: a time as ``disappearing.seconds_of`` reads it, 'accept' or 'refuse'.

        Raises ConversationEnded, ConversationNotConnected, UsageError or QueueFull."""
        events, sending = self.timer.set(wish, self.session().channel, now)
        return [*events, *self.carry_out(sending, now)]

    def open_files(self) -> Files:
        """Return the files, to do something with them that ``carry_out`` turns into effects.

        Raises ConversationEnded or ConversationNotConnected."""
        self.session()
        return self.files

    def put_contact_message(self, payload: bytes) -> Callable[[], None]:
        """Have the other side told something about contacts with the next frame, after all that waits; return what
        takes that back until then. ContactMessageAcknowledged says that it has arrived."""
        channel = self._session.channel if self._session is not None and self.resumable else None
        return self.contact_messages.put(payload, channel)

    def comparison(self) -> dict[str, Any]:
        """Return what the two people compare. Raises ConversationEnded or ConversationNotConnected."""
        session = self.session()
        return {"chat": self.name, **session.comparison(), "verified": self.verified, "level": session.level}

    def mark_verified(self) -> Callable[[], None]:
        """The two people compared the words; return what undoes that. Raises ConversationEnded or
        ConversationNotConnected."""
        self.session()
        before, self.verified = self.verified, True

        def undo() -> None:
            self.verified = before

        return undo

    def row(self) -> dict[str, Any]:
        """Return what 'chat list' shows; the suite and its level are None before the key is confirmed."""
        session = self._session if self.confirmed else None
        return {"chat": self.name, "role": self.role, "state": self.state, "reason": self.status.reason,
                "level": self.status.level, "suite": session.suite if session else {"kex": None, "ratchet": None},
                "verified": self.verified, **self.messages.counts(), "timer": self.timer.row()}

    # -- the end --------------------------------------------------------------------------------------------------

    def end(self, now: float, reason: str = ENDED) -> list[Effect]:
        """Tell the other side, wait at most END_PATIENCE seconds until it knows, and destroy everything.

        ``reason`` is shown. Raises ConversationEnded when that is under way already."""
        if not self.resumable:
            raise ConversationEnded
        if not self.confirmed or self._session is None:
            farewell = [self._opening.abort(ConversationEnded.code)] if self.status.up else []
            return [*farewell, *self.finish(reason)]
        channel = self._session.channel
        self._leaving = _Leaving(reason, now + END_PATIENCE)
        channel.drop_held()
        files = self.carry_out(self.files.end(), now)
        self._leaving.ticket, sending = channel.send(Stream.CONTROL, envelope.encode_control(End()), now)
        return [*files, *self.carry_out(sending, now)]

    def give_up(self) -> list[Effect]:
        """Wait no longer until the other side knows of the end: what is secret is destroyed now."""
        return self.finish(self._leaving.reason) if self._leaving is not None else []

    def fail(self, error: WhisperdError) -> list[Effect]:
        """Nothing that was done can make this conversation go on."""
        if self.state == ENDED:
            return []
        return [self.status.failed(error), *self.finish(error.code)]

    def finish(self, reason: str) -> list[Effect]:
        """It is over: what waited has failed, and everything secret is destroyed."""
        failed = [*self.messages.fail(), *self.carry_out(self.files.end(), 0.0)]
        over = self.status.turn(OVER, reason) if self.state != ENDED else []
        self._leaving = None
        self._opening.close()
        self._resumption.wipe()
        if self._session is not None:
            self._session.wipe()
        return [*failed, *over, Ended()]

    def forget(self) -> None:
        """Forget what was said, too; for a conversation that has ended."""
        self.messages.wipe()
        self.files.wipe()

    # -- what the parts want --------------------------------------------------------------------------------------

    def carry_out(self, effects: Iterable[PartEffect], now: float) -> list[Effect]:
        """Turn what the parts want into what the edge does."""
        return [effect for given in effects for effect in self._reactions[type(given)](self, given, now)]

    def _take_handshake(self, frame: bytes, now: float) -> list[Effect]:
        try:
            return [Heard(False), *self.carry_out(self._opening.receive(frame, now), now)]
        except WhisperdError as error:
            return [self._opening.abort(error.code), *self._handshake_failed(error, now, here=True)]

    def _handshake_failed(self, error: WhisperdError, now: float, *, here: bool) -> list[Effect]:
        told = self.status.error_event(error)
        if self._opening.failed(error, here=here):
            return [told, *self.finish(error.code)]
        if not here:
            return [told]
        return [told, *self.link_down(error.code, now), Rejoin(self._opening.rejoin_delay)]

    def _establish(self, established: Established, now: float) -> list[Effect]:
        self._resumption.over()  # with this key there is nothing to ask
        if self._session is not None:
            self._session.wipe()
        self._session = Session(established)
        confirmed = self._confirm(self._session) if self.role == "joiner" else []
        return [*confirmed, *self.carry_out(self._session.channel.link_up(now), now)]

    def _confirm(self, session: Session) -> list[Effect]:
        """The other side has used the key, or, for a joiner, confirmed it."""
        if self.confirmed:
            return [*self.status.turn(HEARD, "resumed")]
        self.confirmed = True
        self.status.secured(session.level)
        self._opening.close()
        return [Confirmed(bytes(session.verification)), *self.status.turn(HEARD, "confirmed")]

    def _resume(self, agreed: Agreed, now: float) -> list[Effect]:
        """Both sides agree where they stand: use the channel, beginning with what came meanwhile."""
        held = self._resumption.over()
        effects = self.use(lambda channel: channel.link_up(now), now)
        for frame in held:
            effects += self.frame_received(frame, now)
        return effects

    def _take_channel(self, session: Session, frame: bytes, now: float) -> list[Effect]:
        try:
            effects = session.channel.receive(frame, now)
        except (MessageRejected, ChannelBroken):
            return []
        first, self._settled = not self._settled, True
        heard = [*self._confirm(session), *([Settled()] if first else [])]
        done = [Heard(session.channel.was_greeted), *heard, *self.carry_out(effects, now)]
        return [*done, *self.finish(self._over)] if self._over else done

    def _received(self, received: Received, now: float) -> list[Effect]:
        """Hand a payload to its reader; what nobody understands is dropped, and stays acknowledged."""
        stream, payload = received.stream, received.payload
        try:
            if stream == Stream.CHAT:
                return [*self.messages.received(envelope.decode_chat(payload), now)]
            if stream == Stream.FILES:
                return self.carry_out(self.files.received(decode_file(payload), now), now)
            if stream == Stream.TIMER:
                return [*self.timer.received(payload)]
            if stream == Stream.LINKS:
                return [ToldOfLinks(payload)]
            if stream == Stream.CONTACTS and self._session is not None:
                self.contact_messages.received(payload)
                return [ContactMessageReceived(payload, bytes(self._session.verification))]
            if stream == Stream.CONTROL:
                envelope.decode_control(payload)
                reason = self._leaving.reason if self._leaving else ENDED
                self._over = self._over or ("peer-ended" if reason == ENDED else reason)
        except ChannelBroken:
            pass
        return []

    def _acknowledged(self, acknowledged: Acknowledged, now: float) -> list[Effect]:
        leaving, ticket = self._leaving, acknowledged.ticket
        if leaving is not None and leaving.ticket is not None and ticket >= leaving.ticket:
            self._over = leaving.reason
        files = self.files.acknowledged(ticket, now) if leaving is None else []
        arrived = [ContactMessageAcknowledged()] if self.contact_messages.acknowledged(ticket) else []
        return [*self.messages.acknowledged(ticket, now), *self.carry_out(files, now), *arrived]

    def _post(self, post: Post, now: float) -> list[Effect]:
        assert self._session is not None  # whoever has files has a session
        ticket, sending = self._session.channel.send(Stream.FILES, post.payload, now)
        self.files.posted(ticket, post, now)
        return self.carry_out(sending, now)

    _reactions: ClassVar[dict[type, Callable[..., list[Effect]]]] = {
        **dict.fromkeys((SendFrame, Emit, Heard, ReadFile, WriteFile, FinishFile, DropFile),
                        lambda self, effect, now: [effect]),
        Established: _establish,
        Aborted: lambda self, aborted, now: self._handshake_failed(aborted.error, now, here=False),
        Agreed: _resume,
        RolledBack: lambda self, effect, now: self.fail(StateRolledBack()),
        Received: _received,
        Sent: lambda self, sent, now: [*self.messages.sent(sent.ticket)],
        Acknowledged: _acknowledged,
        Post: _post,
    }

    # -- the store ------------------------------------------------------------------------------------------------

    def dump(self) -> ConversationRecord:
        """Return all but payloads and texts."""
        opening, session = self._opening, self._session
        return ConversationRecord(
            FORM, self.role == "inviter", opening.expires, opening.terms.invite_floor, opening.terms.floor,
            self.confirmed, self.verified, opening.failures, "" if self.resumable else self.status.reason,
            [] if self.confirmed or not self.resumable else opening.secrets(),
            session.dump() if session is not None and self.resumable else None, self.messages.dump(), self.files.dump(),
            self.timer.dump(), self.contact_messages.heard)

    def payloads(self) -> dict[int, tuple[int, bytes]]:
        """Return stream and payload of what waits or is not acknowledged, by ticket."""
        return self._session.channel.payloads() if self._session is not None and self.resumable else {}

    def written(self) -> None:
        """A store has everything as it is now. From the first time on nothing is forgotten, or shown, before that."""
        self.messages.written()
        self.timer.written()

    @classmethod
    def load(cls, name: str, record: ConversationRecord, terms: Terms, messages: Iterable[Message],
             payloads: Mapping[int, bytes], bounds: Bounds) -> Conversation:
        """Return the conversation that was recorded; raises as ``Session.load`` where its ratchet is missing."""
        origin = Origin(record.inviter, record.expires, verified=record.verified, failures=record.failures)
        found = cls(name, terms, origin, bounds)
        found.confirmed = record.confirmed
        found.messages.load(record.chat, messages)
        found.timer.load(record.timer)
        found.contact_messages.load(record.contacts, [])
        if record.ended:
            found.status.restore(record.ended, ended=True)
            return found
        posts = found.files.load(record.files)
        if record.agreed is not None:
            session = found._session = Session.load(record.agreed, payloads, terms.plugins, terms.random)
            found._resumption.begin()
            places = [*record.agreed.channel.unacknowledged, *record.agreed.channel.waiting]
            found.contact_messages.load(record.contacts, places)
            if record.confirmed:
                found.status.restore("restarted", ended=False)
                found.status.secured(session.level)
                for post in posts:
                    session.channel.send(Stream.FILES, post.payload, 0.0)
        return found

"""One conversation from its invite to its end: handshake, channel, texts and files put together.

A core: it is told of links, frames and time, and returns what is to be done (``peer.effects``). Its states are those
that the user sees. ``away`` turns to ``connected`` only when the other side itself was heard, not when a relay says
that it is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from whisperd.errors import (
    ChannelBroken,
    ConversationEnded,
    ConversationNotConnected,
    InviteExpired,
    MessageRejected,
    SpokenCodeUsedUp,
    TooLate,
    WhisperdError,
)
from whisperd.peer.conversation.channel import Acknowledged, Received, Sent
from whisperd.peer.conversation.messages import Chat, Message
from whisperd.peer.conversation.session import Agreement
from whisperd.peer.conversation.states import AWAY, ENDED, MAX_FAILURES, MAX_REJOIN_DELAY, NEXT, PEER_LEFT, WAITING
from whisperd.peer.effects import (
    Confirmed,
    ContactMessageReceived,
    DropFile,
    Effect,
    Emit,
    Ended,
    Established,
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
from whisperd.peer.files.resumable import ResumableFiles
from whisperd.peer.handshake.handshake import Aborted, InviterHandshake, JoinerHandshake, Terms
from whisperd.wire import envelope
from whisperd.wire.envelope import CHANNEL_FRAME, HANDSHAKE_FRAME, End, Stream
from whisperd.wire.files import MAX, MAX_OPEN, decode_file
from whisperd.wire.invite import CLOCK_SKEW

#: Seconds after which a joiner that got no answer says hello again.
HANDSHAKE_PATIENCE = 30.0
#: Seconds to wait until the other side knows of the end.
END_PATIENCE = 5.0

#: What those are told to do whom every relay keeps out, and who have a key in common.
_GOES_ON = ("whisperd tries again, and the conversation continues when the relay accepts the connection. If it does "
            "not, make a new invite at another relay.")



class Conversation:
    """One side of one conversation; ``expires`` is the invite's, in unix seconds, as is every ``now``."""

    def __init__(self, name: str, terms: Terms, *, inviter: bool, expires: float, max_queue: int,
                 max_file: int = MAX, max_files: int = MAX_OPEN) -> None:
        self.name = name
        self.state = WAITING
        self.reason = "invited" if inviter else "joining"
        self.role = "inviter" if inviter else "joiner"
        self.verified = False
        #: Why the link gave up, if it did.
        self.error: WhisperdError | None = None
        #: What it is when the two sides have not met in time.
        self.lapse: WhisperdError = InviteExpired("the invite expired before the other person joined")
        self._terms = terms
        self._handshake: InviterHandshake | JoinerHandshake = (InviterHandshake if inviter else JoinerHandshake)(terms)
        self._expires = expires
        self._chat = Chat(name, max_queue)
        self._files = ResumableFiles(name, max_size=max_file, max_open=max_files)
        self._agreed: Agreement | None = None
        self._confirmed = False
        self._settled = False
        self._up = False
        self._failures = 0
        self._trouble = ""
        self._troubles: set[str] = set()  # the codes that were told since the link was up
        self._begin_again_at: float | None = None
        self._give_up_at: float | None = None
        self._end_ticket: int | None = None
        self._ending, self._over = ENDED, ""

    # -- what the edge tells --------------------------------------------------------------------------------------

    def start(self) -> list[Effect]:
        """Say that the conversation is there."""
        return [self._state_event()]

    def link_up(self, now: float, *, heard: bool = False) -> list[Effect]:
        """The other side can be reached now, over a new connection of one of the two, or over another link.

        ``heard`` says that it was heard there already."""
        if self.state == ENDED:
            return []
        self._opened()
        effects = self._turn("link-up", "peer-here")
        if self._agreed is not None:
            effects += self._carry_out(self._agreed.channel.link_up(now, heard=heard and self._confirmed), now)
        if not self._confirmed and not heard:
            effects += self._begin(now)
        return effects

    def _opened(self) -> None:
        self._up = True
        self._trouble = ""
        self._troubles.clear()

    def link_down(self, reason: str, now: float) -> list[Effect]:
        """The other side cannot be reached any more."""
        if self.state == ENDED or not self._up:
            return []
        self._up = False
        self._begin_again_at = None
        if self._agreed is not None:
            self._agreed.channel.link_down()
            self._files.link_down()
        if reason == PEER_LEFT and self._give_up_at is not None:
            return self._finish(self._ending)
        return self._turn("link-down", reason)

    def link_troubled(self, error: WhisperdError) -> list[Effect]:
        """The link cannot be made for now; the user hears of each reason once until it is up."""
        if self.state == ENDED:
            return []
        self._trouble = error.code
        if error.code in self._troubles:
            return []
        self._troubles.add(error.code)
        return [self._error_event(error)]

    def link_failed(self, error: WhisperdError) -> list[Effect]:
        """No relay lets this side in. That ends an invite; two who have a key go on when they are let in again."""
        if self._agreed is not None:
            return self.link_troubled(type(error)(error.message, remedy=_GOES_ON))
        return self.fail(error)

    def fail(self, error: WhisperdError) -> list[Effect]:
        """Nothing that was done can make this conversation go on."""
        if self.state == ENDED:
            return []
        self.error = error
        return [self._error_event(error), *self._finish(error.code)]

    def frame_received(self, frame: bytes, now: float) -> list[Effect]:
        """Take one frame of the other side, or of whoever pretends to be it."""
        if self.state == ENDED:
            return []
        if frame[:1] == bytes([HANDSHAKE_FRAME]) and self._up and not self._confirmed:
            return self._take_handshake(frame, now)
        if frame[:1] == bytes([CHANNEL_FRAME]) and self._agreed is not None:
            return self._take_channel(frame, now)
        return []

    def tick(self, now: float) -> list[Effect]:
        """Do what is due; to be called at ``wake_at``."""
        if self._give_up_at is not None and now >= self._give_up_at:
            return self._finish(self._ending)
        if not self._confirmed and now >= self._expires_at():
            return [self._error_event(self.lapse), *self._finish(self.lapse.code)]
        if self._begin_again_at is not None and now >= self._begin_again_at:
            return self._begin(now)
        return self._carry_out(self._agreed.channel.tick(now), now) if self._agreed else []

    @property
    def wake_at(self) -> float | None:
        """When ``tick`` is to be called, or None."""
        if self.state == ENDED:
            return None
        times = [self._give_up_at, self._begin_again_at, None if self._confirmed else self._expires_at(),
                 self._agreed.channel.wake_at if self._agreed else None]
        return min((time for time in times if time is not None), default=None)

    def greeting(self, now: float) -> list[Effect]:
        """Return what greets the other side on a link that is not the one in use."""
        return self._carry_out(self._agreed.channel.greeting(), now) if self._confirmed and self._agreed else []

    def tell(self, stream: Stream, payload: bytes, now: float) -> list[Effect]:
        """Tell the other side something of this side's links or contacts, before all that waits."""
        if self.state == ENDED or self._agreed is None:
            return []
        return self._carry_out(self._agreed.channel.send_first(stream, payload, now), now)

    def hold(self, on: bool, now: float) -> list[Effect]:
        """Let texts and files wait for a link that may carry them, or not any more."""
        if self.state == ENDED or self._agreed is None:
            return []
        return self._carry_out(self._agreed.channel.hold(on, now), now)

    # -- what the user asks ---------------------------------------------------------------------------------------

    def send(self, text: str, now: float) -> tuple[Message, list[Effect]]:
        """Accept a text for delivery.

        Raises ConversationEnded, ConversationNotConnected, UsageError, MessageTooLarge or QueueFull.
        """
        agreed = self.agreed()
        self._chat.check(text)
        ticket, effects = agreed.channel.send(Stream.CHAT, envelope.encode_chat(self._chat.form(text)), now)
        message, events = self._chat.accepted(text, ticket)
        return message, [*events, *self._carry_out(effects, now)]

    def cancel(self, number: int) -> list[Effect]:
        """Take back a message of ours that is queued. Raises ConversationEnded, ConversationNotConnected, FileUnknown or TooLate."""
        agreed = self.agreed()
        ticket = self._chat.waiting(number)
        if not agreed.channel.cancel(ticket):
            raise TooLate("the message has already been sent")
        return list(self._chat.cancelled(ticket))

    def open_files(self) -> ResumableFiles:
        """Return the files, to do something with them that ``enact`` carries out. ConversationEnded or ConversationNotConnected."""
        self.agreed()
        return self._files

    def enact(self, effects: Iterable[Any], now: float) -> list[Effect]:
        """Send what the files want to be sent, and return what is to be done."""
        return self._carry_out(effects, now)

    def files(self) -> list[dict[str, Any]]:
        """Return a row for each file, the oldest first."""
        return self._files.rows()

    def end(self, now: float, reason: str = ENDED) -> list[Effect]:
        """Tell the other side, wait at most END_PATIENCE seconds until it knows, and destroy everything.

        ``reason`` is shown. Raises ConversationEnded when that is under way already."""
        if self.state == ENDED or self._give_up_at is not None:
            raise ConversationEnded
        self._ending = reason
        if self._confirmed and self._agreed is not None:
            if self.state == AWAY and self.reason == PEER_LEFT:
                return self._finish(reason)
            self._give_up_at = now + END_PATIENCE
            self._agreed.channel.drop_held()
            files = self._carry_out(self._files.end(), now)
            self._end_ticket, effects = self._agreed.channel.send(Stream.CONTROL, envelope.encode_control(End()), now)
            return [*files, *self._carry_out(effects, now)]
        farewell = [self._handshake.abort(ConversationEnded.code)] if self._up else []
        return [*farewell, *self._finish(reason)]

    def forget(self) -> None:
        """Forget what was said, too; for a conversation that has ended."""
        self._chat.wipe()
        self._files.wipe()

    def verify(self, confirm: bool) -> dict[str, Any]:
        """Return what the two people compare; with ``confirm`` mark it as compared. ConversationEnded, ConversationNotConnected."""
        agreed = self.agreed()
        self.verified = self.verified or confirm
        return {"chat": self.name, **agreed.comparison(), "verified": self.verified, "level": agreed.level}

    def history(self, after: int) -> list[dict[str, str | int]]:
        """Return what was said, as far as it is kept."""
        return self._chat.history(after)

    @property
    def level(self) -> str:
        """The level of its suite; "" before the key is confirmed."""
        return self._agreed.level if self._confirmed and self._agreed is not None else ""

    def row(self) -> dict[str, Any]:
        """Return what 'chat list' shows; the suite and its level are None before the key is confirmed."""
        agreed = self._agreed if self._confirmed else None
        return {"chat": self.name, "role": self.role, "state": self.state, "reason": self.reason,
                "level": self.level or None,
                "suite": agreed.suite if agreed else {"kex": None, "ratchet": None},
                "verified": self.verified, **self._chat.counts()}

    # -- inside ---------------------------------------------------------------------------------------------------

    def _begin(self, now: float) -> list[Effect]:
        if isinstance(self._handshake, InviterHandshake):
            return []
        self._begin_again_at = now + HANDSHAKE_PATIENCE
        return self._carry_out(self._handshake.begin(), now)

    def _take_handshake(self, frame: bytes, now: float) -> list[Effect]:
        try:
            return [Heard(False), *self._carry_out(self._handshake.receive(frame, now), now)]
        except WhisperdError as error:
            abort = self._handshake.abort(error.code)
            return [abort, *self._handshake_failed(error, now, rejoin=True)]

    def _take_channel(self, frame: bytes, now: float) -> list[Effect]:
        agreed = self._agreed
        assert agreed is not None
        try:
            effects = agreed.channel.receive(frame, now)
        except (MessageRejected, ChannelBroken):
            return []
        first, self._settled = not self._settled, True
        heard = [*self._heard(), *([Settled()] if first else [])]
        done = [Heard(agreed.channel.was_greeted), *heard, *self._carry_out(effects, now)]
        return [*done, *self._finish(self._over)] if self._over else done

    def _heard(self) -> list[Effect]:
        if self._confirmed:
            return self._turn("heard", "resumed")
        self._confirmed = True
        self._begin_again_at = None
        self._handshake.forget()
        self._terms.keys.wipe()
        assert self._agreed is not None  # who was heard has a key
        return [Confirmed(bytes(self._agreed.verification)), *self._turn("heard", "confirmed")]

    def _carry_out(self, effects: Iterable[Any], now: float) -> list[Effect]:
        """Turn what the handshake and the channel want into what the edge does."""
        return [effect for given in effects for effect in self._reactions[type(given)](self, given, now)]

    def _pass_on(self, effect: Effect, now: float) -> list[Effect]:
        return [effect]

    def _establish(self, established: Established, now: float) -> list[Effect]:
        if self._agreed is not None:
            self._agreed.wipe()
        self._agreed = Agreement(established)
        confirmed = self._heard() if self.role == "joiner" else []
        return [*confirmed, *self._carry_out(self._agreed.channel.link_up(now), now)]

    def _aborted(self, aborted: Aborted, now: float) -> list[Effect]:
        return self._handshake_failed(aborted.error, now, rejoin=False)

    def _handshake_failed(self, error: WhisperdError, now: float, *, rejoin: bool) -> list[Effect]:
        self._failures += 1
        effects: list[Effect] = [self._error_event(error)]
        spent = rejoin and isinstance(error, SpokenCodeUsedUp)
        if self.role == "joiner" or spent or self._failures >= MAX_FAILURES:
            return [*effects, *self._finish(error.code)]
        if not rejoin:
            return effects
        delay = min(2.0 ** (self._failures - 1), MAX_REJOIN_DELAY)
        return [*effects, *self.link_down(error.code, now), Rejoin(delay)]

    def _received(self, received: Received, now: float) -> list[Effect]:
        """Hand a payload to its reader; what nobody understands is dropped, and stays acknowledged."""
        try:
            if received.stream == Stream.CHAT:
                return list(self._chat.received(envelope.decode_chat(received.payload), now))
            if received.stream == Stream.FILES:
                return self._carry_out(self._files.received(decode_file(received.payload), now), now)
            if received.stream == Stream.CONTROL:
                envelope.decode_control(received.payload)
                self._over = self._over or ("peer-ended" if self._ending == ENDED else self._ending)
            if received.stream == Stream.LINKS:
                return [ToldOfLinks(received.payload)]
            if received.stream == Stream.CONTACTS and self._agreed is not None:
                return [ContactMessageReceived(received.payload, bytes(self._agreed.verification))]
        except ChannelBroken:
            pass
        return []

    def _sent(self, sent: Sent, now: float) -> list[Effect]:
        return list(self._chat.sent(sent.ticket))

    def _acknowledged(self, acknowledged: Acknowledged, now: float) -> list[Effect]:
        if self._end_ticket is not None and acknowledged.ticket >= self._end_ticket:
            self._over = self._ending
        files = self._files.acknowledged(acknowledged.ticket, now) if self._give_up_at is None else []
        return [*self._chat.acknowledged(acknowledged.ticket, now), *self._carry_out(files, now)]

    def _post(self, post: Post, now: float) -> list[Effect]:
        assert self._agreed is not None
        ticket, effects = self._agreed.channel.send(Stream.FILES, post.payload, now)
        self._files.posted(ticket, post, now)
        return self._carry_out(effects, now)

    _reactions: dict[type, Callable[..., list[Effect]]] = {  # noqa: RUF012
        **dict.fromkeys((SendFrame, Emit, ReadFile, WriteFile, FinishFile, DropFile), _pass_on),
        Post: _post,
        Established: _establish,
        Aborted: _aborted,
        Received: _received,
        Sent: _sent,
        Acknowledged: _acknowledged,
    }

    def _finish(self, reason: str) -> list[Effect]:
        failed = [*self._chat.fail(), *self._carry_out(self._files.end(), 0.0)]
        over = self._turn("over", reason)
        self._handshake.forget()
        self._terms.keys.wipe()
        if self._agreed is not None:
            self._agreed.wipe()
        self._give_up_at = self._begin_again_at = None
        return [*failed, *over, Ended()]

    def _expires_at(self) -> float:
        """An inviter that waits alone stops at the invite's expiry; one that is met may go on a little."""
        alone = self.role == "inviter" and self.state == WAITING
        return self._expires if alone else self._expires + CLOCK_SKEW

    def agreed(self) -> Agreement:
        """Return what the handshake led to. Raises ConversationEnded or ConversationNotConnected."""
        if self.state == ENDED or self._give_up_at is not None:
            raise ConversationEnded
        if not self._confirmed or self._agreed is None:
            raise ConversationNotConnected
        return self._agreed

    def _turn(self, event: str, reason: str) -> list[Effect]:
        following = NEXT.get((self.state, event), self.state)
        if following == self.state:
            return []
        self.state, self.reason = following, reason
        return [self._state_event()]

    def _state_event(self) -> Emit:
        row = self.row()
        return Emit("chat-state", {name: row[name] for name in ("chat", "state", "reason", "level")})

    def _error_event(self, error: WhisperdError) -> Emit:
        return Emit("chat-error", {"chat": self.name, "code": error.code, "message": error.message,
                                   "remedy": error.remedy})

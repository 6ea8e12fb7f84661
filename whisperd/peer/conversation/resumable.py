"""A conversation that can be written down, and go on from there once the other side agrees where it stands.

Every side answers when it is asked; only one that comes from a store asks, and uses its ratchet and what comes in over
the channel when it has been answered. [whisperd-protocol(7), RESUME]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any

from whisperd.errors import ChannelBroken, StateRolledBack
from whisperd.peer.conversation.channel import Acknowledged, Received
from whisperd.peer.conversation.messages import Message
from whisperd.peer.conversation.resume import Resuming
from whisperd.peer.conversation.session import Agreement
from whisperd.peer.conversation.states import AWAY, ENDED
from whisperd.peer.effects import ContactMessageAcknowledged, Effect, Established, Heard, SendFrame
from whisperd.peer.handshake.handshake import Terms
from whisperd.peer.handshake.keys import InviteKeys
from whisperd.peer.records import FORM, ConversationRecord
from whisperd.peer.timed import TimedConversation
from whisperd.wire.envelope import CHANNEL_FRAME, Stream
from whisperd.wire.resume import RESUME_FRAME, Turn

#: Seconds after which an unanswered question is asked again.
PATIENCE = 10.0
#: Most frames of the channel that wait for the answer.
MAX_HELD = 128
#: Most bytes of what is said about contacts.
MAX_CONTACT_MESSAGES = 256


class ResumableConversation(TimedConversation):
    """A TimedConversation with ``dump`` and ``load``."""

    def __init__(self, name: str, terms: Terms, **settings: Any) -> None:
        super().__init__(name, terms, **settings)
        self._asking = False
        self._ask_at: float | None = None
        self._held: list[bytes] = []
        self._resuming: tuple[Agreement, Resuming] | None = None
        #: What the other side said last about contacts.
        self.contact_messages_heard = b""
        self._contact_messages_said = 0  # the ticket of what was said last and is not acknowledged

    # -- writing down ---------------------------------------------------------------------------------------------

    #: Whether the store's record could not be used by this daemon, and is not to be changed by it.
    left_as_it_is = False

    @property
    def lasting(self) -> bool:
        """Whether there is something to go on with after a restart."""
        return self.state != ENDED and self._give_up_at is None

    @property
    def confirmed(self) -> bool:
        """Whether there is a key that both sides have used."""
        return self._confirmed

    @property
    def trouble(self) -> str:
        """The code of what kept the link from being made when that was tried last; "" when it is up."""
        return self._trouble if self.state != ENDED else ""

    def dump(self) -> ConversationRecord:
        """Return all but payloads and texts."""
        terms, keys = self._terms, self._terms.keys
        invite = [] if self._confirmed or not self.lasting else [
            keys.room, keys.commitment, bytes(keys.psk), bytes(keys.seal_inviter), bytes(keys.seal_joiner)]
        return ConversationRecord(
            FORM, self.role == "inviter", self._expires, terms.invite_floor, terms.floor, self._confirmed,
            self.verified, self._failures, "" if self.lasting else self.reason, invite,
            self._agreed.dump() if self._agreed is not None and self.lasting else None, self._chat.dump(),
            self._files.dump(), self._timer.dump(), self.contact_messages_heard)

    def payloads(self) -> dict[int, tuple[int, bytes]]:
        """Return stream and payload of what waits or is not acknowledged, by ticket."""
        return self._agreed.channel.payloads() if self._agreed is not None and self.lasting else {}

    def messages(self, *, everything: bool) -> list[Message]:
        """Return the texts, or those that nobody else has."""
        return self._chat.messages(everything=everything)

    def history(self, after: int) -> list[dict[str, str | int]]:
        """Return what was said, as far as it is on the disk where it has to be."""
        return self._chat.written_history(after)

    def keep_until_written(self) -> None:
        """Forget no text from now on before ``written`` says that a store has it."""
        self._chat.keep_until_written()
        self._shown = self._timer.row()

    def written(self) -> None:
        """A store has everything as it is now."""
        self._chat.written()
        self._shown = self._timer.row()

    @property
    def unread(self) -> Set[int]:
        """The numbers of the messages that nobody here has been shown yet."""
        return self._chat.unread

    def seen(self, last: int, first: int = 1) -> bool:
        """Somebody has been shown the messages with these numbers; return whether that is news."""
        return self._chat.seen(last, first)

    def sleep(self) -> None:
        """Destroy here what the store has."""
        self._finish("")
        self.forget()

    @classmethod
    def load(cls, name: str, kept: ConversationRecord, terms: Terms, messages: Iterable[Message],
             payloads: Mapping[int, bytes], **settings: Any) -> ResumableConversation:
        """Return the conversation that was kept; raises PluginUnknown or ValueError where its ratchet is missing."""
        found = cls(name, terms, inviter=kept.inviter, expires=kept.expires, **settings)
        found.verified, found._failures, found._confirmed = kept.verified, kept.failures, kept.confirmed
        found._chat.load(kept.chat, messages)
        found._load_timer(kept.timer)
        found.contact_messages_heard = kept.contacts
        if kept.ended:
            found.state, found.reason = ENDED, kept.ended
            return found
        posts = found._files.load(kept.files)
        if kept.agreed is not None:
            found._agreed = Agreement.load(kept.agreed, payloads, terms.plugins, terms.random)
            found._asking = True
            places = [*kept.agreed.channel.unacknowledged, *kept.agreed.channel.waiting]
            found._contact_messages_said = max((ticket for ticket, stream in places if stream == Stream.CONTACTS), default=0)
        if kept.confirmed and found._agreed is not None:
            found.state, found.reason = AWAY, "restarted"
            for post in posts:
                found._agreed.channel.send(Stream.FILES, post.payload, 0.0)
        return found

    # -- contacts -------------------------------------------------------------------------------------------------

    def put_contact_message(self, payload: bytes) -> Callable[[], None]:
        """Have the other side told something about contacts by the next ``go_on``, after all that waits, and return
        what takes it back until then. It is kept until the other side has it, which ContactMessageAcknowledged says."""
        if not self.lasting or self._agreed is None:
            return lambda: None
        channel, before = self._agreed.channel, self._contact_messages_said
        self._contact_messages_said = ticket = channel.put(Stream.CONTACTS, payload)

        def take_back() -> None:
            channel.cancel(ticket)
            self._contact_messages_said = before

        return take_back

    def go_on(self, now: float) -> list[Effect]:
        """Send what waits."""
        if self.state == ENDED or self._agreed is None:
            return []
        return self._carry_out(self._agreed.channel.pump(now), now)

    def give_up(self) -> list[Effect]:
        """Wait no longer until the other side knows of the end: what is secret is destroyed now."""
        return self._finish(self._ending) if self._give_up_at is not None and self.state != ENDED else []

    @property
    def contact_acknowledged(self) -> bool:
        """Whether the other side has all that was said about contacts."""
        return not self._contact_messages_said

    def _received(self, received: Received, now: float) -> list[Effect]:
        if received.stream == Stream.CONTACTS and len(received.payload) <= MAX_CONTACT_MESSAGES:
            self.contact_messages_heard = received.payload
        return super()._received(received, now)

    def _acknowledged(self, acknowledged: Acknowledged, now: float) -> list[Effect]:
        effects = super()._acknowledged(acknowledged, now)
        if 0 < self._contact_messages_said <= acknowledged.ticket:
            self._contact_messages_said = 0
            return [*effects, ContactMessageAcknowledged()]
        return effects

    # -- what the edge tells --------------------------------------------------------------------------------------

    def start(self) -> list[Effect]:
        return [*super().start(), *self._files.states()]

    def partial_files(self) -> set[str]:
        """Return the names of what is partial here."""
        return {one.on_disk.place for one in self._files.left() if one.direction == "in" and one.on_disk.place}

    def link_up(self, now: float, *, heard: bool = False) -> list[Effect]:
        if not self._asking or self._agreed is None or self.state == ENDED:
            return super().link_up(now, heard=heard)
        self._opened()
        began = [] if self._confirmed else self._begin(now)
        return [*self._turn("link-up", "peer-here"), *began, *self._ask(now)]

    def link_down(self, reason: str, now: float) -> list[Effect]:
        self._ask_at = None
        self._held.clear()
        return super().link_down(reason, now)

    def frame_received(self, frame: bytes, now: float) -> list[Effect]:
        if self.state != ENDED and self._agreed is not None:
            if frame[:1] == bytes([RESUME_FRAME]):
                return self._take_resume(self._agreed, frame, now)
            if self._asking and frame[:1] == bytes([CHANNEL_FRAME]):
                if len(self._held) < MAX_HELD:
                    self._held.append(frame)
                return []
        return super().frame_received(frame, now)

    def tick(self, now: float) -> list[Effect]:
        if self._asking and self._ask_at is not None and now >= self._ask_at and self.state != ENDED:
            return [*self._ask(now), *super().tick(now)]
        return super().tick(now)

    @property
    def wake_at(self) -> float | None:
        times = [super().wake_at, self._ask_at if self.state != ENDED else None]
        return min((time for time in times if time is not None), default=None)

    def greeting(self, now: float) -> list[Effect]:
        return [] if self._asking else super().greeting(now)

    # -- inside ---------------------------------------------------------------------------------------------------

    def _ask(self, now: float) -> list[Effect]:
        assert self._agreed is not None
        self._ask_at = now + PATIENCE
        return [SendFrame(self._sealer(self._agreed).ask(self._agreed.channel.counters))]

    def _sealer(self, agreed: Agreement) -> Resuming:
        if self._resuming is None or self._resuming[0] is not agreed:
            self._resuming = agreed, agreed.resuming(inviter=self.role == "inviter", random=self._terms.random)
        return self._resuming[1]

    def _take_resume(self, agreed: Agreement, frame: bytes, now: float) -> list[Effect]:
        sealer, own = self._sealer(agreed), agreed.channel.counters
        try:
            said = sealer.open(frame)
        except ChannelBroken:
            return []
        if said is None:
            return []
        if said.turn is Turn.ASK:
            return [Heard(True), SendFrame(sealer.answer(said, own))]  # it uses this link, whatever was used before
        if said.turn is Turn.REFUSE:
            return self._rolled_back()
        if own.ahead_of(said.counters) or said.counters.ahead_of(own):
            return [SendFrame(sealer.refuse(said, own)), *self._rolled_back()]
        return [Heard(False), *self._go_on(agreed, now)]

    def _go_on(self, agreed: Agreement, now: float) -> list[Effect]:
        """Both sides agree: use the channel, beginning with what came meanwhile."""
        self._asking, self._ask_at = False, None
        held, self._held = self._held, []
        effects = self._carry_out(agreed.channel.link_up(now), now)
        for frame in held:
            effects += super().frame_received(frame, now)
        return effects

    def _rolled_back(self) -> list[Effect]:
        self.error = StateRolledBack()
        return [self._error_event(self.error), *self._finish(self.error.code)]

    def _establish_anew(self, established: Established, now: float) -> list[Effect]:
        """A handshake came to a key of its own: there is nothing to ask any more."""
        self._asking, self._ask_at = False, None
        self._held.clear()
        return self._establish(established, now)

    def _finish(self, reason: str) -> list[Effect]:
        effects = super()._finish(reason)
        self._held.clear()
        self._ask_at = None
        if self._resuming is not None:
            self._resuming[1].wipe()
        return effects

    _reactions: dict[type, Callable[..., list[Effect]]] = {  # noqa: RUF012
        **TimedConversation._reactions, Established: _establish_anew, Received: _received, Acknowledged: _acknowledged,
    }


def spent_keys() -> InviteKeys:
    """Return keys of an invite that has been used: all that is secret in them is gone."""
    return InviteKeys(bytes(32), bytes(16), bytearray(32), bytearray(32), bytearray(32))


def invite_keys(kept: ConversationRecord) -> InviteKeys:
    """Return the keys of the invite, as far as they were still needed."""
    if not kept.invite:
        return spent_keys()
    room, commitment, *secrets = kept.invite
    return InviteKeys(room, commitment, *map(bytearray, secrets))

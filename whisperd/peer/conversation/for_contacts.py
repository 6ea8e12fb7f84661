"""What contacts ask of one conversation: what their secrets are made of, and messages about them."""

from __future__ import annotations

from collections.abc import Callable

from whisperd.errors import StoreFailed
from whisperd.peer.conversation.conversation import Conversation
from whisperd.peer.conversation.executor import DriverListener, Executor
from whisperd.peer.effects import ContactMessageReceived


class ForContacts:
    """One conversation, as contacts see it. [whisperd-protocol(7), CONTACTS]"""

    def __init__(self, conversation: Conversation, executor: Executor, listener: DriverListener) -> None:
        self._conversation = conversation
        self._executor = executor
        self._listener = listener

    def verification(self) -> bytes:
        """Return what the secret of a contact is made of (32 bytes). Raises ConversationEnded or
        ConversationNotConnected."""
        return bytes(self._conversation.session().verification)

    @property
    def inviter(self) -> bool:
        """Whether this side is the inviter, whose nonce goes first into a secret."""
        return self._conversation.role == "inviter"

    @property
    def level(self) -> str:
        """The security level in force, as the configuration spells it; "" before the key is confirmed."""
        return self._conversation.status.level or ""

    @property
    def acknowledged(self) -> bool:
        """Whether the other side has all that was said about contacts."""
        return self._conversation.contact_messages.arrived

    def put(self, payload: bytes) -> Callable[[], None]:
        """Have a message about contacts wait for ``send_waiting``, after all that waits; return what takes it back
        until then."""
        return self._conversation.put_contact_message(payload)

    def send_waiting(self) -> None:
        """Send what waits."""
        self._executor.tell(lambda now: self._conversation.use(lambda channel: channel.pump(now), now))
        self._executor.changed()

    def forget_heard(self) -> Callable[[], None]:
        """What the other side said last about contacts is not to be told again after a restart; return what undoes it.
        """
        return self._conversation.contact_messages.forget_heard()

    def tell_again(self) -> None:
        """Have contacts hear what the other side said last before this daemon was started, which may not have been
        seen to."""
        payload = self._conversation.contact_messages.heard
        if not self._conversation.resumable or not payload:
            return
        told = ContactMessageReceived(payload, self.verification())
        try:
            for step in self._listener.contact_message(told):
                step()
        except StoreFailed:
            self._executor.carry_out([told])  # once that can be written

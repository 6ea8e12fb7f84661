"""The control methods of conversations and contacts, on the peer role."""

from __future__ import annotations

from collections.abc import Sequence

from whisperd.control.answers import Methods, made, made_all
from whisperd.control.roles import Roles
from whisperd.wire import chat_results


class ChatMethods:
    """The methods ``chat.*``."""

    def __init__(self, roles: Roles) -> None:
        self._roles = roles

    @property
    def methods(self) -> Methods:
        """The methods by their names."""
        return {"chat.invite": self.invite, "chat.join": self.join, "chat.list": self.list, "chat.find": self.find,
                "chat.send": self.send, "chat.history": self.history, "chat.read": self.read,
                "chat.send-file": self.send_file, "chat.accept": self.accept, "chat.refuse": self.refuse,
                "chat.cancel": self.cancel, "chat.files": self.files, "chat.verify": self.verify,
                "chat.timer": self.timer, "chat.end": self.end, "chat.call": self.call}

    async def invite(self, relay: str | Sequence[str] = "", expiry: int = 0, floor: str = "", access: str = "",
                     code: bool = False) -> chat_results.Invited:
        """Create an invite link, or with ``code`` a spoken code, for a new conversation."""
        invites = self._roles.need_peer().invites
        return made(chat_results.Invited, await invites.invite(relay, expiry, floor, access, code))

    async def join(self, link: str = "", access: str = "", code: str = "", relay: str = "") -> chat_results.ChatState:
        """Join a conversation with an invite link or a spoken code."""
        return made(chat_results.ChatState, await self._roles.need_peer().invites.join(link, access, code, relay))

    async def list(self) -> list[chat_results.ChatRow]:
        """Return the conversations and their states."""
        return made_all(chat_results.ChatRow, await self._roles.need_peer().chats.list())

    async def find(self, chat: str = "", text: str = "", word: str = "") -> chat_results.ChatFound:
        """Return the id of the conversation that a name means."""
        return made(chat_results.ChatFound, await self._roles.need_peer().chats.find(chat, text, word))

    async def send(self, chat: str, text: str) -> chat_results.MessageAccepted:
        """Send a message; it is queued while the other side is away."""
        return made(chat_results.MessageAccepted, await self._roles.need_peer().messages.send(chat, text))

    async def history(self, chat: str, after: int = 0) -> Sequence[chat_results.MessageRow]:
        """Return the messages after ``after`` that the daemon still has."""
        return made_all(chat_results.MessageRow, await self._roles.need_peer().messages.history(chat, after))

    async def read(self, chat: str, id: int, after: int = 0) -> chat_results.Read:
        """Mark messages as read."""
        return made(chat_results.Read, await self._roles.need_peer().messages.read(chat, id, after))

    async def send_file(self, chat: str, name: str, file: int) -> chat_results.FileRow:
        """Offer the open file with descriptor ``file`` to the other person."""
        return made(chat_results.FileRow, await self._roles.need_peer().files.send(chat, name, file))

    async def accept(self, chat: str, file: str) -> chat_results.FileRow:
        """Accept an offered file, or continue a transfer that halted on this side."""
        return made(chat_results.FileRow, await self._roles.need_peer().files.accept(chat, file))

    async def refuse(self, chat: str, file: str) -> chat_results.FileRow:
        """Refuse an offered file."""
        return made(chat_results.FileRow, await self._roles.need_peer().files.refuse(chat, file))

    async def cancel(self, chat: str, id: str) -> chat_results.Cancelled:
        """Cancel a file transfer, or a message that is still queued."""
        return made(chat_results.Cancelled, await self._roles.need_peer().files.cancel(chat, id))

    async def files(self, chat: str = "") -> Sequence[chat_results.FileRow]:
        """Return the offered files in both directions, and their progress."""
        return made_all(chat_results.FileRow, await self._roles.need_peer().files.list(chat))

    async def verify(self, chat: str, confirm: bool = False, require: bool = False) -> chat_results.Verification:
        """Return the words to compare with the other person; with ``confirm``, record that they match."""
        return made(chat_results.Verification, await self._roles.need_peer().chats.verify(chat, confirm, require))

    async def timer(self, chat: str, time: str = "") -> chat_results.ChatTimer:
        """Return or set the timer after which messages disappear."""
        return made(chat_results.ChatTimer, await self._roles.need_peer().timers.timer(chat, time))

    async def end(self, chat: str) -> chat_results.ChatState:
        """End a conversation, destroy its keys and tell the other side."""
        return made(chat_results.ChatState, await self._roles.need_peer().chats.end(chat))

    async def call(self, name: str) -> chat_results.ChatState:
        """Talk to a contact, without an invite."""
        return made(chat_results.ChatState, await self._roles.need_peer().contacts.call(name))


class ContactMethods:
    """The methods ``contact.*``."""

    def __init__(self, roles: Roles) -> None:
        self._roles = roles

    @property
    def methods(self) -> Methods:
        """The methods by their names."""
        return {"contact.save": self.save, "contact.list": self.list, "contact.remove": self.remove,
                "contact.rename": self.rename, "contact.listen": self.listen, "contact.block": self.block,
                "contact.unblock": self.unblock}

    async def save(self, chat: str, name: str) -> chat_results.ContactSaved:
        """Save the other person as a contact, if that person agrees."""
        return made(chat_results.ContactSaved, await self._roles.need_peer().contacts.save(chat, name))

    async def list(self) -> list[chat_results.ContactRow]:
        """Return the contacts, and the offers to exchange contacts that are not answered yet."""
        return made_all(chat_results.ContactRow, await self._roles.need_peer().contacts.list())

    async def remove(self, name: str) -> chat_results.ContactRemoved:
        """Delete a contact, or withdraw the offer to exchange contacts."""
        return made(chat_results.ContactRemoved, await self._roles.need_peer().contacts.remove(name))

    async def rename(self, name: str, new: str) -> chat_results.ContactRenamed:
        """Give a contact another name."""
        return made(chat_results.ContactRenamed, await self._roles.need_peer().contacts.rename(name, new))

    async def listen(self, name: str, off: bool = False) -> chat_results.ContactListens:
        """Wait for calls of a contact whenever the daemon runs; with ``off``, no longer."""
        return made(chat_results.ContactListens, await self._roles.need_peer().contacts.listen(name, off))

    async def block(self, name: str) -> chat_results.ContactBlocking:
        """Block a contact: its calls are not answered."""
        return made(chat_results.ContactBlocking, await self._roles.need_peer().contacts.block(name))

    async def unblock(self, name: str) -> chat_results.ContactBlocking:
        """Answer a blocked contact again."""
        return made(chat_results.ContactBlocking, await self._roles.need_peer().contacts.unblock(name))

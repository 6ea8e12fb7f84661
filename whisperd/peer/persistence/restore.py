"""From a record of the store back to a conversation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from whisperd.errors import PluginUnknown, WhisperdError
from whisperd.interfaces import Random
from whisperd.peer.conversation.conversation import Conversation
from whisperd.peer.conversation.opening import invite_keys
from whisperd.peer.conversation.origin import Bounds, Origin
from whisperd.peer.handshake.handshake import Terms
from whisperd.peer.handshake.plugins import Plugins
from whisperd.peer.links.routes import Host, choose
from whisperd.peer.persistence.write_ahead import Found
from whisperd.peer.records import ConversationSnapshot


def returned(found: Found, plugins: Plugins, new_identity: Callable[[Sequence[str], Random], Any], random: Random,
             bounds: Bounds) -> Conversation:
    """Return the conversation, as it was; one whose ratchet is not to be had any more is shown as ended, and why;
    its record stays as it is, for a daemon that has the ratchet again."""
    kept = found.kept.conversation
    terms = Terms(invite_keys(kept), kept.invite_floor, kept.floor, plugins, new_identity, random)
    try:
        return Conversation.load(found.name, kept, terms, found.messages, found.payloads, bounds)
    except (WhisperdError, ValueError) as error:
        why = error.code if isinstance(error, WhisperdError) else PluginUnknown.code
        return Conversation(found.name, terms, Origin(kept.inviter, kept.expires), bounds, unusable=why)


def way_back(kept: ConversationSnapshot, own: tuple[str, int] | None) -> list[Host]:
    """Return the relays at which a conversation meets, none for one that has ended; ``own`` is this daemon's."""
    if kept.conversation.ended:
        kept.route.relays = []
    urls = [relay.url for relay in kept.route.relays]
    return choose(urls, "", own) if urls else []

"""Failures of a conversation: exit statuses 55 to 63 and 90 to 99."""

from __future__ import annotations

from whisperd.errors.base import WhisperdError


class ConversationUnknown(WhisperdError):
    code = "chat-unknown"
    exit_status = 55
    summary = "there is no conversation of this name"
    remedy = "'whisperctl chat list' shows them."


class ConversationEnded(WhisperdError):
    code = "chat-ended"
    exit_status = 56
    summary = "this conversation has ended and its keys are destroyed"
    remedy = "Make a new invite."


class ConversationNotConnected(WhisperdError):
    code = "chat-not-connected"
    exit_status = 57
    summary = "the key of this conversation is not confirmed yet"
    remedy = "Wait until 'whisperctl chat list' shows it as connected."


class MessageTooLarge(WhisperdError):
    code = "message-too-large"
    exit_status = 58
    summary = "the message is longer than the channel carries in one piece"
    remedy = "Send it in parts of at most 16,000 bytes."


class QueueFull(WhisperdError):
    code = "queue-full"
    exit_status = 59
    summary = "too many messages wait for the other side already"
    remedy = "Wait until the other side is back; nothing that was accepted is lost."


class ChannelBroken(WhisperdError):
    code = "channel-broken"
    exit_status = 60
    summary = "a frame of the channel cannot be read"
    remedy = "Nothing to do: it was dropped, and the rest goes on."


class RoleDisabled(WhisperdError):
    code = "role-disabled"
    exit_status = 61
    summary = "this daemon does not have the role that this needs"
    remedy = "Switch it on in whisperd.toml: relay.enabled or peer.enabled."


class NoRelay(WhisperdError):
    code = "no-relay"
    exit_status = 62
    summary = "there is no relay to invite to"
    remedy = "Wait for the own onion ('whisperctl address --wait 120'), or give --relay or peer.relay."


class TooManyConversations(WhisperdError):
    code = "too-many-chats"
    exit_status = 63
    summary = "there are as many conversations as this daemon takes"
    remedy = "End one that is not needed any more, or raise peer.max_chats."

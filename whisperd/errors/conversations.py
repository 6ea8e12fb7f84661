"""Failures of a conversation: exit statuses 55 to 63 and 90 to 99."""

from __future__ import annotations

from whisperd.errors.base import WhisperdError


class ConversationUnknown(WhisperdError):
    code = "chat-unknown"
    exit_status = 55
    summary = "there is no such conversation"
    remedy = "To see the conversations, run 'whisperctl chat list'."


class ConversationEnded(WhisperdError):
    code = "chat-ended"
    exit_status = 56
    summary = "this conversation has ended and its keys are destroyed"
    remedy = "Make a new invite."


class ConversationNotConnected(WhisperdError):
    code = "chat-not-connected"
    exit_status = 57
    summary = "this conversation is not connected yet: its key is not confirmed"
    remedy = "Wait until 'whisperctl chat list' shows it as connected."


class MessageTooLarge(WhisperdError):
    code = "message-too-large"
    exit_status = 58
    summary = "the message is too long to be sent in one piece"
    remedy = "Send it in parts of at most 16,000 bytes."


class QueueFull(WhisperdError):
    code = "queue-full"
    exit_status = 59
    summary = "too many messages are waiting for the other side"
    remedy = "Wait until the other side is back. No accepted message is lost."


class ChannelBroken(WhisperdError):
    code = "channel-broken"
    exit_status = 60
    summary = "an unreadable frame arrived"
    remedy = "Nothing to do. It was dropped, and the conversation continues."


class RoleDisabled(WhisperdError):
    code = "role-disabled"
    exit_status = 61
    summary = "this daemon does not run the role that this command needs"
    remedy = "Set relay.enabled or peer.enabled to true in whisperd.toml."


class NoRelay(WhisperdError):
    code = "no-relay"
    exit_status = 62
    summary = "there is no relay to meet at"
    remedy = ("Wait for this daemon's own onion address ('whisperctl address --wait 120'), or name a relay with "
              "--relay or peer.relay.")


class TooManyConversations(WhisperdError):
    code = "too-many-chats"
    exit_status = 63
    summary = "this daemon has reached its maximum number of conversations"
    remedy = "End a conversation that you no longer need, or raise peer.max_chats."

"""Failures of plug-ins: exit statuses 70 to 74."""

from __future__ import annotations

from whisperd.errors.base import WhisperdError


class PluginUnknown(WhisperdError):
    code = "plugin-unknown"
    exit_status = 70
    summary = "there is no plug-in with this id"
    remedy = "To see the plug-ins, run 'whisperctl plugins'. Install the distribution that contains the missing one."


class PluginRefused(WhisperdError):
    code = "plugin-refused"
    exit_status = 71
    summary = "the plug-in does not fulfil the plug-in contract"
    remedy = "Run 'whisperctl plugins check ID', and send the result to the plug-in's author."


class MessageRejected(WhisperdError):
    """A ratchet message failed to decrypt; the ratchet's state is as before."""

    code = "message-rejected"
    exit_status = 72
    summary = "a message could not be decrypted"
    remedy = "Nothing to do. It was dropped, and nothing changed."

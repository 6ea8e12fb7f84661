"""Failures of contacts and of verification: exit statuses 92 to 98."""

from __future__ import annotations

from whisperd.errors.base import WhisperdError


class ContactAbsent(WhisperdError):
    code = "contact-absent"
    exit_status = 92
    summary = "the contact did not answer"
    remedy = "Agree on a time, or ask them to run 'whisperctl contact listen'."


class ContactUnknown(WhisperdError):
    code = "contact-unknown"
    exit_status = 93
    summary = "there is no contact of this name"
    remedy = "'whisperctl contact list' shows them; 'whisperctl contact save CHAT NAME' makes one."


class ContactExists(WhisperdError):
    code = "contact-exists"
    exit_status = 94
    summary = "there is a contact of this name already, and it is not the other side of this conversation"
    remedy = "Take another name; if it is the same person anew, compare the words and remove the old contact."


class ContactBlocked(WhisperdError):
    code = "contact-blocked"
    exit_status = 95
    summary = "this contact is blocked"
    remedy = "'whisperctl contact unblock NAME' takes that back."


class ContactChanged(WhisperdError):
    code = "contact-changed"
    exit_status = 96
    summary = "whoever answers in the contact's place does not hold the secret that was agreed with the contact"
    remedy = "Do not go on before you asked them over another way: it may be the relay, or somebody with an old copy."


class ContactUnconfirmed(WhisperdError):
    code = "contact-unconfirmed"
    exit_status = 91
    summary = "the conversation ended before the other side was known to have kept this contact, too"
    remedy = "If calls are not answered, make a new invite, remove the contact here, and save each other again."


class NotVerified(WhisperdError):
    code = "not-verified"
    exit_status = 97
    summary = "this conversation is not verified, and nothing may be sent or taken before it is"
    remedy = "Compare the words of 'whisperctl chat verify', and confirm them with '--yes'."


class ContactUnreadable(WhisperdError):
    code = "contact-unreadable"
    exit_status = 98
    summary = "the store holds a contact that this version of whisperd cannot read"
    remedy = "Use the version that wrote it, or a newer one."

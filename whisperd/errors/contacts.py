"""Failures of contacts and of verification: exit statuses 92 to 98."""

from __future__ import annotations

from whisperd.errors.base import WhisperdError


class ContactAbsent(WhisperdError):
    code = "contact-absent"
    exit_status = 92
    summary = "the contact did not answer"
    remedy = "Agree on a time for the call, or ask the contact to run 'whisperctl contact listen'."


class ContactUnknown(WhisperdError):
    code = "contact-unknown"
    exit_status = 93
    summary = "there is no contact with this name"
    remedy = ("To see the contacts, run 'whisperctl contact list'. To make one, run 'whisperctl contact save CHAT "
              "NAME'.")


class ContactExists(WhisperdError):
    code = "contact-exists"
    exit_status = 94
    summary = "another contact already has this name"
    remedy = "Choose another name. If it is the same person again, compare the words and remove the old contact."


class ContactBlocked(WhisperdError):
    code = "contact-blocked"
    exit_status = 95
    summary = "this contact is blocked"
    remedy = "To unblock it, run 'whisperctl contact unblock NAME'."


class ContactChanged(WhisperdError):
    code = "contact-changed"
    exit_status = 96
    summary = "the other side answered in this contact's place but does not have the contact secret"
    remedy = ("Stop, and ask the contact over another channel. It may be the relay, or somebody with an old copy of "
              "the contact's data.")


class ContactUnconfirmed(WhisperdError):
    code = "contact-unconfirmed"
    exit_status = 91
    summary = "the conversation ended before the other side confirmed the exchange of contacts"
    remedy = "If calls are not answered, make a new invite, remove this contact, and exchange contacts again."


class NotVerified(WhisperdError):
    code = "not-verified"
    exit_status = 97
    summary = "this conversation is not verified yet, and until then nothing may be sent or accepted"
    remedy = ("Run 'whisperctl chat verify' and compare the words with the other person. If they are the same, run "
              "'whisperctl chat verify --yes'.")


class ContactUnreadable(WhisperdError):
    code = "contact-unreadable"
    exit_status = 98
    summary = "the store contains a contact that this version of whisperd cannot read"
    remedy = "Use the version of whisperd that wrote it, or a newer one."

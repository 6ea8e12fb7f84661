"""Failures of invites: exit statuses 10 to 19."""

from __future__ import annotations

from whisperd.errors.base import WhisperdError


class InviteMalformed(WhisperdError):
    code = "invite-malformed"
    exit_status = 10
    summary = "this is not an invite link"
    remedy = "Copy the whole link again, from 'http://' to its last character."


class InviteTruncated(WhisperdError):
    code = "invite-truncated"
    exit_status = 11
    summary = "the end of the invite link is missing"
    remedy = "Copy the whole link again; the part behind '#' has 56 characters."


class InviteVersionUnknown(WhisperdError):
    code = "invite-version"
    exit_status = 12
    summary = "the invite link was made by another version of whisperd"
    remedy = "Bring both sides to the same version of whisperd."


class InviteExpired(WhisperdError):
    code = "invite-expired"
    exit_status = 13
    summary = "the invite link has expired"
    remedy = "Ask for a new one, and check this machine's clock."


class InviteUsed(WhisperdError):
    code = "invite-used"
    exit_status = 14
    summary = "the invite link has been used already"
    remedy = "Ask for a new one: a link works once."


class CodeMalformed(WhisperdError):
    code = "code-malformed"
    exit_status = 15
    summary = "this is not a spoken code"
    remedy = "A code is a number and three words, as in '7-word-word-word'; ask for it again."


class NameplatesTaken(WhisperdError):
    code = "nameplates-taken"
    exit_status = 16
    summary = "every number that was tried for a code is taken at this relay"
    remedy = "Try again, send an invite link, or meet at another relay."

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
    remedy = "Copy the whole link again. The part after '#' has 56 characters."


class InviteVersionUnknown(WhisperdError):
    code = "invite-version"
    exit_status = 12
    summary = "the invite link was made by a different version of whisperd"
    remedy = "Install the same version of whisperd on both sides."


class InviteExpired(WhisperdError):
    code = "invite-expired"
    exit_status = 13
    summary = "the invite link has expired"
    remedy = "Ask for a new one, and check this machine's clock."


class InviteUsed(WhisperdError):
    code = "invite-used"
    exit_status = 14
    summary = "the invite link has already been used"
    remedy = "Ask for a new one. Each link works only once."


class SpokenCodeMalformed(WhisperdError):
    code = "spoken-code-malformed"
    exit_status = 15
    summary = "this is not a spoken code"
    remedy = "A spoken code is a number and three words, such as 7-word-word-word. Ask for it again."


class NameplatesTaken(WhisperdError):
    code = "nameplates-taken"
    exit_status = 16
    summary = "all numbers that whisperd tried for a spoken code are in use at this relay"
    remedy = "Try again, use an invite link, or use another relay."

"""Failures at a relay: exit statuses 45 to 54 and 85 to 89."""

from __future__ import annotations

from whisperd.errors.base import WhisperdError


class RoomFull(WhisperdError):
    code = "room-full"
    exit_status = 45
    summary = "both seats of this room are taken"
    remedy = "Somebody else has probably used the invite. Ask for a new one."


class RelayRefused(WhisperdError):
    code = "relay-refused"
    exit_status = 46
    summary = "the relay refused the connection"
    remedy = "Wait a while and try again, or use another relay."


class AccessUnknown(WhisperdError):
    code = "access-unknown"
    exit_status = 47
    summary = "there is no access code with this id"
    remedy = "To see the valid ones, run 'whisperctl access list'."


class AccessFull(WhisperdError):
    code = "access-full"
    exit_status = 48
    summary = "the relay has reached its maximum number of access codes"
    remedy = "Revoke some, or issue access codes with more uses."

"""Failures at a relay: exit statuses 45 to 54 and 85 to 89."""

from __future__ import annotations

from whisperd.errors.base import WhisperdError


class RoomFull(WhisperdError):
    code = "room-full"
    exit_status = 45
    summary = "both seats of this room are taken"
    remedy = "The invite has probably been used by somebody else: ask for a new one."


class RelayRefused(WhisperdError):
    code = "relay-refused"
    exit_status = 46
    summary = "the relay refused the connection"
    remedy = "Wait a while and try again, or use another relay."


class AccessUnknown(WhisperdError):
    code = "access-unknown"
    exit_status = 47
    summary = "there is no access code of this id"
    remedy = "'whisperctl access list' shows those that are still good."


class AccessFull(WhisperdError):
    code = "access-full"
    exit_status = 48
    summary = "the relay keeps as many access codes as it takes"
    remedy = "Revoke some, or issue codes with more uses."

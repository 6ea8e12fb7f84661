"""Failures of a handshake: exit statuses 20 to 29."""

from __future__ import annotations

from whisperd.errors.base import WhisperdError


class WrongSecret(WhisperdError):
    code = "wrong-secret"
    exit_status = 20
    summary = "the other side does not have the secret of this invite"
    remedy = "Compare the links on both sides. The invite still works for the person with the right link."


class HandshakeTampered(WhisperdError):
    code = "handshake-tampered"
    exit_status = 21
    summary = "a frame of the handshake was changed in transit, or breaks the protocol"
    remedy = "Try again. If it happens again, use another relay."


class OffersStripped(WhisperdError):
    code = "offers-stripped"
    exit_status = 22
    summary = "the other side did not receive the offers that were sent: somebody removed or reordered them"
    remedy = "Make a new invite, and send it over a channel that nobody else can read."


class FloorNotMet(WhisperdError):
    code = "floor-not-met"
    exit_status = 23
    summary = "the two sides have no algorithms in common at the required security level"
    remedy = "Update the older side, or agree on a lower peer.floor and make a new invite."


class ConfirmationFailed(WhisperdError):
    code = "confirmation-failed"
    exit_status = 24
    summary = "the two sides did not compute the same key"
    remedy = "Make a new invite, and send it over a channel that nobody else can read."


class KeyExchangeRefused(WhisperdError):
    code = "key-exchange-refused"
    exit_status = 25
    summary = "a key or signature in the key exchange is invalid"
    remedy = "Make a new invite. If it happens again, the other side's software is broken or hostile."


class SpokenCodeWrong(WhisperdError):
    code = "spoken-code-wrong"
    exit_status = 26
    summary = "the spoken codes of the two sides are different"
    remedy = "Say the spoken code again. If it was right, somebody is trying to guess it."


class SpokenCodeUsedUp(WhisperdError):
    code = "spoken-code-used-up"
    exit_status = 27
    summary = "there were too many attempts with a wrong spoken code, and it can no longer be used"
    remedy = "Make a new spoken code, and tell it over a channel that nobody else can hear."

"""Failures of a handshake: exit statuses 20 to 29."""

from __future__ import annotations

from whisperd.errors.base import WhisperdError


class WrongSecret(WhisperdError):
    code = "wrong-secret"
    exit_status = 20
    summary = "the other side does not hold the secret of this invite"
    remedy = "Compare the links on both sides; the invite still works for whoever holds the right one."


class HandshakeTampered(WhisperdError):
    code = "handshake-tampered"
    exit_status = 21
    summary = "a frame of the handshake was changed on its way, or does not follow the protocol"
    remedy = "Try again, over another relay if it happens again."


class OffersStripped(WhisperdError):
    code = "offers-stripped"
    exit_status = 22
    summary = "the other side did not see the offers that were sent: somebody removed or reordered suites"
    remedy = "Make a new invite and send it over a channel that nobody else reads."


class FloorNotMet(WhisperdError):
    code = "floor-not-met"
    exit_status = 23
    summary = "the two sides have no suite in common at the security level that is required"
    remedy = "Update the older side, or agree on a lower peer.floor and make a new invite."


class ConfirmationFailed(WhisperdError):
    code = "confirmation-failed"
    exit_status = 24
    summary = "the two sides did not arrive at the same key"
    remedy = "Make a new invite and send it over a channel that nobody else reads."


class KeyExchangeRefused(WhisperdError):
    code = "key-exchange-refused"
    exit_status = 25
    summary = "a key or signature of the key exchange is not valid"
    remedy = "Make a new invite; if it happens again, the other side's software is broken or hostile."


class CodeWrong(WhisperdError):
    code = "code-wrong"
    exit_status = 26
    summary = "the codes of the two sides are not the same"
    remedy = "Say the code again; if it was right, somebody is trying to guess it."


class CodeSpent(WhisperdError):
    code = "code-spent"
    exit_status = 27
    summary = "the code was tried too often and is worth nothing now"
    remedy = "Make another one, and tell it over a way on which nobody listens."

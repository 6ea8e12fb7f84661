"""The secret of two contacts: what comes of it, and what cannot be computed from what is left."""

from __future__ import annotations

import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from whisperd.peer.contacts.secrets import EPOCH, call_keys, epoch_of, first_secret, next_secret, seat_token
from whisperd.peer.handshake.keys import InviteKeys

keys = st.binary(min_size=32, max_size=32)


@given(keys, keys, keys)
def test_secrets_follow_from_the_formulas_alone(one, other, verification):
    def expanded(salt: bytes) -> bytes:
        prk = hmac.digest(salt, verification, "sha512")
        return hmac.digest(prk, b"whisperd/1 contact\x01", "sha512")[:32]

    assert first_secret(one, other, verification) == expanded(one + other)
    assert next_secret(one, bytearray(verification)) == expanded(one)


@given(keys, st.integers(0, 2**40))
def test_a_call_is_an_invite_that_nobody_had_to_send(secret, epoch):
    prk = hmac.digest(b"whisperd/1 call", secret, "sha512")
    attempt = hmac.digest(prk, b"attempt" + epoch.to_bytes(8) + b"\x01", "sha512")[:32]
    assert call_keys(secret, epoch) == InviteKeys.derive(attempt)


@given(keys, keys, st.integers(0, 2**40), st.integers(1, 2**20))
def test_rooms_seals_and_keys_share_nothing_between_epochs_and_between_calls(secret, verification, epoch, later):
    seen = [call_keys(secret, epoch), call_keys(secret, epoch + later),
            call_keys(next_secret(secret, verification), epoch)]
    for name in ("room", "commitment", "psk", "seal_inviter", "seal_joiner"):
        assert len({bytes(getattr(each, name)) for each in seen}) == 3


@given(st.floats(0, 2**40), st.floats(0, EPOCH))
def test_two_moments_of_one_epoch_lead_to_the_same_room(now, more):
    assert epoch_of(now + more) - epoch_of(now) in (0, 1)
    assert epoch_of(epoch_of(now) * EPOCH) == epoch_of(now)


@given(keys, keys, keys)
def test_a_seat_s_token_is_of_its_room_and_tells_nothing_of_others(seat, one, other):
    assert len(seat_token(seat, one)) == 32
    assert (seat_token(seat, one) == seat_token(seat, other)) == (one == other)


def test_keys_can_take_the_place_of_others():
    held = call_keys(bytes(32), 1)
    psk = held.psk
    held.become(call_keys(bytes(32), 2))
    assert held == call_keys(bytes(32), 2) and psk is held.psk
    assert hashlib.sha256(psk).digest() != hashlib.sha256(call_keys(bytes(32), 1).psk).digest()

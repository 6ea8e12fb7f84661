"""Keys of onion services, made here."""

from __future__ import annotations

import base64
import hashlib

from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from whisperd.tor.dial.onion_names import check_onion, onion_name
from whisperd.tor.onion.key import new_key


@given(st.binary(min_size=32, max_size=32))
def test_the_address_is_that_of_the_seeds_ed25519_key(seed: bytes) -> None:
    key = new_key(lambda size: seed[:size])
    assert key.address == onion_name(bytes(SigningKey(seed).verify_key)) == check_onion(key.address)


@given(st.binary(min_size=32, max_size=32))
def test_the_text_is_the_clamped_expanded_key(seed: bytes) -> None:
    secret = base64.b64decode(new_key(lambda _: seed).text.removeprefix("ED25519-V3:"))
    assert secret[32:] == hashlib.sha512(seed).digest()[32:]
    assert secret[0] & 7 == 0 and secret[31] & 192 == 64


def test_a_key_does_not_show_itself() -> None:
    assert "ED25519" not in repr(new_key(bytes))

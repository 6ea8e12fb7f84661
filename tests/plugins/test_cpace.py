"""CPace with X25519 and SHA-512, held to the vectors of draft-irtf-cfrg-cpace-21 and to a map of our own."""

from __future__ import annotations

import os

import nacl.bindings as bindings
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from whisperd_plugins import cpace, sodium

#: "Test vector for CPace using group X25519 and hash SHA-512".
CODE = b"Password"
CHANNEL = bytes.fromhex("0b415f696e69746961746f720b425f726573706f6e646572")
SESSION = bytes.fromhex("7e4b4791d6a8ef019b936c79fb7f2c57")
GENERATOR = "d04bf6d41f6a289632a2e929fa29bebd51092512a7829fdde7d314b62f05a73f"
PRIVATE = ("21b4f4bd9e64ed355c3eb676a28ebedaf6d8f17bdc365995b319097153044080",
           "848b0779ff415f0af4ea14df9dd1d3c29ac41d836c7808896c4eba19c51ac40a")
SHARES = ("1d13c89278cdadd826f6d8d7f887701430f8380ddc17611cdd6dc989ce0c9f32",
          "248cccf6d5cdc3646f0ad593f9e6cef4e69d4945f8372e623512ecea32185623")
AGREED = "5b067effbdc0b2a0e1d907b21ebb25cfedb96a852179a847c37e43ee71322c6b"
KEY = ("6e19b875f7a561d6b3ca3dbb9ef42ac55de3e717881018204b8922b4d5e53bb2"
       "aa82c300bea7b65d2b671da71922ddf6472301b79bc270adfa8bf413285f2263")
#: "Test vectors for G_X25519.scalar_mult_vfy: low order points": those that must abort, then the others with results.
LOW_ORDER = (
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
)
SCALAR = "af46e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449aff"
RESULTS = {
    "daffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff":
        "d8e2c776bbacd510d09fd9278b7edcd25fc5ae9adfba3b6e040e8d3b71b21806",
    "dbffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff":
        "c85c655ebe8be44ba9c0ffde69f2fe10194458d137f09bbff725ce58803cdb38",
    "d9ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff":
        "db64dafa9b8fdd136914e61461935fe92aa372cb056314e1231bc4ec12417456",
    "cdeb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880":
        "e062dcd5376d58297be2618c7498f55baa07d7e03184e8aada20bca28888bf7a",
    "4c9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f11d7":
        "993c6ad11c4c29da9a56f7691fd0ff8d732e49de6250b6c2e80003ff4629a175",
}
FIELD, CURVE = 2**255 - 19, 486662


def elligator(uniform: bytes) -> bytes:
    """Return the u coordinate of the draft's appendix, "Elligator 2 reference implementation": slow, and plain."""
    r = (int.from_bytes(uniform, "little") & (2**255 - 1)) % FIELD
    v = -CURVE * pow(1 + 2 * r * r, -1, FIELD) % FIELD
    square = pow(v**3 + CURVE * v * v + v, (FIELD - 1) // 2, FIELD)
    u = v if square in (0, 1) else (-v - CURVE) % FIELD
    return u.to_bytes(32, "little")


def test_the_vectors_of_the_draft():
    privates = [bytearray.fromhex(key) for key in PRIVATE]
    shares = [cpace.share(CODE, CHANNEL, SESSION, key) for key in privates]
    assert [share.hex() for share in shares] == list(SHARES)
    assert sodium.agree(privates[0], shares[1]) == sodium.agree(privates[1], shares[0]) == bytes.fromhex(AGREED)
    said = (shares[0], b"ADa"), (shares[1], b"ADb")
    assert cpace.intermediate_key(SESSION, privates[0], shares[1], *said).hex() == KEY
    assert cpace.intermediate_key(SESSION, privates[1], shares[0], *said).hex() == KEY


def test_the_generator_string_and_the_lengths_are_those_of_the_draft():
    made = cpace.generator_string(CODE, CHANNEL, SESSION)
    assert len(made) == 170
    assert made.startswith(b"\x08CPace255\x08Password\x6d" + bytes(109) + b"\x18\x0bA_initiator")
    assert cpace.prepend_length(b"") == b"\0"
    assert cpace.prepend_length(b"1234") == b"\x041234"
    assert cpace.prepend_length(bytes(range(127)))[:2] == b"\x7f\x00"
    assert cpace.prepend_length(bytes(range(128)))[:3] == b"\x80\x01\x00"
    assert cpace.length_value(b"1234", b"5", b"", b"678") == b"\x041234\x015\x00\x03678"


def test_the_private_key_is_not_changed_by_its_use():
    private = bytearray.fromhex(PRIVATE[0])
    cpace.share(CODE, CHANNEL, SESSION, private)
    assert private.hex() == PRIVATE[0]


@pytest.mark.parametrize("theirs", LOW_ORDER)
def test_a_share_of_low_order_is_an_error(theirs: str):
    with pytest.raises(ValueError, match="low order"):
        cpace.intermediate_key(SESSION, bytearray.fromhex(SCALAR), bytes.fromhex(theirs), (b"", b""), (b"", b""))


@pytest.mark.parametrize("theirs", RESULTS)
def test_the_highest_bit_of_a_share_makes_no_difference(theirs: str):
    assert sodium.agree(bytearray.fromhex(SCALAR), bytes.fromhex(theirs)).hex() == RESULTS[theirs]


def test_the_map_of_this_test_is_that_of_the_draft():
    uniform = bytes.fromhex("03998087bdb1a2617bbe25ef5a7c18cd4f84f902328701790958755ee4aed1d3")
    assert elligator(uniform).hex() == GENERATOR


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_a_share_is_x25519_of_the_mapped_coordinate(private: bytes, uniform: bytes):
    """libsodium only has the map with the cofactor cleared, on the other curve; what we make of it is no other map."""
    assume(any(elligator(uniform)))
    expected = bindings.crypto_scalarmult(private, elligator(uniform))
    assert sodium.hashed_public_key(bytearray(private), uniform) == expected


def test_the_one_value_that_maps_to_a_point_of_low_order_is_refused():
    assert not any(elligator(bytes(32)))
    with pytest.raises(ValueError, match="neutral"):
        sodium.hashed_public_key(bytearray(os.urandom(32)), bytes(32))


@pytest.mark.parametrize("sizes", [(31, 32), (33, 32), (32, 31), (32, 33), (0, 0)], ids=str)
def test_other_sizes_are_refused(sizes: tuple[int, int]):
    with pytest.raises(ValueError, match="32 bytes"):
        sodium.hashed_public_key(bytearray(sizes[0]), bytes(sizes[1]))


@pytest.mark.parametrize("change", range(5))
def test_every_input_changes_the_key(change: int):
    def run(*, changed: bool) -> bytearray:
        values = [CODE, CHANNEL, SESSION, b"ADa", b"ADb"]
        if changed:
            values[change] += b"!"
        code, channel, session, first, second = values
        privates = [bytearray.fromhex(key) for key in PRIVATE]
        shares = [cpace.share(code, channel, session, key) for key in privates]
        return cpace.intermediate_key(session, privates[0], shares[1], (shares[0], first), (shares[1], second))

    assert run(changed=False).hex() == KEY != run(changed=True).hex()


def test_a_code_that_fills_the_block_is_taken_as_it_is():
    for size in (115, 116, 117, 118, 119, 120, 200):
        code = os.urandom(size)
        expected = cpace.length_value(cpace.DOMAIN, code, bytes(max(0, 117 - size)), CHANNEL, SESSION)
        assert cpace.generator_string(code, CHANNEL, SESSION) == expected

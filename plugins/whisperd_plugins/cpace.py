"""CPace with X25519 and SHA-512 [draft-irtf-cfrg-cpace-21, suite CPACE-X25519-SHA512], initiator and responder.

Two people who know the same code, however short, arrive at the same key; anybody else learns from one run whether one
guess was right, and nothing more. What the draft calls PRS, CI, sid, ADa and ADb are ``code``, ``channel``, ``session``
and what stands beside the shares. The arithmetic is libsodium's, see ``sodium.hashed_public_key``. Sections of the
draft are cited by their titles.
"""

from __future__ import annotations

import hashlib

from whisperd_plugins import sodium

#: [CPace group objects G_X25519] The domain separator of the group, and the block size of SHA-512 in bytes.
DOMAIN = b"CPace255"
BLOCK = 128
SHARE = 32
KEY = 64

#: A public share and the associated data that is sent beside it.
Said = tuple[bytes, bytes]


def share(code: bytes, channel: bytes, session: bytes, private: bytearray) -> bytes:
    """Return a public share (32 bytes) for a private one (32 random bytes) [CPace protocol instructions]."""
    uniform = hashlib.sha512(generator_string(code, channel, session)).digest()[:32]
    return sodium.hashed_public_key(private, uniform)


def intermediate_key(session: bytes, private: bytearray, theirs: bytes, first: Said, second: Said) -> bytearray:
    """Return the intermediate session key ISK, 64 bytes [CPace protocol instructions, with transcript_ir].

    The initiator said ``first``, the responder ``second``; ``theirs`` is the other side's share. Raises ValueError when
    that is of low order.
    """
    agreed = sodium.agree(private, theirs)
    material = bytearray(length_value(DOMAIN + b"_ISK", session))
    material.append(len(agreed))
    material += agreed
    material += length_value(*first, *second)
    key = bytearray(hashlib.sha512(material).digest())
    sodium.wipe(agreed, material)
    return key


def generator_string(code: bytes, channel: bytes, session: bytes) -> bytes:
    """Return what is hashed to the generator: the code is padded with zeros to a whole block [Common function for
    computing generators]."""
    padding = BLOCK - 1 - len(prepend_length(code)) - len(prepend_length(DOMAIN))
    return length_value(DOMAIN, code, bytes(max(0, padding)), channel, session)


def length_value(*parts: bytes) -> bytes:
    """Return the parts, each with its length before it [Notation for string operations, lv_cat]."""
    return b"".join(prepend_length(part) for part in parts)


def prepend_length(part: bytes) -> bytes:
    """Return ``part`` with its length in LEB128 before it [Notation for string operations, prepend_len]."""
    length, encoded = len(part), bytearray()
    while length > 127:
        encoded.append(length & 127 | 128)
        length >>= 7
    encoded.append(length)
    return bytes(encoded + part)

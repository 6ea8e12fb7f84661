"""What two sides say to keep each other as contacts: payloads of stream 4. [whisperd-protocol(7), CONTACTS]"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from whisperd.errors import ChannelBroken
from whisperd.wire.envelope import decode_exactly
from whisperd.wire.hidden import hidden

NONCE_SIZE = 32

_Nonce = Annotated[bytes, Meta(min_length=NONCE_SIZE, max_length=NONCE_SIZE)]


class SaveContact(Struct, frozen=True, tag_field="t", tag="keep", forbid_unknown_fields=True):
    """The sender wants to keep the other side as a contact; ``nonce`` is its part of the secret of the two."""

    nonce: _Nonce

    __repr__ = hidden


class WithdrawContact(Struct, frozen=True, tag_field="t", tag="withdraw", forbid_unknown_fields=True):
    """The sender does not want that any more; a contact that was made already is not touched."""


ContactMessage = SaveContact | WithdrawContact

_encode = msgspec.msgpack.Encoder().encode
_contacts = msgspec.msgpack.Decoder(ContactMessage)


def encode_contact_message(message: ContactMessage) -> bytes:
    """Return the payload of a data frame on stream 4."""
    return _encode(message)


def decode_contact_message(payload: bytes) -> ContactMessage:
    """Return what a payload of stream 4 says; raises ChannelBroken."""
    message: ContactMessage = decode_exactly(_contacts, payload, ChannelBroken)
    return message

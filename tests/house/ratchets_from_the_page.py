"""The ratchets of whisperd-protocol(7) besides double-he, written from the page and nothing else; see from_the_page."""

from __future__ import annotations

import hashlib
import hmac
import struct

from blake3 import blake3
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM1024PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt

from tests.house.from_the_page import Ratchet, dh, expand, extract


class SparseRatchet:
    """RATCHET, triple: what the fields of the messages add up to on one side, and the chain keys of the epochs."""

    def __init__(self, keys: bytes, initiator: bool) -> None:
        self.initiator, self.round = initiator, 1
        self.root, self.directions = keys[:32], {0: [keys[32:64], keys[64:]]}
        self.have: dict[int, bytes] = {}
        self.private: MLKEM1024PrivateKey | None = None
        self.encapsulated = b""

    @property
    def owner(self) -> bool:
        return (self.round % 2 == 1) == self.initiator

    def chain_key(self, epoch: int, by_initiator: bool) -> bytes:
        number = next(each for each in self.directions if each % 256 == epoch)
        place = 0 if by_initiator else 1
        output = expand(self.directions[number][place], b"whisperd/1 triple chain", 64)
        self.directions[number][place] = output[:32]
        return output[32:]

    def begin(self, seed: bytes) -> None:
        self.private = MLKEM1024PrivateKey.from_seed_bytes(seed)

    def encapsulate(self, ciphertext: str, secret: str) -> None:
        """The other side's key is whole: take what the vectors say was encapsulated to it."""
        assert len(self.have) == 32
        self.encapsulated = bytes.fromhex(ciphertext)
        self._establish(bytes.fromhex(secret))

    def hear(self, fields: bytes) -> None:
        number, index, chunk = fields[1], fields[3], fields[4:]
        if number == (self.round + 1) % 256:
            assert self.encapsulated
            self._enter()
        elif number == self.round % 256 and index != 255:
            self.have[index] = chunk
            if self.owner and len(self.have) == 32:
                value = b"".join(self.have[each] for each in range(32))
                self._establish(self.private.decapsulate(value))  # type: ignore[union-attr]
                self._enter()

    def _establish(self, secret: bytes) -> None:
        info = b"whisperd/1 triple epoch" + self.round.to_bytes(8)
        output = expand(extract(self.root, secret), info, 96)
        self.root, self.directions[self.round] = output[:32], [output[32:64], output[64:]]

    def _enter(self) -> None:
        self.round, self.have, self.private, self.encapsulated = self.round + 1, {}, None, b""


class Triple(Ratchet):
    """RATCHET, triple: one side that reads, and that begins chains without writing the messages itself."""

    def __init__(self, secret: bytes, *, offer: bytes = b"", own: bytes = b"") -> None:
        super().__init__(secret, offer=offer, own=own)
        output = expand(extract(bytes(64), secret), b"whisperd/1 triple secret", 192)
        self.root, first, following = output[:32], output[32:64], output[64:96]
        self.next_sending, self.next_receiving = (first, following) if offer else (following, first)
        self.sparse = SparseRatchet(output[96:], bool(offer))

    def turn(self, private: bytes) -> tuple[bytes, bytes]:
        output = expand(extract(self.root, dh(private, self.peer)), b"whisperd/1 triple root", 96)
        self.root = output[:32]
        return output[32:64], output[64:]

    def start_sending(self, private: bytes) -> None:
        super().start_sending(private)
        self.sparse.chain_key((self.sparse.round - 1) % 256, self.sparse.initiator)

    def decrypt(self, message: bytes, ad: bytes) -> bytes:
        nonce, sealed, body = message[:24], message[24:133], message[133:]
        header_key, header = self._open(nonce, sealed, hashlib.sha256(body).digest())
        peer, (previous, number), fields = header[:32], struct.unpack(">II", header[32:40]), header[40:]
        if header_key == self.next_receiving:
            if self.receiving:
                self._skip(previous)
            self.peer, self.sending = peer, []
            chain, self.next_receiving = self.turn(self.private)
            self.receiving = [chain + self.sparse.chain_key(fields[0], not self.sparse.initiator), header_key, 0]
        latest = header_key == self.receiving[1]
        if (header_key, number) not in self.kept:
            self._skip(number + 1)
        material = expand(self.kept.pop((header_key, number)), b"whisperd/1 triple message" + nonce, 44)
        plaintext = AESGCM(material[:32]).decrypt(material[32:], body, ad + header)
        if latest:
            self.sparse.hear(fields)
        return plaintext

    def _skip(self, until: int) -> None:
        chain, header_key, number = self.receiving
        for each in range(number, until):
            curve, quantum = (expand(key, b"whisperd/1 triple step", 64) for key in (chain[:32], chain[32:]))
            self.kept[header_key, each] = hmac.digest(quantum[:32], curve[:32], "sha256")
            chain = curve[32:] + quantum[32:]
        self.receiving = [chain, header_key, max(number, until)]


def cascade(key: bytes, info: bytes, body: bytes, ad: bytes) -> bytes:
    """RATCHET, cascade: the plaintext of a body."""
    material = expand(key, info + b" cascade", 132)
    outer = body[:-32]
    assert blake3(len(ad).to_bytes(8) + ad + outer, key=material[100:]).digest() == body[-32:]
    inner = crypto_aead_xchacha20poly1305_ietf_decrypt(outer, ad, material[76:100], material[44:76])
    return AESGCM(material[:32]).decrypt(material[32:44], inner, ad)


def first_double(secret: bytes, private: bytes, offer: bytes, message: bytes, ad: bytes, *, cascaded: bool) -> bytes:
    """RATCHET, double and cascade: the plaintext of message 0 of the initiator's first chain."""
    header, body, info = message[:40], message[56:], b"whisperd/1 double message" + message[40:56]
    assert header[32:] == bytes(8)
    chain = expand(extract(secret, dh(private, offer)), b"whisperd/1 double root", 64)[32:]
    key = hmac.digest(chain, b"\x01", "sha256")
    if cascaded:
        return cascade(key, info, body, ad + header)
    material = expand(key, info, 44)
    return AESGCM(material[:32]).decrypt(material[32:], body, ad + header)


def first_kem(secret: bytes, private: bytes, seed: bytes, message: bytes, ad: bytes) -> bytes:
    """RATCHET, kem-every-turn: the plaintext of message 0 of the initiator's first chain, by the responder."""
    nonce, sealed, body = message[:24], message[24:3216], message[3216:]
    split = expand(extract(bytes(64), secret), b"whisperd/1 kem-every-turn secret", 96)
    header = crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, hashlib.sha256(body).digest(), nonce, split[32:64])
    shared = MLKEM1024PrivateKey.from_seed_bytes(seed).decapsulate(header[1608:])
    output = expand(extract(split[:32], dh(private, header[:32]) + shared), b"whisperd/1 kem-every-turn root", 96)
    material = expand(hmac.digest(output[32:64], b"\x01", "sha256"), b"whisperd/1 kem-every-turn message" + nonce, 44)
    return AESGCM(material[:32]).decrypt(material[32:], body, ad + header)

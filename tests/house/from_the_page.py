"""A second implementation of the peer's protocol, written from whisperd-protocol(7) and nothing else.

It imports nothing of whisperd. What it computes is compared with tests/vectors: when that fails, the page is wrong.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
import unicodedata

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA87PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM1024PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt, crypto_aead_xchacha20poly1305_ietf_encrypt
from pqcrypto.sign import falcon_padded_1024


def extract(salt: bytes, material: bytes) -> bytes:
    """DESCRIPTION: HKDF is RFC 5869 with SHA-512."""
    return hmac.digest(salt, material, "sha512")


def expand(key: bytes, info: bytes, size: int) -> bytes:
    """DESCRIPTION: HKDF is RFC 5869 with SHA-512."""
    output = block = b""
    while len(output) < size:
        block = hmac.digest(key, block + info + bytes([len(output) // 64 + 1]), "sha512")
        output += block
    return output[:size]


def further_relay(authority: str) -> bytes:
    """INVITE, of the further relays"""
    host, port = re.fullmatch(r"(.*?)(?::([0-9]+))?", authority).groups()
    if host.endswith(".onion"):
        packed = b"\x01" + base64.b32decode(host[:56].upper())
    elif host in ("[::1]", "localhost"):
        packed = b"\x03" if host == "[::1]" else b"\x04"
    else:
        packed = b"\x02" + bytes(int(part) for part in host.split("."))
    return packed + int(port or 80).to_bytes(2)


def link(authority: str, floor: int, expires: int, secret: bytes, others: list[str]) -> str:
    """INVITE"""
    payload = struct.pack(">BBI", 2 if others else 1, floor, expires) + secret
    if others:
        payload += bytes([len(others)]) + b"".join(map(further_relay, others))
    check = hashlib.sha256(b"whisperd/1 invite check" + authority.lower().encode() + payload).digest()[:4]
    return f"http://{authority}/#{base64.urlsafe_b64encode(payload + check).decode().rstrip('=')}"


def derived(secret: bytes, salt: bytes = b"whisperd/1 invite") -> dict[str, bytes]:
    """DERIVED"""
    key = extract(salt, secret)
    sizes = {"room": 32, "psk": 32, "seal inviter": 32, "seal joiner": 32, "commitment": 16}
    return {name: expand(key, name.encode(), size) for name, size in sizes.items()}


def spoken(nameplate: int, value: bytes, listed: list[str]) -> str:
    """CODE: the code that 5 random bytes make"""
    bits = "".join(f"{byte:08b}" for byte in value)
    return "-".join([str(nameplate), *(listed[int(bits[start:start + 11], 2)] for start in (0, 11, 22))])


def of_nameplate(nameplate: int) -> dict[str, bytes]:
    """CODE: the keys of a nameplate"""
    return derived(str(nameplate).encode(), b"whisperd/1 nameplate")


def contact_secret(salt: bytes, verification: bytes) -> bytes:
    """CONTACTS: the secret of two contacts; ``salt`` is both nonces, or the secret before"""
    return expand(extract(salt, verification), b"whisperd/1 contact", 32)


def of_call(secret: bytes, epoch: int) -> dict[str, bytes]:
    """CALLS: the keys of an epoch"""
    return derived(expand(extract(b"whisperd/1 call", secret), b"attempt" + struct.pack(">Q", epoch), 32))


def open_sealed(frame: bytes, commitment: bytes, key: bytes) -> bytes:
    """HANDSHAKE"""
    assert frame[:17] == b"\x01" + commitment
    padded = crypto_aead_xchacha20poly1305_ietf_decrypt(frame[41:], frame[:17], frame[17:41], key)
    assert len(padded) in (256 << power for power in range(8))
    size = int.from_bytes(padded[:4])
    assert not padded[4 + size:].strip(b"\0")
    return padded[4:4 + size]


def transcript(version: int, floor: int, hello: bytes, answer: bytes, message: bytes) -> bytes:
    """TRANSCRIPT"""
    parts = b"".join(len(part).to_bytes(4) + part for part in (hello, answer, message))
    return hashlib.sha512(b"whisperd/1 transcript" + bytes([version, floor]) + parts).digest()


def session(th: bytes, secret: bytes, psk: bytes) -> dict[str, bytes]:
    """SESSION"""
    key = extract(th, secret + psk)
    names = ("ratchet", "confirm joiner", "confirm inviter", "verification", "associated data")
    return {name: expand(key, name.encode(), 32) for name in names}


def padded(content: bytes) -> bytes:
    """PEER FRAMES"""
    size = 256
    while size < len(content):
        size *= 2
    return content.ljust(size, b"\0")


def channel_plaintext(kind: int, stream: int, seq: int, ack: int, payload: bytes) -> bytes:
    """CHANNEL"""
    return padded(struct.pack(">BBQQI", kind, stream, seq, ack, len(payload)) + payload)


def direct_payload(kind: str, value: bytes | str) -> bytes:
    """DIRECT, of stream 3"""
    name = {"key": b"\xa3key", "at": b"\xa5onion"}[kind]
    packed = b"\xc4\x20" + value if isinstance(value, bytes) else b"\xd9\x3e" + value.encode()
    return b"\x82\xa1t" + bytes([0xA0 | len(kind)]) + kind.encode() + name + packed


def _unsigned(value: int) -> bytes:
    """MessagePack: a whole number in as few bytes as it needs"""
    if value < 128:
        return bytes([value])
    head, size = next((head, size) for head, size in ((0xCC, 1), (0xCD, 2), (0xCE, 4)) if value < 256 ** size)
    return bytes([head]) + value.to_bytes(size)


def timer_payload(number: int, seconds: int) -> bytes:
    """DISAPPEARING MESSAGES, of stream 5"""
    return b"\x83\xa1t\xa5timer\xa6number" + _unsigned(number) + b"\xa7seconds" + _unsigned(seconds)


def disappearing_text(text: str, seconds: int) -> bytes:
    """DISAPPEARING MESSAGES, of stream 1"""
    data = text.encode()
    head = bytes([0xA0 | len(data)]) if len(data) < 32 else b"\xd9" + bytes([len(data)])
    return b"\x83\xa1t\xa6fading\xa4text" + head + data + b"\xa7seconds" + _unsigned(seconds)


def counts_more(one: list[int], other: list[int]) -> bool:
    """DISAPPEARING MESSAGES: of two proposals, which one counts"""
    if one[0] != other[0]:
        return one[0] > other[0]
    return one[1] != 0 and (other[1] == 0 or one[1] < other[1])


def direct_record(kind: int, content: bytes) -> bytes:
    """DIRECT, of the connection"""
    return struct.pack(">BH", kind, len(content)) + content


def words(value: bytes, listed: list[str]) -> list[str]:
    """VERIFICATION, from the 9 bytes"""
    bits = "".join(f"{byte:08b}" for byte in value)
    return [listed[int(bits[start:start + 11], 2)] for start in range(0, 66, 11)]


def number(value: bytes) -> str:
    """VERIFICATION, from the 60 bytes"""
    return " ".join(f"{int.from_bytes(value[start:start + 5]) % 100000:05}" for start in range(0, 60, 5))


def dh(private: bytes, public: bytes) -> bytes:
    """RFC 7748"""
    return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public))


def public_of(private: bytes) -> bytes:
    """RFC 7748"""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


MESSAGES = {
    "pqxdh-25519-mlkem1024": (
        ("bundle", 0x51, 32), ("signing", 0x01, 32), ("identity", 0x05, 32), ("ephemeral", 0x05, 32),
        ("ciphertext", 0x1A, 1568), ("signature", 0x41, 64), ("confirmation", 0x52, 32)),
    "x3dh-25519": (
        ("bundle", 0x51, 32), ("signing", 0x01, 32), ("identity", 0x05, 32), ("ephemeral", 0x05, 32),
        ("signature", 0x41, 64), ("confirmation", 0x52, 32)),
    "pqxdh-25519-mlkem1024-mldsa87": (
        ("bundle", 0x51, 32), ("signing", 0x01, 32), ("identity", 0x05, 32), ("ml-dsa", 0x02, 2592),
        ("ephemeral", 0x05, 32), ("ciphertext", 0x1A, 1568), ("signature", 0x41, 64), ("ml-dsa signature", 0x42, 4627),
        ("confirmation", 0x52, 32)),
}
MESSAGES["pqxdh-25519-mlkem1024-falcon1024"] = tuple(
    {"ml-dsa": ("falcon", 0x03, 1793), "ml-dsa signature": ("falcon signature", 0x43, 1280)}.get(field[0], field)
    for field in MESSAGES["pqxdh-25519-mlkem1024-mldsa87"])
INFOS = {
    "pqxdh-25519-mlkem1024-falcon1024": b"whisperd/1_CURVE25519_SHA-512_ML-KEM-1024_FALCON-1024",
    "pqxdh-25519-mlkem1024": b"whisperd/1_CURVE25519_SHA-512_ML-KEM-1024",
    "pqxdh-25519-mlkem1024-mldsa87": b"whisperd/1_CURVE25519_SHA-512_ML-KEM-1024_ML-DSA-87",
    "x3dh-25519": b"whisperd/1_X3DH_CURVE25519_SHA-512",
}


def message_fields(suite: str, message: bytes) -> dict[str, bytes]:
    """KEY EXCHANGE: the fields of the message of a suite"""
    parts, place = {}, 1
    for name, tag, size in MESSAGES[suite]:
        assert message[place] == tag
        parts[name] = message[place + 1:place + 1 + size]
        place += 1 + size
    assert (message[0], place) == (0x10, len(message))
    return parts


def check_message_signatures(suite: str, message: bytes, parts: dict[str, bytes]) -> None:
    """KEY EXCHANGE: raises unless every signature of the message verifies"""
    ed25519 = Ed25519PublicKey.from_public_bytes(parts["signing"])
    if suite.endswith("-mldsa87"):
        unsigned = message[:-33 - 4628 - 65]
        signed = b"whisperd/1 pqxdh mldsa87 message" + unsigned
        MLDSA87PublicKey.from_public_bytes(parts["ml-dsa"]).verify(parts["ml-dsa signature"], signed)
    elif suite.endswith("-falcon1024"):
        signed = b"whisperd/1 pqxdh falcon1024 message" + message[:-33 - 1281 - 65]
        assert falcon_padded_1024.verify(parts["falcon"], signed, parts["falcon signature"])
    else:
        context = b"whisperd/1 x3dh identity" if suite == "x3dh-25519" else b"whisperd/1 pqxdh identity"
        signed = context + b"\x01" + parts["signing"] + b"\x05" + parts["identity"]
    ed25519.verify(parts["signature"], signed)


def key_exchange(suite: str, message: bytes, bundle: bytes, identity: bytes, prekeys: list[bytes]) -> bytes:
    """KEY EXCHANGE: the inviter's side; ``prekeys`` are SPK, OPK unless of last resort, and the seed of the KEM key."""
    parts = message_fields(suite, message)
    assert parts["bundle"] == hashlib.sha256(bundle).digest()
    check_message_signatures(suite, message, parts)
    signed_prekey, *one_time = prekeys
    seed = one_time.pop() if "ciphertext" in parts else b""
    material = b"\xff" * 32 + dh(signed_prekey, parts["identity"]) + dh(identity, parts["ephemeral"])
    material += dh(signed_prekey, parts["ephemeral"])
    material += b"".join(dh(key, parts["ephemeral"]) for key in one_time)
    if seed:
        material += MLKEM1024PrivateKey.from_seed_bytes(seed).decapsulate(parts["ciphertext"])
    info = INFOS[suite] + hashlib.sha512(bundle).digest() + hashlib.sha512(message[:-33]).digest()
    output = expand(extract(bytes(64), material), info, 64)
    assert output[32:] == parts["confirmation"]
    return output[:32]


def elligator(value: bytes) -> bytes:
    """KEY EXCHANGE, cpace-25519: map_to_curve_elligator2 of RFC 9380 for curve25519, of a coordinate of RFC 7748"""
    field, curve = 2**255 - 19, 486662
    r = int.from_bytes(value, "little") % 2**255 % field
    v = -curve * pow(1 + 2 * r * r, -1, field) % field
    square = pow(v**3 + curve * v * v + v, (field - 1) // 2, field) in (0, 1)
    return (v if square else (-v - curve) % field).to_bytes(32, "little")


def length_value(*parts: bytes) -> bytes:
    """KEY EXCHANGE, cpace-25519: lv_cat of the draft, for parts of less than 16384 bytes"""
    return b"".join((bytes([len(part)]) if len(part) < 128 else bytes([len(part) % 128 + 128, len(part) // 128])) + part
                    for part in parts)


def normalised(code: str) -> str:
    """KEY EXCHANGE, cpace-25519: the code as it goes in"""
    folded = unicodedata.normalize("NFKC", code).casefold()
    return "-".join("".join(letter if letter.isalnum() else " " for letter in folded).split())


def cpace(message: bytes, bundle: bytes, code: str, identity: bytes, prekeys: list[bytes], private: bytes) -> bytes:
    """KEY EXCHANGE, cpace-25519: the inviter's side; ``private`` is its private share."""
    assert (len(bundle), bundle[:2], bundle[18], bundle[51]) == (1819, b"\x04\x53", 0x06, 0x61)
    assert (len(message), message[:2], message[34], message[1835]) == (1868, b"\x12\x06", 0x62, 0x52)
    sid, own_share, own = bundle[2:18], bundle[19:51], bundle[52:]
    share, inner = message[2:34], message[35:1835]
    secret = key_exchange("pqxdh-25519-mlkem1024", inner, own, identity, prekeys)
    prs = normalised(code).encode()
    padding = bytes(max(0, 128 - 1 - len(length_value(prs)) - 9))
    generator = length_value(b"CPace255", prs, padding, b"whisperd/1 cpace-25519", sid)
    assert dh(private, elligator(hashlib.sha512(generator).digest()[:32])) == own_share
    isk = hashlib.sha512(length_value(b"CPace255_ISK", sid, dh(private, share))
                         + length_value(own_share, own) + length_value(share, inner)).digest()
    info = b"whisperd/1_CPACE-X25519-SHA512" + hashlib.sha512(bundle).digest() + hashlib.sha512(message[:1835]).digest()
    output = expand(extract(bytes(64), secret + isk), info, 64)
    assert output[32:] == message[1836:]
    return output[:32]


def p256_simple(message: bytes, bundle: bytes, drawn: bytes) -> bytes:
    """KEY EXCHANGE, p256-simple: the inviter's side; its prekey is that of ``drawn``, as the vectors have it."""
    context, ephemeral, signature = b"whisperd/1 p256-simple message", message[101:166], message[167:231]
    assert (len(bundle), len(message), message[0], message[1]) == (198, 248, 0x11, 0x51)
    assert (message[34], message[100], message[166], message[231]) == (0x04, 0x04, 0x44, 0x54)
    assert message[2:34] == hashlib.sha256(bundle).digest()
    der = encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
    point = ec.EllipticCurvePublicKey.from_encoded_point
    point(ec.SECP256R1(), message[35:100]).verify(der, context + message[:166], ec.ECDSA(SHA256()))
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    prekey = ec.derive_private_key(int.from_bytes(drawn) % (order - 1) + 1, ec.SECP256R1())
    head = message[:231]
    info = b"whisperd/1 p256-simple" + hashlib.sha256(bundle).digest() + hashlib.sha256(head).digest()
    keys = HKDF(SHA256(), 64, None, info).derive(prekey.exchange(ec.ECDH(), point(ec.SECP256R1(), ephemeral)))
    assert AESGCM(keys[32:]).encrypt(bytes(12), b"", head) == message[232:]
    return keys[:32]


class Ratchet:
    """RATCHET: one side; what it makes of given random bytes, and what it reads."""

    def __init__(self, secret: bytes, *, offer: bytes = b"", own: bytes = b"") -> None:
        output = expand(extract(bytes(64), secret), b"whisperd/1 double-he secret", 96)
        self.root, first, following = output[:32], output[32:64], output[64:]
        self.next_sending, self.next_receiving = (first, following) if offer else (following, first)
        self.peer, self.private = offer, own
        self.sending: list = []  # chain key, header key, number, previous
        self.receiving: list = []  # chain key, header key, number
        self.previous = 0
        self.kept: dict[tuple[bytes, int], bytes] = {}

    def turn(self, private: bytes) -> tuple[bytes, bytes]:
        """Return chain key and next header key."""
        output = expand(extract(self.root, dh(private, self.peer)), b"whisperd/1 double-he root", 96)
        self.root = output[:32]
        return output[32:64], output[64:]

    def start_sending(self, private: bytes) -> None:
        self.private = private
        header_key = self.next_sending
        chain, self.next_sending = self.turn(private)
        self.sending = [chain, header_key, 0]

    def encrypt(self, plaintext: bytes, ad: bytes, nonce: bytes) -> bytes:
        chain, header_key, number = self.sending
        header = public_of(self.private) + struct.pack(">II", self.previous, number)
        material = expand(hmac.digest(chain, b"\x01", "sha256"), b"whisperd/1 double-he message" + nonce, 44)
        body = AESGCM(material[:32]).encrypt(material[32:], plaintext, ad + header)
        digest = hashlib.sha256(body).digest()
        self.sending = [hmac.digest(chain, b"\x02", "sha256"), header_key, number + 1]
        return nonce + crypto_aead_xchacha20poly1305_ietf_encrypt(header, digest, nonce, header_key) + body

    def decrypt(self, message: bytes, ad: bytes) -> bytes:
        nonce, sealed, body = message[:24], message[24:80], message[80:]
        header_key, header = self._open(nonce, sealed, hashlib.sha256(body).digest())
        peer, (previous, number) = header[:32], struct.unpack(">II", header[32:])
        if header_key == self.next_receiving:
            if self.receiving:
                self._skip(previous)
            self.previous = self.sending[2] if self.sending else 0
            self.peer, self.sending = peer, []
            chain, self.next_receiving = self.turn(self.private)
            self.receiving = [chain, header_key, 0]
        if (header_key, number) not in self.kept:
            self._skip(number + 1)
        material = expand(self.kept.pop((header_key, number)), b"whisperd/1 double-he message" + nonce, 44)
        return AESGCM(material[:32]).decrypt(material[32:], body, ad + header)

    def _skip(self, until: int) -> None:
        chain, header_key, number = self.receiving
        for each in range(number, until):
            self.kept[header_key, each] = hmac.digest(chain, b"\x01", "sha256")
            chain = hmac.digest(chain, b"\x02", "sha256")
        self.receiving = [chain, header_key, max(number, until)]

    def _open(self, nonce: bytes, sealed: bytes, digest: bytes) -> tuple[bytes, bytes]:
        current = [self.receiving[1]] if self.receiving else []
        for key in [*current, self.next_receiving, *{key for key, _ in self.kept}]:
            try:
                return key, crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, digest, nonce, key)
            except Exception:
                continue
        raise AssertionError("no header key opens the message")

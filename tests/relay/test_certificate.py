"""The certificate and key of a TLS listener: each mistake is told apart, with what to do."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from tests.relay.certificates import write_certificate
from whisperd.errors import ConfigError
from whisperd.relay.tls import Credentials


def load(folder: Path) -> None:
    Credentials(Counter()).load(str(folder / "certificate.pem"), str(folder / "key.pem"), require_pq=False)


def refusal(folder: Path) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(folder)
    assert caught.value.remedy
    return caught.value


def pem(key, encryption=None, form=PrivateFormat.PKCS8) -> bytes:
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption())


def own_key(folder: Path):
    return serialization.load_pem_private_key((folder / "key.pem").read_bytes(), None)


@pytest.fixture
def folder(tmp_path):
    write_certificate(tmp_path)
    return tmp_path


def test_a_pair_is_taken_also_in_one_file_and_with_what_openssl_writes_in_front(folder):
    load(folder)
    both = (folder / "certificate.pem").read_bytes() + pem(own_key(folder), form=PrivateFormat.TraditionalOpenSSL)
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    for file in ("certificate.pem", "key.pem"):
        (folder / file).write_bytes(parameters + both)
    load(folder)


@pytest.mark.parametrize("key", [rsa.generate_private_key(65_537, 2_048), ec.generate_private_key(ec.SECP384R1()),
                                 ed25519.Ed25519PrivateKey.generate()], ids=["rsa", "p-384", "ed25519"])
def test_each_usual_kind_of_key_is_taken(folder, key):
    write_certificate(folder, key=key)
    load(folder)


def test_a_chain_is_sent_whole_and_begins_with_the_own_certificate(folder, tmp_path_factory):
    signer = tmp_path_factory.mktemp("signer")
    write_certificate(signer, "signer.example")
    own, above = ((place / "certificate.pem").read_bytes() for place in (folder, signer))
    (folder / "certificate.pem").write_bytes(own + above)
    load(folder)
    (folder / "certificate.pem").write_bytes(above + own)
    error = refusal(folder)
    assert error.message.startswith("relay.tls_certificate: the certificate for the key in ")
    assert "is not the first one" in error.message


@pytest.mark.parametrize(("file", "key"), [("certificate.pem", "tls_certificate"), ("key.pem", "tls_key")])
def test_what_cannot_be_read_says_why(folder, file, key):
    (folder / file).unlink()
    assert refusal(folder).message == f"relay.{key}: {folder / file} cannot be read: No such file or directory"
    (folder / file).mkdir()
    assert refusal(folder).message == f"relay.{key}: {folder / file} cannot be read: Is a directory"
    for content in (b"", b"nothing", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"\xff\0"):
        (folder / file).rmdir() if (folder / file).is_dir() else None
        (folder / file).write_bytes(content)
        assert refusal(folder).message.startswith(f"relay.{key}: {folder / file} contains no valid PEM ")


def test_a_path_that_is_none_is_no_traceback(folder):
    with pytest.raises(ConfigError, match=r"relay\.tls_certificate: .* cannot be read: this is not a path"):
        Credentials(Counter()).load("a\0b", str(folder / "key.pem"), require_pq=False)


def test_a_key_with_a_passphrase_says_how_to_be_rid_of_it(folder):
    for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
        write_certificate(folder)
        (folder / "key.pem").write_bytes(pem(own_key(folder), BestAvailableEncryption(b"secret"), form))
        error = refusal(folder)
        assert error.message.startswith("relay.tls_key: ") and "has a passphrase" in error.message
        assert "openssl pkey" in error.remedy


@pytest.mark.parametrize("other", [ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1()),
                                   rsa.generate_private_key(65_537, 2_048), x25519.X25519PrivateKey.generate()],
                         ids=["same curve", "other curve", "rsa", "no key for certificates"])
def test_a_key_of_another_certificate_is_said_to_be_that(folder, other):
    (folder / "key.pem").write_bytes(pem(other))
    assert "does not belong to the certificate in" in refusal(folder).message


@pytest.mark.parametrize("key", [rsa.generate_private_key(65_537, 1_024), dsa.generate_private_key(2_048),
                                 ec.generate_private_key(ec.SECP256K1())],
                         ids=["too weak", "no signature in TLS 1.3", "a curve that TLS 1.3 has not"])
def test_what_no_client_could_be_served_with_is_said_to_be_unusable(folder, key):
    write_certificate(folder, key=key)
    error = refusal(folder)
    assert "does not work with TLS 1.3" in error.message and "2048 bits" in error.remedy

"""The certificate chain of a TLS listener and its private key, read from their files; each mistake has its own message.

Only PEM: certificates, the server's own first, and one private key without a passphrase.
"""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from whisperd.errors import ConfigError

CERTIFICATE, KEY = "relay.tls_certificate", "relay.tls_key"
_UNREADABLE = "Check the path. The daemon's user must be able to read the file and to enter the folders above it."
_DECRYPT = ("Write the key without a passphrase: 'openssl pkey -in FILE -out NEW'. Only the daemon's user should be "
            "able to read NEW.")


def chain(path: str) -> list[x509.Certificate]:
    """Return the certificates of a file, at least one; raises ConfigError."""
    try:
        return x509.load_pem_x509_certificates(_content(CERTIFICATE, path))
    except ValueError:
        raise ConfigError(f"{CERTIFICATE}: {path} contains no valid PEM certificate",
                          remedy="Name a PEM file that contains the server's certificate first, then the certificates "
                          "of its issuers."
                          ) from None


def private_key(path: str) -> PrivateKeyTypes:
    """Return the private key of a file; raises ConfigError."""
    content = _content(KEY, path)
    try:
        return load_pem_private_key(content, None)
    except TypeError:  # cryptography's word for a key with a passphrase
        raise ConfigError(f"{KEY}: the private key in {path} has a passphrase, and the daemon cannot ask for it",
                          remedy=_DECRYPT) from None
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigError(f"{KEY}: {path} contains no valid PEM private key",
                          remedy="Name the PEM file with the certificate's private key.") from None


def check_pair(certificates: list[x509.Certificate], key: PrivateKeyTypes, certificate_path: str,
               key_path: str) -> None:
    """Raise ConfigError unless ``key`` is that of the first certificate."""
    matching = [place for place, certificate in enumerate(certificates) if _is_key_of(key, certificate)]
    if not matching:
        raise ConfigError(f"{KEY}: the key in {key_path} does not belong to the certificate in {certificate_path}",
                          remedy=f"Set {CERTIFICATE} and {KEY} to the certificate and the key that were issued "
                                 "together.")
    if matching[0] != 0:
        raise ConfigError(f"{CERTIFICATE}: the certificate for the key in {key_path} is not the first one in "
                          f"{certificate_path}",
                          remedy="Put the server's own certificate first in the file, then the certificates of its "
                          "issuers.")


def unusable(path: str) -> ConfigError:
    """Return what to tell of a certificate and a key that match, and that OpenSSL does not take for TLS 1.3."""
    return ConfigError(f"{CERTIFICATE}: the certificate in {path} or its key does not work with TLS 1.3",
                       remedy="Get a certificate for an ECDSA P-256, Ed25519 or RSA key; an RSA key needs at least "
                       "2048 bits.")


def _content(key: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        reason = getattr(error, "strerror", None) or "this is not a path"
        raise ConfigError(f"{key}: {path} cannot be read: {reason}", remedy=_UNREADABLE) from None


def _is_key_of(key: PrivateKeyTypes, certificate: x509.Certificate) -> bool:
    try:
        return bool(certificate.public_key() == key.public_key())
    except (ValueError, UnsupportedAlgorithm):
        return False

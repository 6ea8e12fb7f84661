"""The certificate chain of a TLS listener and its private key, read from their files; each mistake has its own message.

Only PEM: certificates, the server's own first, and one private key without a passphrase.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from whisperd.errors import ConfigError

CERTIFICATE, KEY = "relay.tls_certificate", "relay.tls_key"
_UNREADABLE = "Check the path, and that the daemon's user may read the file and enter the folders above it."
_DECRYPT = ("Write the key without its passphrase: 'openssl pkey -in FILE -out NEW', with NEW readable by the "
            "daemon's user only.")


def chain(path: str) -> list[x509.Certificate]:
    """Return the certificates of a file, at least one; raises ConfigError."""
    try:
        return x509.load_pem_x509_certificates(_content(CERTIFICATE, path))
    except ValueError:
        raise ConfigError(f"{CERTIFICATE}: {path} holds no valid certificate in PEM",
                          remedy="Name a PEM file with the server's certificate first and then those that signed it."
                          ) from None


def private_key(path: str) -> Any:
    """Return the private key of a file; raises ConfigError."""
    content = _content(KEY, path)
    try:
        return load_pem_private_key(content, None)
    except TypeError:  # cryptography's word for a key with a passphrase
        raise ConfigError(f"{KEY}: the private key in {path} has a passphrase, and the daemon cannot ask for it",
                          remedy=_DECRYPT) from None
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigError(f"{KEY}: {path} holds no valid private key in PEM",
                          remedy="Name the PEM file with the private key of the certificate.") from None


def check_pair(certificates: list[x509.Certificate], key: Any, certificate_path: str, key_path: str) -> None:
    """Raise ConfigError unless ``key`` is that of the first certificate."""
    matching = [place for place, certificate in enumerate(certificates) if _is_key_of(key, certificate)]
    if not matching:
        raise ConfigError(f"{KEY}: the key in {key_path} does not belong to the certificate in {certificate_path}",
                          remedy=f"Name the certificate and the key that were issued together in {CERTIFICATE} and "
                                 f"{KEY}.")
    if matching[0] != 0:
        raise ConfigError(f"{CERTIFICATE}: the certificate of the key in {key_path} is not the first in "
                          f"{certificate_path}",
                          remedy="Put the server's own certificate first in the file, then those that signed it.")


def unusable(path: str) -> ConfigError:
    """Return what to tell of a certificate and a key that match, and that OpenSSL does not take for TLS 1.3."""
    return ConfigError(f"{CERTIFICATE}: the certificate in {path} or its key cannot be used for TLS 1.3",
                       remedy="Have a certificate issued for an ECDSA P-256, Ed25519 or RSA key of at least 2048 bits.")


def _content(key: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        reason = getattr(error, "strerror", None) or "this is no path"
        raise ConfigError(f"{key}: {path} cannot be read: {reason}", remedy=_UNREADABLE) from None


def _is_key_of(key: Any, certificate: x509.Certificate) -> bool:
    try:
        return bool(certificate.public_key() == key.public_key())
    except (ValueError, UnsupportedAlgorithm):
        return False

"""TLS for listeners on the public network: version 1.3 only, hybrid post-quantum key agreement first.

The groups are those of the OpenSSL that the package ``cryptography`` brings along (3.5 or later): X25519MLKEM768 is
preferred, also to a client that offers it without a key share. Nothing is kept for resumption.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from whisperd.errors import ConfigError

#: Hybrids of ML-KEM, as OpenSSL names them.
HYBRIDS = frozenset({"X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024"})
_REMEDY = "Name a PEM file with the certificate chain and one with its key, not encrypted, both readable here."


@implementer(IOpenSSLServerConnectionCreator)
class Credentials:
    """The certificate and key in force, and how often each group was negotiated.

    ``require_pq``: a client whose key agreement is not a hybrid is cut off before anything is exchanged, and counted
    in ``refused`` as ``not-post-quantum``.
    """

    def __init__(self, refused: Counter[str]) -> None:
        self.groups: Counter[str] = Counter()
        self._refused = refused
        self._require_pq = False
        self._context: SSL.Context | None = None

    def load(self, certificate: str, key: str, *, require_pq: bool) -> None:
        """Read both files (again); raises ConfigError, and then those before stay in force."""
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        try:
            context.use_certificate_chain_file(certificate)
            context.use_privatekey(load_pem_private_key(Path(key).read_bytes(), None))  # type: ignore[arg-type]
            context.check_privatekey()
        except (SSL.Error, OSError, ValueError, TypeError, UnsupportedAlgorithm):
            raise ConfigError(f"relay.tls_certificate, relay.tls_key: {certificate} and {key} are not a certificate "
                              "and its key", remedy=_REMEDY) from None
        context.set_min_proto_version(SSL.TLS1_3_VERSION)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_COMPRESSION)
        context.set_alpn_select_callback(_choose)
        context.set_info_callback(self._changed)
        self._context, self._require_pq = context, require_pq

    def wrap(self, factory: Any, reactor: Any) -> Any:
        """Return ``factory`` behind TLS."""
        creator: Any = self
        return TLSMemoryBIOFactory(creator, False, factory, reactor)

    def serverConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        if self._context is None:
            raise ConfigError("relay.tls_listen needs relay.tls_certificate and relay.tls_key", remedy=_REMEDY)
        connection = SSL.Connection(self._context, None)
        connection.set_app_data(protocol)
        return connection

    def _changed(self, connection: SSL.Connection, where: int, result: int) -> None:
        if not where & SSL.SSL_CB_HANDSHAKE_DONE:
            return
        group = connection.get_group_name() or "unknown"
        self.groups[group] += 1
        if self._require_pq and group not in HYBRIDS:
            self._refused["not-post-quantum"] += 1
            connection.get_app_data().abortConnection()


def _choose(connection: SSL.Connection, offered: list[bytes]) -> Any:
    """Return the one application protocol that is spoken here, if the client speaks it."""
    return b"http/1.1" if b"http/1.1" in offered else SSL.NO_OVERLAPPING_PROTOCOLS

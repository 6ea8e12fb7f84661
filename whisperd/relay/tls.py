"""TLS for listeners on the public network: version 1.3 only, hybrid post-quantum key agreement first.

The groups are those of the OpenSSL that the package ``cryptography`` brings along (3.5 or later): X25519MLKEM768 is
preferred, also to a client that offers it without a key share. Nothing is kept for resumption.

pyOpenSSL makes each callback at run time in memory that is writable and executable, which the confinement refuses
[cffi, Callbacks]. So OpenSSL calls nothing here: no application protocol is selected (a client that offers some is
served HTTP/1.1 all the same [RFC 7301, 3.2]), and the group is read when Twisted says that the handshake is complete.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.protocol import ServerFactory
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import implementer

from whisperd.errors import ConfigError
from whisperd.relay import certificate as pem
from whisperd.timers import Clock

#: Hybrids of ML-KEM, as OpenSSL names them.
HYBRIDS = frozenset({"X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024"})
#: More bytes than a client's first flight has; one with a hybrid key share takes some 1,500.
_HELLO_SIZE = 16_384


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
        chain, private = pem.chain(certificate), pem.private_key(key)
        pem.check_pair(chain, private, certificate, key)
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_3_VERSION)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_COMPRESSION)
        try:
            context.use_certificate(chain[0])
            for signer in chain[1:]:
                context.add_extra_chain_cert(signer)
            context.use_privatekey(private)  # type: ignore[arg-type]  # TypeError for any other
            _try_handshake(context)
        except (SSL.Error, TypeError, ValueError):
            raise pem.unusable(certificate) from None
        self._context, self._require_pq = context, require_pq

    def wrap(self, factory: ServerFactory, reactor: Clock) -> TLSMemoryBIOFactory:
        """Return ``factory`` behind TLS."""
        return TLSMemoryBIOFactory(self, False, factory, reactor)  # type: ignore[arg-type]  # zope's, not mypy's

    def serverConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        if self._context is None:
            raise ConfigError("relay.tls_listen needs relay.tls_certificate and relay.tls_key",
                              remedy="Name the PEM files of the certificate chain and of its key.")
        return SSL.Connection(self._context, None)

    def admits(self, connection: SSL.Connection) -> bool:
        """Count a connection whose handshake is complete; return whether its key agreement is good enough."""
        group = connection.get_group_name() or "unknown"
        self.groups[group] += 1
        admitted = group in HYBRIDS or not self._require_pq
        self._refused["not-post-quantum"] += not admitted
        return admitted


def _try_handshake(context: SSL.Context) -> None:
    """Let a client of our own, in memory, come as far as the server's signature; raises SSL.Error.

    OpenSSL takes keys that TLS 1.3 has no signature for, and no client would be served.
    """
    client, server = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None), SSL.Connection(context, None)
    client.set_connect_state()
    server.set_accept_state()
    with suppress(SSL.WantReadError):
        client.do_handshake()
    server.bio_write(client.bio_read(_HELLO_SIZE))
    with suppress(SSL.WantReadError):
        server.do_handshake()

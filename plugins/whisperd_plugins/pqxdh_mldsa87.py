"""PQXDH with post-quantum identities: ``pqxdh-25519-mlkem1024-mldsa87``.

The exchange is that of ``pqxdh``; every bundle and every message is signed by Ed25519 and by ML-DSA-87 [FIPS 204, empty
context], and both must verify. The joiner signs the whole message and not just its keys: its X25519 identity does not
authenticate it against a quantum computer, and a signature over keys alone could be used again for another message.
"""

from __future__ import annotations

from zope.interface import implementer

from whisperd.interfaces import IKeyExchange, Level
from whisperd_plugins.prekey_exchange import PrekeyExchange
from whisperd_plugins.prekey_suite import Suite
from whisperd_plugins.signatures import ED25519, MLDSA87

SUITE = Suite(
    b"whisperd/1_CURVE25519_SHA-512_ML-KEM-1024_ML-DSA-87",
    b"whisperd/1 pqxdh mldsa87 bundle",
    b"whisperd/1 pqxdh mldsa87 message",
    signers=(ED25519, MLDSA87),
    signs_message=True,
)


@implementer(IKeyExchange)
class PqxdhMlkem1024Mldsa87(PrekeyExchange):
    """The plug-in ``pqxdh-25519-mlkem1024-mldsa87``: bundle 8988 bytes (8955 of last resort), message 9021 bytes."""

    id = "pqxdh-25519-mlkem1024-mldsa87"
    version = 1
    level = Level.QUANTUM_RESISTANT
    suite = SUITE
    known = ("25fb738045c20a3f557d4bff17406329", "5b2d5f41ee397e788dad7b55158262d7")

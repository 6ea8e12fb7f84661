"""PQXDH with post-quantum identities: ``pqxdh-25519-mlkem1024-falcon1024``.

The exchange is that of ``pqxdh_mldsa87`` with padded Falcon-1024 signatures in place of ML-DSA-87. It needs the extra
``falcon`` of this distribution.
"""

from __future__ import annotations

from zope.interface import implementer

from whisperd.interfaces import IKeyExchange, Level
from whisperd_plugins import falcon, falcon_known_answer, selftest
from whisperd_plugins.prekey_exchange import PrekeyExchange
from whisperd_plugins.prekey_suite import Suite
from whisperd_plugins.signatures import ED25519, Signer

FALCON1024 = Signer("falcon1024", "Falcon-1024 key", "Falcon-1024 signature", "falcon-1024", falcon.verify)
SUITE = Suite(
    b"whisperd/1_CURVE25519_SHA-512_ML-KEM-1024_FALCON-1024",
    b"whisperd/1 pqxdh falcon1024 bundle",
    b"whisperd/1 pqxdh falcon1024 message",
    signers=(ED25519, FALCON1024),
    signs_message=True,
)


@implementer(IKeyExchange)
class PqxdhMlkem1024Falcon1024(PrekeyExchange):
    """The plug-in ``pqxdh-25519-mlkem1024-falcon1024``: bundle 4842 bytes (4809 of last resort), message 4875 bytes."""

    id = "pqxdh-25519-mlkem1024-falcon1024"
    version = 1
    level = Level.QUANTUM_RESISTANT
    suite = SUITE
    known = ("044966a72e340d5300d8a7321f126f37", "e0513420322c16f09b009df23b6745f9")

    def self_test(self) -> None:
        """Verify a signature that another implementation made, and do what every exchange does."""
        known = falcon_known_answer
        if not falcon.verify(known.PUBLIC, known.MESSAGE, known.SIGNATURE):
            raise selftest.KnownAnswerWrong("a good Falcon-1024 signature does not verify")
        if falcon.verify(known.PUBLIC, known.MESSAGE + b"!", known.SIGNATURE):
            raise selftest.KnownAnswerWrong("a Falcon-1024 signature verifies for another message")
        super().self_test()

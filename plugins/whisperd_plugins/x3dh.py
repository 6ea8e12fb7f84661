"""X3DH, revision 1, over X25519: ``x3dh-25519``.

Parameters [X3DH, 2.1]: curve X25519, hash SHA-512, info ``whisperd/1``. Whoever records the traffic and has a quantum
computer later finds the secret: for other sides that have no ML-KEM. ``prekey_exchange`` is the protocol, and says
where it departs from the paper; a bundle of last resort is one without a one-time prekey [X3DH, 3.3].
"""

from __future__ import annotations

from zope.interface import implementer

from whisperd.interfaces import IKeyExchange, Level
from whisperd_plugins.prekey_exchange import PrekeyExchange
from whisperd_plugins.prekey_suite import Suite

SUITE = Suite(b"whisperd/1_X3DH_CURVE25519_SHA-512", b"whisperd/1 x3dh bundle", b"whisperd/1 x3dh identity", kem=False)


@implementer(IKeyExchange)
class X3dh(PrekeyExchange):
    """The plug-in ``x3dh-25519``: bundle 198 bytes (165 of last resort), message 231 bytes."""

    id = "x3dh-25519"
    version = 1
    level = Level.STANDARD
    suite = SUITE
    known = ("30cd25c89d0c39d6723bb1083bb79663", "a09787d06661934587d1b5ff68644e19")

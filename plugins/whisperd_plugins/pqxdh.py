"""PQXDH, revision 3, over X25519 and ML-KEM-1024: ``pqxdh-25519-mlkem1024``.

Parameters [PQXDH, 2.1]: curve X25519, hash SHA-512, KEM ML-KEM-1024, info ``whisperd/1``. ``prekey_exchange`` is the
protocol, and says where it departs from the paper.
"""

from __future__ import annotations

from zope.interface import implementer

from whisperd.interfaces import IKeyExchange, Level
from whisperd_plugins.prekey_exchange import PrekeyExchange
from whisperd_plugins.prekey_suite import Suite

SUITE = Suite(b"whisperd/1_CURVE25519_SHA-512_ML-KEM-1024", b"whisperd/1 pqxdh bundle", b"whisperd/1 pqxdh identity")
#: 1767 bytes.
ONE_TIME_BUNDLE = SUITE.one_time
#: 1734 bytes.
LAST_RESORT_BUNDLE = SUITE.last_resort
#: 1800 bytes.
MESSAGE = SUITE.message


@implementer(IKeyExchange)
class PqxdhMlkem1024(PrekeyExchange):
    """The plug-in ``pqxdh-25519-mlkem1024``: bundle 1767 bytes (1734 of last resort), message 1800 bytes."""

    id = "pqxdh-25519-mlkem1024"
    version = 1
    level = Level.ENHANCED
    suite = SUITE
    known = ("9010eb6605f8c20b89e19bac499d284e", "c3b651e9485772ec398a713772450f47")

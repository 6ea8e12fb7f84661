"""The public test kit for plug-ins: what an author runs against a key exchange or a ratchet of their own.

    from whisperd.plugin.conformance import check_ratchet
    report = check_ratchet(MyRatchet())
    print(report)
    report.require()

It needs no test framework, takes its randomness from a seed, and returns a Report with one Result for each check
[whisperd-plugins(7), CONFORMANCE].
"""

from whisperd.plugin.conformance.kex import CHECKS as KEX_CHECKS
from whisperd.plugin.conformance.kex import check_key_exchange
from whisperd.plugin.conformance.man_in_the_middle import CHECKS as NEGOTIATION_CHECKS
from whisperd.plugin.conformance.negotiation import check_negotiation
from whisperd.plugin.conformance.ratchet import CHECKS as RATCHET_CHECKS
from whisperd.plugin.conformance.ratchet import check_ratchet
from whisperd.plugin.conformance.report import Broken, ConformanceReport, Result, seeded

__all__ = [
    "KEX_CHECKS",
    "NEGOTIATION_CHECKS",
    "RATCHET_CHECKS",
    "Broken",
    "ConformanceReport",
    "Result",
    "check_key_exchange",
    "check_negotiation",
    "check_ratchet",
    "seeded",
]

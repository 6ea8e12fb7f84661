"""Checks of a key exchange at work: what it costs, and that its two halves need not be in one process."""

from __future__ import annotations

from whisperd.plugin.conformance.cost import MAX_EXCHANGE, agreements
from whisperd.plugin.conformance.kex_bench import CHECKS, KexBench
from whisperd.plugin.conformance.other_process import in_another_process
from whisperd.plugin.conformance.report import Broken


@CHECKS.add
def cpu_budget(bench: KexBench) -> None:
    """An exchange, both sides together, takes less CPU time than 3000 X25519 agreements."""
    inviter, joiner = bench.identity(), bench.identity()

    def exchange() -> None:
        bundle, private = bench.plugin.prekeys(inviter, bench.random)
        message, _ = bench.plugin.initiate(bundle, joiner, bench.random)
        bench.plugin.accept(message, private, inviter)

    cost = agreements(exchange, maximum=MAX_EXCHANGE)
    if cost > MAX_EXCHANGE:
        raise Broken(f"an exchange costs as much as {cost:.0f} agreements")


@CHECKS.add
def two_processes(bench: KexBench) -> None:
    """An inviter in this process and a joiner in another one arrive at the same secret."""
    inviter = bench.identity()
    bundle, private = bench.plugin.prekeys(inviter, bench.random)
    message, secret = in_another_process(bench.plugin, "join", bundle)
    if bench.plugin.accept(message, private, inviter) != secret:
        raise Broken("the two sides have different secrets")

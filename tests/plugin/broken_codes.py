"""Key exchanges with a code that give away more than one guess a run, by the name of the check that has to find it."""

from __future__ import annotations

from whisperd_plugins.cpace_exchange import Cpace25519

from tests.plugin.broken_open_kex import BROKEN, breaks

__all__ = ["BROKEN"]


@breaks("different-codes")
class AnyCode(Cpace25519):
    def for_code(self, code: str, runs: int = 5) -> Cpace25519:
        return AnyCode(super().for_code("the same for all", runs)._code, runs)


@breaks("different-codes", "runs-end")
class Endless(Cpace25519):
    """Counts no run."""

    runs_left = property(lambda self: 3, lambda self, value: None)  # type: ignore[assignment]

    def for_code(self, code: str, runs: int = 5) -> Cpace25519:
        return Endless(super().for_code(code, runs)._code, runs)

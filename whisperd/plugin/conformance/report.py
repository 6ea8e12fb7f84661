"""What the kit says: one result for each check, and a report of them all."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from whisperd.errors import PluginRefused
from whisperd.interfaces import Random


class Broken(Exception):
    """A plug-in did not do what a check demands; the message says what it did instead."""


class NotApplicable(Exception):
    """A check has nothing to test on this plug-in; the message says why."""


@dataclass(frozen=True)
class Result:
    """One check: its name, what it demands, the fault that it found (None: none), how long it took, and why there was
    nothing to test (None: there was)."""

    name: str
    demand: str
    fault: str | None
    seconds: float
    skipped: str | None = None

    @property
    def passed(self) -> bool:
        """Whether no fault was found."""
        return self.fault is None

    @property
    def outcome(self) -> str:
        """One word: ok, BROKEN or skipped."""
        return "BROKEN" if self.fault is not None else "skipped" if self.skipped is not None else "ok"


#: Told the name of each check when it begins, with None, and when it is done, with its result.
Follow = Callable[[str, Result | None], None]


@dataclass(frozen=True)
class ConformanceReport:
    """Every result for one plug-in."""

    kind: str
    id: str
    results: tuple[Result, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(result.passed for result in self.results)

    @property
    def faults(self) -> dict[str, str]:
        """The faults by the names of the checks that found them."""
        return {result.name: result.fault for result in self.results if result.fault is not None}

    def require(self) -> None:
        """Raise PluginRefused, with every fault, unless all checks passed."""
        if not self.passed:
            found = "; ".join(f"{name}: {fault}" for name, fault in self.faults.items())
            raise PluginRefused(f"{self.id} failed {len(self.faults)} of {len(self.results)} checks: {found}")

    def as_dict(self) -> dict[str, Any]:
        """Return the report as values that JSON has."""
        results = [{"outcome": result.outcome, **asdict(result)} for result in self.results]
        return {"kind": self.kind, "id": self.id, "passed": self.passed, "results": results}

    def __str__(self) -> str:
        return "\n".join(f"{result.outcome:<7} {result.name}: {result.fault or result.skipped or result.demand}"
                         for result in self.results)


class Checks:
    """A list of checks: functions that take a bench and raise when the plug-in is broken; docstrings are demands."""

    def __init__(self) -> None:
        self.by_name: dict[str, Callable[[Any], None]] = {}

    def add(self, check: Callable[[Any], None]) -> Callable[[Any], None]:
        """Take in a check, under its name with dashes."""
        self.by_name[check.__name__.replace("_", "-")] = check
        return check

    def run(self, make_bench: Callable[[str], Any], only: Iterable[str] = (),
            follow: Follow | None = None) -> tuple[Result, ...]:
        """Run the checks named in ``only``, or all, each on a bench of its own; KeyError for a name that is not one."""
        return tuple(self._run(name, make_bench, follow or _nobody) for name in only or self.by_name)

    def _run(self, name: str, make_bench: Callable[[str], Any], follow: Follow) -> Result:
        check = self.by_name[name]
        follow(name, None)
        started = time.perf_counter()
        fault = skipped = None
        try:
            check(make_bench(name))
        except Broken as broken:
            fault = str(broken)
        except NotApplicable as reason:
            skipped = str(reason)
        except Exception as error:
            fault = f"raised {error!r}"
        demand = " ".join((check.__doc__ or "").split())
        result = Result(name, demand, fault, time.perf_counter() - started, skipped)
        follow(name, result)
        return result


def _nobody(name: str, result: Result | None) -> None:
    """Follow nothing."""


def seeded(seed: str) -> Random:
    """Return a random source that repeats itself: call number n gives SHAKE-256(seed ‖ n as 8 bytes).

    For tests only."""
    calls = 0

    def draw(size: int) -> bytes:
        nonlocal calls
        calls += 1
        return hashlib.shake_256(seed.encode() + calls.to_bytes(8, "big")).digest(size)

    return draw


def below(random: Random, limit: int) -> int:
    """Return a whole number from 0 to ``limit`` - 1; good enough for choosing what to test."""
    return int.from_bytes(random(8), "big") % limit


def changed(random: Random, data: bytes, place: int) -> bytes:
    """Return ``data`` with one bit of the byte at ``place`` flipped."""
    flipped = data[place] ^ (1 << below(random, 8))
    return data[:place] + bytes((flipped,)) + data[place + 1 :]


def places(size: int, limit: int) -> list[int]:
    """Return at limit about ``limit`` places in ``size`` bytes: the ends closely, the rest evenly."""
    if size <= limit:
        return list(range(size))
    edge = limit // 4
    step = max(1, (size - 2 * edge) // (limit - 2 * edge))
    return [*range(edge), *range(edge, size - edge, step), *range(size - edge, size)]

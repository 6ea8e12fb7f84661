"""``whisperctl plugins check``: the conformance kit over one plug-in, with a line for each check as it is done.

The kit and the plug-in run in this process, which has no keys and no conversations to lose: a daemon would stand still
meanwhile.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial

from whisperd.cli.render import Paint, clean
from whisperd.config import load
from whisperd.errors import PluginRefused
from whisperd.plugin.conformance import ConformanceReport, Result, check_key_exchange, check_negotiation, check_ratchet
from whisperd.plugin.conformance.report import Follow
from whisperd.plugin.registry import KEX, RATCHET, PluginSource, Registry, made, sources

_HEADS = {KEX: "key exchange", RATCHET: "ratchet"}
_STYLES = {"ok": "good", "BROKEN": "bad", "skipped": "dim"}
_CLEAR_LINE = "\r\x1b[K"


def check(plugin_id: str, thorough: bool, screen: Screen | None) -> None:
    """Check every plug-in of this id, on ``screen``, or without one with a line of JSON for each.

    Raises PluginUnknown, and PluginRefused unless all checks passed."""
    faults: list[str] = []
    for source in sources(plugin_id):
        faults += _shown(source, screen, _HEADS[source.kind], partial(_examined, source, thorough))
        if not faults:
            faults += _shown(source, screen, "negotiation with", partial(_negotiated, source))
    if faults:
        raise PluginRefused(f"{plugin_id} does not fulfil the plug-in contract: {', '.join(faults)}",
                            remedy="Do not use it. Send this report to the plug-in's author.")


class Screen:
    """What a person sees of it: on a terminal also the check that runs at the moment."""

    def __init__(self, paint: Paint, on_terminal: bool) -> None:
        self._paint = paint
        self._on_terminal = on_terminal

    def begin(self, head: str, source: PluginSource) -> None:
        """Say what is being checked of which plug-in."""
        print(self._paint(f"{head} {clean(source.id)} of {clean(source.distribution)}", "strong"), flush=True)

    def follow(self, name: str, result: Result | None) -> None:
        """Say that a check begins (``result`` None), or what came of it."""
        if result is None:
            if self._on_terminal:
                print(f"        {name} ...", end="", flush=True)
            return
        word = self._paint(f"{result.outcome:<8}", _STYLES[result.outcome])
        note = result.fault or result.skipped
        said = f": {clean(note)}" if note else f" ({result.seconds:.1f} s)" if result.seconds >= 1 else ""
        print(f"{_CLEAR_LINE if self._on_terminal else ''}{word}{name}{said}", flush=True)

    def end(self, report: ConformanceReport, seconds: float) -> None:
        """Say how it went as a whole."""
        skipped = sum(result.outcome == "skipped" for result in report.results)
        tried = len(report.results) - skipped
        note = f", {skipped} skipped" if skipped else ""
        print(f"{tried - len(report.faults)} of {tried} checks passed{note}, in {seconds:.1f} s", flush=True)


def _shown(source: PluginSource, screen: Screen | None, head: str,
           run: Callable[[Follow | None], ConformanceReport]) -> dict[str, str]:
    """Run a part of the kit, show what comes of it, and return the faults."""
    started = time.perf_counter()
    if screen is None:
        report = run(None)
        print(json.dumps({"distribution": source.distribution, **report.as_dict()}), flush=True)
        return report.faults
    screen.begin(head, source)
    report = run(screen.follow)
    screen.end(report, time.perf_counter() - started)
    return report.faults


def _examined(source: PluginSource, thorough: bool, follow: Follow | None) -> ConformanceReport:
    examine = check_key_exchange if source.kind == KEX else check_ratchet
    return examine(made(source), thorough=thorough, follow=follow)


def _negotiated(source: PluginSource, follow: Follow | None) -> ConformanceReport:
    """Offer the plug-in first, and what is offered by default after it."""
    defaults = load().peer
    first = {KEX: defaults.kex, RATCHET: defaults.ratchet}
    first[source.kind] = tuple(dict.fromkeys((source.id, *first[source.kind])))
    registry = Registry.load(first[KEX], first[RATCHET], allowed=() if source.bundled else (source.id,))
    return check_negotiation(registry, follow=follow)

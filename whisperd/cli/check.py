"""``whisperctl plugins check``: the conformance kit over one plug-in, with a line for each check as it is done.

The kit and the plug-in run in this process, which has no keys and no conversations to lose: a daemon would stand still
meanwhile.
"""

from __future__ import annotations

import json
import time

from whisperd.cli.render import Paint, clean
from whisperd.errors import PluginRefused
from whisperd.plugin.conformance import Report, Result, check_key_exchange, check_ratchet
from whisperd.plugin.registry import KEX, Source, made, sources

_STYLES = {"ok": "good", "BROKEN": "bad", "skipped": "dim"}
_CLEAR_LINE = "\r\x1b[K"


def check(plugin_id: str, thorough: bool, screen: Screen | None) -> None:
    """Check every plug-in of this id, on ``screen``, or without one with a line of JSON for each.

    Raises PluginUnknown, and PluginRefused unless all checks passed."""
    faults: list[str] = []
    for source in sources(plugin_id):
        started = time.perf_counter()
        if screen is not None:
            screen.begin(source)
        report = _examined(source, thorough, screen)
        if screen is not None:
            screen.end(report, time.perf_counter() - started)
        else:
            print(json.dumps({"distribution": source.distribution, **report.as_dict()}), flush=True)
        faults += report.faults
    if faults:
        raise PluginRefused(f"{plugin_id} does not keep the contract: {', '.join(faults)}",
                            remedy="Take this report to the plug-in's author, and do not use it.")


class Screen:
    """What a person sees of it: on a terminal also the check that runs at the moment."""

    def __init__(self, paint: Paint, on_terminal: bool) -> None:
        self._paint = paint
        self._on_terminal = on_terminal

    def begin(self, source: Source) -> None:
        """Say which plug-in is being checked."""
        kind = "key exchange" if source.kind == KEX else "ratchet"
        print(self._paint(f"{kind} {clean(source.id)} of {clean(source.distribution)}", "strong"), flush=True)

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

    def end(self, report: Report, seconds: float) -> None:
        """Say how it went as a whole."""
        passed = len(report.results) - len(report.faults)
        print(f"{passed} of {len(report.results)} checks passed, in {seconds:.1f} s", flush=True)


def _examined(source: Source, thorough: bool, screen: Screen | None) -> Report:
    run = check_key_exchange if source.kind == KEX else check_ratchet
    return run(made(source), thorough=thorough, follow=screen.follow if screen else None)

"""``whisperctl status``: once, again and again, or as a line for monitoring."""

from __future__ import annotations

import json
import time

from whisperd.cli import render
from whisperd.cli.caller import Caller
from whisperd.cli.verbs import health
from whisperd.errors import DaemonUnreachable, PermissionRefused, TimedOut, UsageError, WhisperdError

#: Seconds that --check waits for an answer: less than monitoring waits for --check.
CHECK_SECONDS = 8.0
_CLEAR = "\x1b[H\x1b[2J"


def status(caller: Caller, watch: bool, every: float, check: bool) -> None:
    if watch and check:
        raise UsageError("--watch and --check cannot be combined", remedy="Use one of them.")
    if check:
        raise SystemExit(_check(caller))
    if not watch:
        _show(caller)
        return
    while True:
        _again(caller)
        time.sleep(every)


def _show(caller: Caller) -> None:
    answer = caller.call("status")
    caller.show(answer, render.status(answer, caller.paint))


def _again(caller: Caller) -> None:
    """Draw the screen anew; on a terminal a daemon that is away is waited for."""
    if not caller.terminal:
        _show(caller)
        return
    try:
        answer = caller.call("status")
        lines = render.status(answer, caller.paint)
    except (DaemonUnreachable, TimedOut) as error:
        lines = [caller.paint(render.clean(error.message), "bad"), render.clean(error.remedy)]
    print("\n".join([_CLEAR + lines[0], *lines[1:]]), flush=True)


def _check(caller: Caller) -> int:
    """Print the verdict and return its level."""
    well = ""
    try:
        answer = caller.call("status", CHECK_SECONDS)
        verdict, well = health.judge(answer), health.summary(answer)
    except (DaemonUnreachable, TimedOut) as error:
        strange = isinstance(error, DaemonUnreachable) and error.answers
        verdict = health.Verdict((("not-served" if strange else "no-daemon", error.message),))
    except PermissionRefused as error:
        verdict = health.Verdict((("not-served", error.message),))
    except WhisperdError:
        verdict = health.Verdict((("not-served", "the daemon's answer makes no sense"),))
    if caller.json:
        print(json.dumps({"level": verdict.level, "found": [
            {"condition": name, "words": words} for name, words in verdict.found]}), flush=True)
    else:
        print(verdict.line(well), flush=True)
    return verdict.level

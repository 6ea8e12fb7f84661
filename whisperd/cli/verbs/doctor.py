"""``whisperctl doctor``: runs the examinations of ``whisperd.tor.doctor`` and says what mends each that fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from twisted.internet.defer import ensureDeferred

from whisperd.cli.render import Paint, clean
from whisperd.config import Config
from whisperd.tor.doctor import Finding, examine

_STYLES = {"ok": "good", "failed": "bad", "skipped": "dim"}


def examine_all(config: Config, status: dict[str, Any] | None, show: Callable[[Finding], None]) -> list[Finding]:
    """Run every examination under a reactor of this process, ``show`` each as it is done, and return them all."""
    from twisted.internet import reactor

    loop: Any = reactor
    findings: list[Finding] = []
    failures: list[BaseException] = []

    async def work() -> None:
        try:
            async for finding in examine(config, status, reactor=loop):
                findings.append(finding)
                show(finding)
        except Exception as error:
            failures.append(error)
        finally:
            loop.stop()

    loop.callWhenRunning(lambda: ensureDeferred(work()))
    loop.run()
    if failures:
        raise failures[0]
    return findings


def lines(finding: Finding, paint: Paint) -> str:
    """Return what a person reads of one finding: a line, and the remedy below it where there is one."""
    word = paint(f"{finding.state:<8}", _STYLES[finding.state])
    remedy = f"\n{'':20}{clean(finding.remedy)}" if finding.remedy else ""
    return f"{word}{finding.name:<12}{clean(finding.detail)}{remedy}"


def as_json(findings: list[Finding]) -> str:
    """Return one JSON object: whether all is well, and every finding."""
    return json.dumps({"ok": healthy(findings), "findings": [asdict(finding) for finding in findings]})


def healthy(findings: list[Finding]) -> bool:
    """Return whether nothing failed."""
    return not any(finding.state == "failed" for finding in findings)

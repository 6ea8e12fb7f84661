"""``whisperctl log follow``."""

from __future__ import annotations

import json
from collections.abc import Callable

from whisperd.cli import render
from whisperd.cli.caller import Caller
from whisperd.cli.render import Paint, Row
from whisperd.control.commands import FOLLOW
from whisperd.errors import LogDropped

_STYLES = {"debug": "dim", "warning": "warn", "error": "bad"}


def follow(caller: Caller, level: str, lines: int) -> None:
    with caller.client() as client:
        client.call(FOLLOW, {"level": level, "lines": lines})
        while True:
            event = client.next_event()
            if event["event"] == "log-dropped":
                raise LogDropped(f"{render.count(event['lines'], 'line')} of the log and everything after them were "
                                 "not sent, because the output was read too slowly")
            if event["event"] == "log-line":
                print(json.dumps(event) if caller.json else line(event, caller.paint), flush=True)


def line(row: Row, paint: Paint) -> str:
    """Return one line of the log."""
    words = [render.clean(f"{name}={value}") for name, value in row["fields"].items()]
    level = paint(render.clean(row["level"]), _STYLES.get(row["level"], ""))
    return " ".join([render.clean(row["time"]), level, render.clean(row["kind"]), *words])


#: By the verb's words.
VERBS: dict[str, Callable[..., None]] = {"log follow": follow}

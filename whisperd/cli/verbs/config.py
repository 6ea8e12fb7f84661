"""The verbs of the configuration: what is in force, what the file would change, and whether a file can be used."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from whisperd.cli import render
from whisperd.cli.caller import Caller
from whisperd.config import Config, default_path, load
from whisperd.config.lines import located
from whisperd.config.paths import typed_path


def show(caller: Caller) -> None:
    answer = caller.call("config.show")
    rows = [(row["key"], json.dumps(row["value"]), row["origin"]) for row in answer["keys"]]
    caller.show(answer, [f"source: {render.clean(answer['source'])}",
                         *render.table(("KEY", "VALUE", "FROM"), rows, caller.paint)])


def diff(caller: Caller) -> None:
    answer = caller.call("config.diff")
    rows = [(row["key"], json.dumps(row["running"]), json.dumps(row["file"]), row["needs"])
            for row in answer["changes"]]
    heads = ("KEY", "RUNNING", "FILE", "NEEDS")
    same = [f"{render.clean(answer['source'])}: everything is in force"]
    caller.show(answer, render.table(heads, rows, caller.paint) if rows else same)


def check(caller: Caller, file: str) -> None:
    config, unseen = checked(typed_path(file) if file else None)
    caller.show({"source": config.source, "ok": True, "unseen": unseen}, verdict(config, unseen))


def checked(path: Path | None) -> tuple[Config, list[str]]:
    """Return the configuration of the file ``path``, or of the usual place, and what could not be looked at.

    Raises what would be raised at the start.
    """
    config = load(path or default_path())
    from whisperd.daemon import preflight  # whisperctl is to start fast

    with located(config.source):
        return config, preflight(config)


def verdict(config: Config, unseen: list[str]) -> list[str]:
    """Return the lines that say so."""
    return [f"{render.clean(config.source)}: ok", *(f"not checked: {render.clean(each)}" for each in unseen)]


#: By the verb's words.
VERBS: dict[str, Callable[..., None]] = {"config show": show, "config diff": diff, "config check": check}

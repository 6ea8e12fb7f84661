"""The verbs of the configuration: what is in force, what the file would change, and whether a file can be used."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from whisperd.cli import render
from whisperd.cli.caller import Caller
from whisperd.config import default_path, load


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
    same = [f"{render.clean(answer['source'])}: all of it is in force"]
    caller.show(answer, render.table(heads, rows, caller.paint) if rows else same)


def check(caller: Caller, file: str) -> None:
    config = load(Path(file) if file else default_path())
    caller.show({"source": config.source, "ok": True}, [f"{render.clean(config.source)}: ok"])


#: By the verb's words.
VERBS: dict[str, Callable[..., None]] = {"config show": show, "config diff": diff, "config check": check}

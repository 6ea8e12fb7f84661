"""The verbs of files: offer, accept, refuse, cancel, list, and a bar that shows how far one is."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from typing import Any

from whisperd.cli import render
from whisperd.cli.caller import Caller
from whisperd.cli.offer_file import offer
from whisperd.control.client import Client
from whisperd.errors import FileFailed, TimedOut, WhisperdError, catalogue

#: States in which nothing more happens by itself.
_SETTLED = ("done", "refused", "cancelled", "failed")


def chat_send_file(caller: Caller, chat: str, path: str, name: str, wait: float) -> None:
    with caller.client() as client:
        if wait:
            client.subscribe(chat)
        row = offer(client, chat, path, name)
        _follow(caller, client, row, wait)


def chat_accept(caller: Caller, chat: str, file: str, wait: float) -> None:
    with caller.client() as client:
        if wait:
            client.subscribe(chat)
        _follow(caller, client, client.call("chat.accept", {"chat": chat, "file": file}), wait)


def chat_refuse(caller: Caller, chat: str, file: str) -> None:
    row = caller.call("chat.refuse", chat=chat, file=file)
    caller.show(row, [render.file_line(row, caller.paint)])


def chat_cancel(caller: Caller, chat: str, id: str) -> None:
    answer = caller.call("chat.cancel", chat=chat, id=id)
    caller.show(answer, [f"{render.clean(answer['chat'])} {render.clean(id)} is {caller.paint.state('cancelled')}"])


def chat_files(caller: Caller, chat: str) -> None:
    rows = caller.call("chat.files", chat=chat)
    caller.show(rows, render.files(rows, caller.paint) if rows else ["There are no files."])


#: The function of each verb.
VERBS: dict[str, Callable[..., None]] = {
    "chat send-file": chat_send_file, "chat accept": chat_accept, "chat refuse": chat_refuse,
    "chat cancel": chat_cancel, "chat files": chat_files,
}


def _follow(caller: Caller, client: Client, row: dict[str, Any], wait: float) -> None:
    """Show a file's row; with ``wait`` once it is settled, and on a terminal how far it is until then."""
    deadline = time.monotonic() + wait
    bar = _Bar(caller) if wait else None
    while bar is not None and not _settled(row):
        bar.draw(row)
        event = _next(client, row, deadline, bar)
        if event["event"] in ("file-state", "file-progress") and event["file"] == row["file"]:
            row |= {name: value for name, value in event.items() if name != "event"}
    if bar is not None:
        bar.clear()
    caller.show(row, [render.file_line(row, caller.paint)])
    if wait and row["state"] != "done":
        raise _failure(row)


def _settled(row: dict[str, Any]) -> bool:
    """Return whether only somebody here can make a difference."""
    return row["state"] in _SETTLED or (row["state"] == "halted" and row["direction"] == "in")


def _next(client: Client, row: dict[str, Any], deadline: float, bar: _Bar) -> dict[str, Any]:
    try:
        return client.next_event(max(0.0, deadline - time.monotonic()))
    except TimedOut:
        bar.clear()
        raise TimedOut(f"{row['file']} is not finished yet; the transfer continues") from None
    except KeyboardInterrupt:
        bar.clear()
        raise


def _failure(row: dict[str, Any]) -> WhisperdError:
    known = catalogue().get(row["reason"])
    if known is not None and known is not WhisperdError:
        return known()
    return FileFailed(f"{row['file']} was not transferred completely; it is {row['state']}: {row['reason']}",
                      remedy="For its state, run 'whisperctl chat files'.")


class _Bar:
    """One line on a terminal that is drawn over; nothing anywhere else."""

    def __init__(self, caller: Caller) -> None:
        self._wanted = caller.terminal

    def draw(self, row: dict[str, Any]) -> None:
        if self._wanted:
            width = shutil.get_terminal_size().columns
            sys.stdout.write("\r\x1b[K" + render.progress(row)[:width - 1])
            sys.stdout.flush()

    def clear(self) -> None:
        if self._wanted:
            sys.stdout.write("\r\x1b[K")
            sys.stdout.flush()

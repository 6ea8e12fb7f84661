"""The verbs of the sealed store. Passphrases are asked for here, and go to the daemon over the control socket only."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress

from whisperd.cli import render
from whisperd.cli.caller import Caller
from whisperd.cli.passphrase import ask, ask_new
from whisperd.cli.render import Paint, Row
from whisperd.config.paths import typed
from whisperd.errors import FileFailed, StoreAbsent, UsageError

#: Seconds that a passphrase may take to be stretched, and a large store to be read.
SLOW = 300.0


def status(caller: Caller) -> None:
    _show(caller, caller.call("store.status"))


def unlock(caller: Caller) -> None:
    found = _sealed(caller)
    if found["state"] != "open":
        found = caller.call("store.unlock", SLOW, passphrase=_typed(found))
    _show(caller, found)


def _typed(found: Row) -> str:
    """Return the passphrase that somebody types, nothing where the daemon takes it from the keyring."""
    if found["unlock"] == "keyring":
        return ""
    return ask_new("New passphrase") if found["state"] == "new" else ask("Passphrase of the store")


def lock(caller: Caller) -> None:
    _show(caller, caller.call("store.lock", SLOW))


def change(caller: Caller) -> None:
    if _sealed(caller)["unlock"] == "keyring":
        caller.call("store.passphrase", old="", new="")  # which says why it cannot be
    old = ask("Current passphrase")
    answer = caller.call("store.passphrase", SLOW, old=old, new=ask_new("New passphrase"))
    caller.show(answer, ["the passphrase was changed; older copies of the file still open with the old passphrase"])


def export(caller: Caller, path: str, move: bool) -> None:
    path = typed(path)
    _sealed(caller)
    passphrase = ask_new("Passphrase of the export")
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FileFailed(f"{path} cannot be created: "
                         f"{error.strerror}", remedy="Choose another name or place.") from None
    try:
        with caller.client() as client:
            answer = client.call("store.export", {"passphrase": passphrase, "move": move}, timeout=SLOW, file=file)
    except BaseException:
        with suppress(OSError):
            os.unlink(path)
        raise
    finally:
        os.close(file)
    caller.show(answer, [f"{render.count(answer['records'], 'record')}, {render.size(answer['size'])}"])


def take_in(caller: Caller, path: str) -> None:
    path = typed(path)
    _sealed(caller)
    passphrase = ask("Passphrase of the export")
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise FileFailed(f"{path} cannot be read: {error.strerror}") from None
    try:
        with caller.client() as client:
            answer = client.call("store.import", {"passphrase": passphrase}, timeout=SLOW, file=file)
    finally:
        os.close(file)
    caller.show(answer, [f"{render.count(answer['records'], 'record')} imported"])


def wipe(caller: Caller, yes: bool) -> None:
    found = _sealed(caller)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("this command asks for confirmation, but nobody can answer "
                             "here", remedy="If you are sure, add --yes.")
        question = f"Destroy {render.clean(found['file'])} and everything in it? [y/N] "
        if input(question).strip().lower() not in ("y", "yes"):
            raise UsageError("nothing was destroyed", remedy="To destroy it, answer 'y'.")
    caller.show(caller.call("store.wipe", SLOW), ["the store is destroyed"])


def _sealed(caller: Caller) -> Row:
    """Return the store's status before anything is asked; raises StoreAbsent."""
    found: Row = caller.call("store.status")
    if found["kind"] != "sealed":
        raise StoreAbsent
    return found


def _show(caller: Caller, row: Row) -> None:
    caller.show(row, lines(row, caller.paint))


def lines(row: Row, paint: Paint) -> list[str]:
    """Return what 'store status' says, as lines."""
    if row["kind"] == "memory":
        return ["memory: everything is gone when the daemon stops"]
    history = f"stored for {render.count(row['history_days'], 'day')}" if row["history"] else "not stored"
    cost = row["argon2"]
    found = [f"sealed, {paint.state(row['state'])}" + _REMEDIES.get(str(row["state"]), ""),
             f"{render.clean(row['file'])}, {render.size(row['size'])}"]
    if row["state"] == "open":
        found[1] += f", {render.count(row['records'], 'record')}"
    if row.get("trouble"):
        found.append(paint(f"it cannot be written: {render.clean(row['trouble']['message'])}", "bad"))
        found.append(render.clean(row["trouble"]["remedy"]))
    return [*found, f"message history is {history}; the disk shows the sizes and times of what is stored",
            f"one guess at the passphrase takes {cost['memory']} MiB of memory and {cost['passes']} passes"]


_REMEDIES = {"locked": ": only the relay role works. To open it, run 'whisperctl store unlock'",
             "new": ": only the relay role works. To set its passphrase, run 'whisperctl store unlock'"}

#: The function of each verb.
VERBS: dict[str, Callable[..., None]] = {
    "store status": status, "store unlock": unlock, "store lock": lock, "store passphrase": change,
    "store export": export, "store import": take_in, "store wipe": wipe,
}

"""What completes each parameter of whisperctl: names that the daemon is asked for, and paths.

A daemon that cannot be asked, or not quickly, knows no names: nothing is offered then, and nothing is said.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click
from click.shell_completion import CompletionItem

from whisperd.cli.caller import Caller
from whisperd.control.commands import Command, Param

Items = list["CompletionItem[str]"]
#: What click calls to complete a parameter.
Completer = Callable[[click.Context, click.Parameter, str], Items]

#: Seconds that the daemon may take to be asked for names.
PATIENCE = 0.8
#: Names that a shell leaves as they are.
_PLAIN = re.compile(r"[\w.-]+", re.ASCII)


def completer(command: Command, param: Param) -> Completer | None:
    """Return what completes a parameter of whisperctl; None leaves it to click, which knows choices and options."""
    if not param.conversation:
        return _completer(param)
    behind = next((other for other in command.params if not other.option and other is not param), None)
    following = _completer(behind) if param.implied and behind is not None else None

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> Items:
        """Conversations; where they may be left out and none begins so, what stands behind them."""
        return chats(context, parameter, incomplete) or (
            following(context, parameter, incomplete) if following is not None else [])

    return complete


def _completer(param: Param) -> Completer | None:
    if param.contact:
        return contacts
    return {"path": paths, "file": files}.get(param.completes)


def paths(context: click.Context, parameter: click.Parameter, incomplete: str) -> Items:
    """Return what has the shell complete a path itself."""
    return [CompletionItem(incomplete, type="file")]


def chats(context: click.Context, parameter: click.Parameter, incomplete: str) -> Items:
    """Return the ids of conversations, and the names of the contacts that they are held with."""
    with _patience():
        rows = _caller(context).call("chat.list", PATIENCE)
        return [*_items(((row["chat"], row.get("contact") or row["state"]) for row in rows), incomplete),
                *_items(((row.get("contact") or "", row["chat"]) for row in rows), incomplete)]
    return []


def contacts(context: click.Context, parameter: click.Parameter, incomplete: str) -> Items:
    """Return the names of contacts."""
    with _patience():
        rows = _caller(context).call("contact.list", PATIENCE)
        return _items(((row["contact"] or "", row["state"]) for row in rows), incomplete)
    return []


def files(context: click.Context, parameter: click.Parameter, incomplete: str) -> Items:
    """Return the ids of the files of the conversation that stands before them, or of all."""
    with _patience():
        chat = context.params.get("chat") or ""
        rows = _caller(context).call("chat.files", PATIENCE, **({"chat": chat} if chat else {}))
        return _items(((row["file"], row["filename"]) for row in rows), incomplete)
    return []


def _caller(context: click.Context) -> Caller:
    caller = context.find_root().obj
    assert isinstance(caller, Caller)
    return caller


def _items(found: Iterator[tuple[str, str]], incomplete: str) -> Items:
    """Return the names that begin as what was typed does, each once, with a word about each."""
    names: dict[str, str] = {}
    for name, about in found:
        if _PLAIN.fullmatch(name) and name.startswith(incomplete):
            names.setdefault(name, about)
    return [CompletionItem(name, help=_one_line(about)) for name, about in names.items()]


def _one_line(text: str) -> str:
    from whisperd.cli.render import clean

    return clean(text)


@contextmanager
def _patience() -> Iterator[None]:
    """Give up silently what the daemon does not answer in time, be it that it never accepts the connection."""

    def over(number: int, frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        yield
    except Exception:  # noqa: S110 - a daemon that cannot be asked knows no names
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

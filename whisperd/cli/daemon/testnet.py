"""The command ``whisperd testnet``: a private Tor network on this machine, for rehearsals and tests."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from whisperd.cli.options import Valued
from whisperd.config.paths import typed_path
from whisperd.errors import Interrupted, WhisperdError

if TYPE_CHECKING:
    from rich.progress import Progress
    from twisted.internet.defer import Deferred
    from twisted.python.failure import Failure

    from whisperd.timers import Clock

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_directory = click.option("--dir", "directory", cls=Valued, required=True, metavar="DIR",
                          type=click.Path(path_type=Path, file_okay=False), help="Folder of the network.")
_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group()
def testnet() -> None:
    """Run a private Tor network on loopback: no internet, real tor processes."""


@testnet.command()
@_directory
@click.option("--clients", cls=Valued, type=click.IntRange(1, 32), default=3, show_default=True, metavar="N",
              help="Number of tor clients, each with its own control socket and SOCKS socket.")
@click.option("--foreground", is_flag=True, help="Stay in the foreground until Ctrl-C, then take the network down.")
@_as_json
def up(directory: Path, clients: int, foreground: bool, as_json: bool) -> None:
    """Start the network and wait until every client has bootstrapped; leave it running."""
    from whisperd.tor.testnet import Testnet

    place = typed_path(directory)

    async def start_and_show(reactor: Clock, stop: Deferred[None]) -> None:
        with _Progress() as show:
            network = await Testnet.up(place, reactor=reactor, clients=clients, progress=show, detached=not foreground)
        _show(place, as_json)
        if foreground:
            await _stay(stop)
            await network.down()

    _run(start_and_show)


@testnet.command()
@_directory
@_as_json
def status(directory: Path, as_json: bool) -> None:
    """Show the processes of the network, and where its clients' sockets are."""
    _show(typed_path(directory), as_json)


@testnet.command()
@_directory
@_as_json
def down(directory: Path, as_json: bool) -> None:
    """End every process of the network and remove its files."""
    from whisperd.tor.testnet import down

    place = typed_path(directory)
    down(place)
    print(json.dumps({"state": "down", "directory": str(place)}) if as_json else "down")


def _show(directory: Path, as_json: bool) -> None:
    import msgspec

    from whisperd.tor.testnet import status

    seen = status(directory)
    if as_json:
        nodes = msgspec.to_builtins(seen.nodes)
        shown = {**msgspec.to_builtins(seen), "clients": [node for node in nodes if node["role"] == "client"]}
        print(json.dumps(shown), flush=True)
        return
    print(f"{seen.state}: {directory}")
    print(f"tor.network = {json.dumps(seen.network_file)}")
    for node in seen.nodes:
        alive = f"pid {node.pid}, {node.percent}%" if node.alive else "not running"
        print(f"{node.name:<12} {alive:<18} {node.control}  {node.socks}".rstrip(), flush=True)


async def _stay(stop: Deferred[None]) -> None:
    """Wait for the signal that ends a network in the foreground."""
    from twisted.internet.defer import CancelledError

    try:
        await stop
    except CancelledError:
        return


def _run(work: Callable[[Clock, Deferred[None]], Coroutine[Any, Any, None]]) -> None:
    """Run ``work(reactor, stop)`` under the reactor; a signal cancels what it waits for.

    Raises what ``work`` raises, and Interrupted when a signal ended it.
    """
    from twisted.internet import reactor
    from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
    from twisted.python.failure import Failure

    results: list[Any] = []
    loop: Any = reactor

    def begin() -> None:
        working = ensureDeferred(work(reactor, Deferred()))
        for number in _SIGNALS:
            signal.signal(number, lambda *_: loop.callFromThread(working.cancel))
        working.addBoth(results.append)
        working.addBoth(lambda _: loop.stop())

    loop.callWhenRunning(begin)
    loop.run()
    if results and isinstance(results[0], Failure):
        if isinstance(results[0].value, CancelledError):
            raise Interrupted("the start was interrupted, and everything was removed again")
        _raise(results[0])


def _raise(failure: Failure) -> None:
    if isinstance(failure.value, WhisperdError):
        raise failure.value
    failure.raiseException()


class _Progress:
    """Shows how far the network is on stderr: a bar on a terminal, plain lines otherwise."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._last = ""

    def __enter__(self) -> _Progress:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            self._bar = Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(),
                                 console=Console(stderr=True), transient=True)
            self._bar.add_task("Starting", total=100)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, percent: int, summary: str) -> None:
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=percent, description=summary)
        elif summary != self._last:
            self._last = summary
            print(f"{percent:3}% {summary}", file=sys.stderr, flush=True)

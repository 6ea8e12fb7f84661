"""What ``whisperd --invite`` shows: tor's bootstrap as a bar, then the address and a first invite with its QR code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from twisted.internet.defer import ensureDeferred
from twisted.python.failure import Failure

from whisperd import logs
from whisperd.daemon import Daemon
from whisperd.errors import WhisperdError
from whisperd.timers import Clock, OneShot

#: Seconds without progress after which the reader is told that the network seems out of reach.
PATIENCE = 45.0


class Welcome:
    """Follows the daemon's events on the terminal until the first invite is shown."""

    def __init__(self, daemon: Daemon, reactor: Clock) -> None:
        self._daemon = daemon
        self._console = Console(stderr=False, highlight=False)
        self._progress: Progress | None = None
        self._percent = -1
        self._impatience = OneShot(reactor, self._lose_patience)
        self._unsubscribe: Callable[[], None] | None = None
        self._invited = False

    def start(self) -> None:
        """Say what listens already, and follow tor."""
        relay = self._daemon.relay
        if relay is not None:
            self._console.print(f"relay listens on {', '.join(relay.addresses)}")
        self._unsubscribe = self._daemon.bus.subscribe(self._event)
        if self._daemon.tor is None:
            self._console.print("tor is switched off (tor.mode): there is no onion address, and invites work only on "
                                "this machine")
            self._invite_soon()
            return
        self._begin_bar()
        self._reset_patience()

    def stop(self) -> None:
        """Leave the terminal as it was."""
        self._end_bar()
        self._impatience.cancel()
        if self._unsubscribe is not None:
            self._unsubscribe()

    def _event(self, event: dict[str, Any]) -> None:
        if event["event"] == "tor-state":
            self._tor_moved(event.get("percent", 0), event.get("summary", ""))
        elif event["event"] == "onion-state" and event["state"] == "up" and not self._invited:
            self._end_bar()
            self._console.print(f"onion address {event['address']}")
            self._invite_soon()

    def _tor_moved(self, percent: int, summary: str) -> None:
        if percent == self._percent:
            return
        self._percent = percent
        self._reset_patience()
        if self._progress is not None:
            self._progress.update(self._task, completed=percent, description=f"tor: {summary}"[:60])
            self._progress.refresh()
        elif not sys.stdout.isatty():
            self._console.print(f"tor: {percent} % {summary}")

    def _begin_bar(self) -> None:
        if not sys.stdout.isatty():
            return
        columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %")
        self._progress = Progress(*columns, console=self._console, auto_refresh=False, transient=True)
        self._task = self._progress.add_task("tor: starting", total=100)
        self._progress.start()

    def _end_bar(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _reset_patience(self) -> None:
        if not self._invited:
            self._impatience.start(PATIENCE)

    def _lose_patience(self) -> None:
        self._end_bar()
        self._console.print(self._cause(), style="bold", markup=False)
        if self._daemon.relay is not None:
            self._console.print(f"whisperd still serves this machine ({', '.join(self._daemon.relay.addresses)}),")
        self._console.print("and continues to try. To see everything work without internet: make demo (or: whisperd "
                            "demo)")

    def _cause(self) -> str:
        error = self._daemon.tor.status()["error"] if self._daemon.tor is not None else None
        if error:
            return f"{error['message']}. {error['remedy']}"
        return f"tor is at {max(self._percent, 0)} %: it cannot reach the Tor network from here."

    def _invite_soon(self) -> None:
        self._invited = True
        self._impatience.cancel()
        ensureDeferred(self._show_invite()).addErrback(_report)

    async def _show_invite(self) -> None:
        if self._daemon.peer is None:
            return
        try:
            invite = await self._daemon.api.chats.invite()
        except WhisperdError as error:
            self._console.print(f"no invite yet: {error.message}. {error.remedy}")
            return
        except Exception as error:
            logs.unexpected(error)
            return
        from whisperd.cli.render import qr_text

        link = invite.link or ""
        self._console.print("\nGive this link to one person. It works once, and expires in one hour:\n")
        self._console.print(link, soft_wrap=True, markup=False)
        self._console.print(f"\n{qr_text(link, encoding=sys.stdout.encoding)}", markup=False)
        self._console.print(f"To talk, run: whisperctl chat open {invite.chat}")


def _report(failure: Failure) -> None:
    logs.unexpected(failure.value or WhisperdError())

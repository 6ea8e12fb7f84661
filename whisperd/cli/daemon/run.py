"""Running the daemon in the foreground: the reactor, signals, and what is shown while tor starts."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.interfaces import IReactorCore

from whisperd import logs
from whisperd.cli import signals
from whisperd.cli.daemon.startup_progress import Welcome
from whisperd.cli.daemon.unlock import store_at_start
from whisperd.config import Config
from whisperd.config.lines import located
from whisperd.confine import Confinement, confine
from whisperd.daemon import Daemon
from whisperd.errors import WhisperdError
from whisperd.errors.system import as_whisperd_error
from whisperd.notify import ServiceManager
from whisperd.reactor import install
from whisperd.standard_streams import take_over
from whisperd.stopping import every
from whisperd.tor.process.socket_folder import remove_all

if TYPE_CHECKING:
    from whisperd.store.sealed import SealedStore


class Runner:
    """One run of one daemon under one reactor; ``status`` is what the process exits with."""

    def __init__(self, config: Config, reactor: Any, confinement: Confinement, welcome: bool,
                 store: SealedStore | None = None) -> None:
        self.status = 0
        self._started = self._hung_up_early = False
        self._terminal = sys.stdin is not None and sys.stdin.isatty()
        self._reactor = reactor
        self._daemon = Daemon(config, reactor=reactor, confinement=confinement, store=store)
        self._welcome = Welcome(self._daemon, reactor) if welcome else None
        self._manager = ServiceManager(self._daemon, os.environ)

    def run(self) -> int:
        """Run until a signal or ``whisperctl stop``; return the exit status."""
        self._reactor.addSystemEventTrigger("before", "shutdown", self._shutdown)
        signal.signal(signal.SIGHUP, lambda *_: self._reactor.callFromThread(self._hung_up))
        signal.signal(signal.SIGQUIT, lambda *_: self._reactor.callFromThread(self._leave))
        signals.release()
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # or a line to the terminal of others could stop the process
        self._reactor.callWhenRunning(lambda: ensureDeferred(self._start()))
        try:
            self._reactor.run()
        finally:
            remove_all()
        return self.status

    async def _start(self) -> None:
        try:
            with located(self._daemon.config.source):
                await self._daemon.start()
            self._started = True
            if self._hung_up_early:
                await self._reload()
        except WhisperdError as error:
            self._fail(error)
        except BaseException as error:  # whatever it is, nothing may live on that does not serve
            logs.unexpected(error)
            self._fail(as_whisperd_error(error) or WhisperdError())
        else:
            await every(self._manager.started, *([self._welcome.start] if self._welcome else []))

    def _hung_up(self) -> None:
        """A terminal that goes away ends what runs on it; a daemon without one reads its configuration again."""
        if self._terminal:
            self._leave()
        elif not self._started:
            self._hung_up_early = True
        else:
            ensureDeferred(self._reload())

    async def _reload(self) -> None:
        code = "none"
        try:
            await self._daemon.api.reload()
        except WhisperdError as error:
            code = error.code
        except Exception as error:
            logs.unexpected(error)
            code = WhisperdError.code
        logs.note("daemon-reloaded", code=code)

    def _fail(self, error: WhisperdError) -> None:
        """End this process, then say why: what is said may reach nobody."""
        self.status = error.exit_status
        self._leave()
        logs.note("daemon-failed", code=error.code)
        print(f"whisperd: {error.message}. {error.remedy}", file=sys.stderr)

    def _leave(self) -> None:
        with suppress(ReactorNotRunning):  # it is being left already
            self._reactor.stop()

    def _shutdown(self) -> Deferred[None]:
        return ensureDeferred(every(
            *([self._welcome.stop] if self._welcome else []), lambda: logs.note("daemon-stopping"),
            self._manager.stopping, self._daemon.stop))


def _log_level(config: Config, show_invite: bool) -> str:
    """Keep the log out of the way of what is shown on the same terminal, unless it was asked for."""
    on_terminal = sys.stderr is not None and sys.stderr.isatty()
    return "warning" if show_invite and on_terminal and config.log.level == "info" else config.log.level


def run_daemon(config: Config, *, show_invite: bool, passphrase_fd: int | None = None) -> int:
    """Run a daemon with this configuration until it is told to stop; return the exit status.

    Raises, before anything runs, ConfigError and what ``store_at_start`` raises.
    """
    with located(config.source):
        confinement = confine(config)
    journal = config.log.journal or logs.goes_to_journal(os.environ)
    logs.configure(level=_log_level(config, show_invite), journal=journal)
    logs.adopt_twisted()
    store = store_at_start(config, passphrase_fd)
    take_over(logs.lost)
    logs.adopt_python()
    install()
    from twisted.internet import reactor

    assert IReactorCore.providedBy(reactor)
    with located(config.source):
        runner = Runner(config, reactor, confinement, show_invite, store)
    return runner.run()

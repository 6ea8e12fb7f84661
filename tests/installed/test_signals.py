"""Signals that a daemon gets, at any moment: none ends it but those that are to."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.installed.kit import Company, Daemon, until
from whisperd.cli.signals import HARMLESS
from whisperd.tor.testnet.ports import free_ports

#: Modules that a start imports, the first of them before anything is known of the command line.
MODULES = ("whisperd.errors", "click", "whisperd.config", "whisperd.cli.daemon.run", "twisted.internet.epollreactor")
EARLY = ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM")
PROGRAM = """
import importlib.abc, os, signal, sys
class Quick(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            for number in {numbers}:
                os.kill(os.getpid(), number)
for number in {numbers}:
    signal.signal(number, signal.SIG_DFL)  # nohup, or whoever runs the tests, may have it ignored
sys.meta_path.insert(0, Quick())
from whisperd.cli.entry_points import whisperd
sys.exit(whisperd())
"""


def relay(company: Company, **how: object) -> Daemon:
    listener = f"tcp:{free_ports(1)[0]}:interface=127.0.0.1"
    return company.daemon("relay", f'[relay]\nlisten = ["{listener}"]\n[peer]\nenabled = false\n', **how)


@pytest.mark.parametrize("module", MODULES)
def test_a_signal_during_the_start_does_not_end_it(company: Company, module: str) -> None:
    numbers = [int(getattr(signal, name)) for name in EARLY]
    script = Path(company.folder / "quick.py")
    script.write_text(PROGRAM.format(module=module, numbers=numbers))
    script.chmod(0o644)
    daemon = relay(company, program=[company.programs.python, str(script)])
    daemon.start()
    daemon.wait(lambda: daemon.written().count("daemon-reloaded") == 1)
    assert "unexpected" not in daemon.written()
    assert daemon.stop() == 0


def test_what_means_nothing_does_nothing_to_a_daemon_that_serves(company: Company) -> None:
    daemon = relay(company)
    daemon.start()
    for number in HARMLESS:
        os.kill(daemon.pid, number)
    os.kill(daemon.pid, signal.SIGHUP)
    daemon.wait(lambda: "daemon-reloaded" in daemon.written())
    assert daemon.call("status")["pid"] == daemon.pid and "unexpected" not in daemon.written()
    assert daemon.stop() == 0


def test_sigquit_stops_it_as_sigterm_does(company: Company) -> None:
    daemon = relay(company)
    daemon.start()
    os.kill(daemon.pid, signal.SIGQUIT)
    assert daemon.ended() == 0
    until(lambda: not os.path.exists(daemon.socket))
    assert "daemon-stopping" in daemon.written()


@pytest.mark.parametrize("name", ["SIGHUP", "SIGUSR1"])
def test_another_command_is_ended_by_what_ends_any_program(company: Company, name: str) -> None:
    number = getattr(signal, name)
    script = Path(company.folder / "quick.py")
    script.write_text(PROGRAM.format(module="whisperd.cli.verbs.config", numbers=[int(number)]))
    script.chmod(0o644)
    daemon = relay(company)
    done = daemon.run([company.programs.python, str(script), "--config", str(daemon.path), "config", "check"])
    assert done.returncode == -number

"""Examines everything between this machine and a reachable onion service, in the order in which one needs the other.

Every examination that fails says the cause and the one thing that mends it; what rests on it is left out, since it
could only fail for the same cause. Nothing is changed anywhere. [whisperctl(1), DOCTOR]
"""

from __future__ import annotations

import calendar
import re
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whisperd.config import Config
from whisperd.errors import (
    HostnameUnusable,
    OnionNotPublished,
    OnionUnreachable,
    TorNotBootstrapped,
    TorNotInstalled,
    TorUnavailable,
    WhisperdError,
)
from whisperd.tor.control.attach import attach, socks_of
from whisperd.tor.control.bootstrap import phase_of
from whisperd.tor.control.control_port import TorControl
from whisperd.tor.dial.dialer import Dialer
from whisperd.tor.dial.socks_probe import find_socks, knock
from whisperd.tor.event_loop import TorReactor
from whisperd.tor.onion.hostname_file import read_hostname
from whisperd.tor.process.transports import bridge_lines

#: The oldest tor that is known to do all that is asked of it.
OLDEST = (0, 4, 8)
#: Seconds that the clock may differ from the network's consensus: it lives three hours.
MAX_SKEW = 3 * 3600
_MODULE = re.compile(r"^(\w+): (yes|no)$", re.MULTILINE)
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True)
class Finding:
    """What one examination found: ``state`` is ``ok``, ``failed`` or ``skipped``; ``detail`` what was seen."""

    name: str
    state: str
    detail: str
    code: str = ""
    remedy: str = ""

    @classmethod
    def failed(cls, name: str, error: WhisperdError) -> Finding:
        """Return what an examination found that ended with ``error``."""
        return cls(name, "failed", error.message, error.code, error.remedy)


#: Every examination, in order.
NAMES = ("daemon", "program", "control", "socks", "bootstrap", "clock", "descriptor", "reachable")


async def examine(config: Config, status: dict[str, Any] | None, *, reactor: TorReactor) -> AsyncIterator[Finding]:
    """Yield a Finding for each of NAMES. ``status`` is what the running daemon says of itself, None without one."""
    yield _daemon(status)
    if config.tor.mode == "off":
        for name in NAMES[1:]:
            yield Finding(name, "skipped", "tor.mode is 'off'")
        return
    yield (program := _program(config))
    if config.tor.mode == "launch":
        findings = _launched(status, program.state == "ok")
    elif config.tor.mode == "managed":
        findings = await _managed(config, reactor)
    else:
        findings = await _attached(config, reactor)
    for finding in findings:
        yield finding
    descriptor = _descriptor(config, status)
    yield descriptor
    yield await _reachable(config, status, findings, descriptor.state == "ok", reactor)


def _daemon(status: dict[str, Any] | None) -> Finding:
    if status is None:
        return Finding("daemon", "failed", "no daemon answers on the control socket", "daemon-unreachable",
                       "Start it with 'whisperd', or name its socket with --socket.")
    found = f"whisperd {status['version']}, process {status['pid']}"
    trouble = status.get("store", {}).get("trouble")
    if trouble:
        return Finding("daemon", "failed", f"{found}; its store cannot be written: {trouble['message']}",
                       trouble["code"], trouble["remedy"])
    return Finding("daemon", "ok", found)


def _program(config: Config) -> Finding:
    path = shutil.which(config.tor.binary)
    if path is None:
        if config.tor.mode != "launch":
            return Finding("program", "skipped", "no tor in PATH here; one that runs is used")
        return Finding.failed("program", TorNotInstalled(f"the program '{config.tor.binary}' was not found in PATH"))
    found = _VERSION.search(_said_by(path, "--version"))
    if found is None:
        return Finding("program", "failed", f"{path} does not say which tor it is", "tor-not-installed",
                       "Name the tor program in tor.binary.")
    if tuple(map(int, found.groups())) < OLDEST:
        return _too_old("program", f"{path} is tor {found[0]}")
    if config.tor.mode == "launch":
        try:
            bridge_lines(config.tor.bridges)
        except WhisperdError as error:
            return Finding.failed("program", error)
    modules = [name for name, state in _MODULE.findall(_said_by(path, "--list-modules")) if state == "yes"]
    return Finding("program", "ok", f"{path} is tor {found[0]} with {', '.join(modules) or 'no modules'}")


def _said_by(*command: str) -> str:
    """Return what a program prints, nothing when it cannot be run."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _too_old(name: str, what: str) -> Finding:
    return Finding(name, "failed", f"{what}, which is too old", "tor-not-installed",
                   f"Update tor to {'.'.join(map(str, OLDEST))} or later.")


def _launched(status: dict[str, Any] | None, installed: bool) -> list[Finding]:
    """Judge a tor of the daemon's own, whose control socket only the daemon knows, by what the daemon says."""
    if status is None or not installed:
        return _skip(("control", "socks", "bootstrap", "clock"), "it is the daemon that launches tor")
    tor = status["tor"]
    error = tor["error"]
    if tor["state"] == "up":  # an error is the onion service's then
        detail = f"tor {tor['version']}, launched by the daemon"
        return [*(Finding(name, "ok", detail) for name in NAMES[2:5]),
                Finding("clock", "ok", "good enough for tor to take the network's consensus")]
    if error:
        failed = Finding("control" if tor["state"] in ("starting", "lost") else "bootstrap", "failed",
                         error["message"], error["code"], error["remedy"])
        others = _skip(tuple(name for name in NAMES[2:6] if name != failed.name), "tor is not up")
        return sorted([failed, *others], key=lambda finding: NAMES.index(finding.name))
    return [Finding("control", "ok", "launched by the daemon"), Finding("socks", "ok", "launched by the daemon"),
            Finding.failed("bootstrap", TorNotBootstrapped(f"tor stands at {tor['percent']} %: {tor['summary']}")),
            *_skip(("clock",), "tor is not up")]


async def _attached(config: Config, reactor: TorReactor) -> list[Finding]:
    try:
        control = await attach(config.tor.control, reactor=reactor, password=config.tor.password)
    except WhisperdError as error:
        return [Finding.failed("control", error), *_skip(NAMES[3:6], "there is no control connection")]
    try:
        return [_control(control), await _socks(config, control), await _bootstrap(control), await _clock(control)]
    except WhisperdError as error:
        return [Finding.failed("control", error), *_skip(NAMES[3:6], "the control connection broke")]
    finally:
        control.abort()


async def _managed(config: Config, reactor: TorReactor) -> list[Finding]:
    """Examine what can be seen of a tor without its control port."""
    try:
        socks = Finding("socks", "ok", await find_socks(config.tor.socks, reactor=reactor))
    except WhisperdError as error:
        socks = Finding.failed("socks", error)
    return [*_skip(("control",), "torrc has the onion service, and no control port is used"), socks,
            *_skip(("bootstrap", "clock"), "only a control port tells; tor's log says it too")]


def _control(control: TorControl) -> Finding:
    version = (control.version or "").split(" ")[0]
    numbers = _VERSION.match(version)
    if numbers and tuple(map(int, numbers.groups())) < OLDEST:
        return _too_old("control", f"the tor that runs is {version}")
    return Finding("control", "ok", f"authenticated with tor {version}")


async def _socks(config: Config, control: TorControl) -> Finding:
    try:
        return Finding("socks", "ok", config.tor.socks or await socks_of(control))
    except TorUnavailable as error:
        return Finding.failed("socks", error)


async def _bootstrap(control: TorControl) -> Finding:
    phase = phase_of(await control.request("GETINFO status/bootstrap-phase"))
    if phase is None or not phase.done:
        words = f"{phase.percent} %: {phase.warning or phase.summary}" if phase else "an unknown place"
        return Finding.failed("bootstrap", TorNotBootstrapped(f"tor stands at {words}"))
    return Finding("bootstrap", "ok", "tor has circuits")


async def _clock(control: TorControl) -> Finding:
    """Compare this machine's clock with the time from which the network's consensus is valid."""
    answer = await control.request("GETINFO consensus/valid-after")
    try:
        valid = calendar.timegm(time.strptime(answer.partition("=")[2].strip(' "'), "%Y-%m-%d %H:%M:%S"))
    except ValueError:
        return Finding("clock", "skipped", "tor has no consensus to compare it with")
    skew = time.time() - valid
    if not -600 <= skew <= MAX_SKEW:
        return Finding("clock", "failed", f"the clock is {abs(skew) / 3600:.1f} h away from the network's",
                       "clock-wrong", "Set it: 'timedatectl set-ntp true'.")
    return Finding("clock", "ok", "within the consensus")


def _descriptor(config: Config, status: dict[str, Any] | None) -> Finding:
    if config.tor.mode == "managed" and config.relay.enabled and config.onion.enabled:
        return _hostname(config, status)
    if status is None or not status["roles"]["relay"] or not config.onion.enabled:
        return Finding("descriptor", "skipped", "this daemon does not publish an onion service")
    onion, error = status["tor"]["onion"], status["tor"]["error"]
    if onion["state"] != "up":
        if error and status["tor"]["state"] == "up":
            return Finding("descriptor", "failed", error["message"], error["code"], error["remedy"])
        return Finding.failed("descriptor", OnionNotPublished(f"the onion service is {onion['state']}"))
    return Finding("descriptor", "ok", f"published {onion['published_age']:.0f} s ago{_circuits(onion)}")


def _hostname(config: Config, status: dict[str, Any] | None) -> Finding:
    """Say what the daemon knows of the name; without a daemon, what this process can read of it."""
    known = status and status["tor"]["onion"]["address"]
    error = status and status["tor"]["error"]
    if error and error["code"] == HostnameUnusable.code:
        return Finding("descriptor", "failed", error["message"], error["code"], error["remedy"])
    try:
        name = known or read_hostname(Path(config.onion.hostname_file))
    except WhisperdError as reason:
        return Finding.failed("descriptor", reason)
    return Finding("descriptor", "ok", f"{name}, by its hostname file; whether it is published only tor's log says"
                                       + _circuits(status["tor"]["onion"] if status else {}))


def _circuits(onion: dict[str, Any]) -> str:
    """Say that the limits of circuits are not what they are called, where that is so."""
    return "" if onion.get("circuits", True) else "; circuits are not told apart, relay.circuit_* bounds connections"


async def _reachable(config: Config, status: dict[str, Any] | None, findings: list[Finding], published: bool,
                     reactor: TorReactor) -> Finding:
    """Dial the onion through the tor that is attached to, on a circuit of its own."""
    socks = next((finding.detail for finding in findings if finding.name == "socks" and finding.state == "ok"), "")
    if status is None or not published:
        return Finding("reachable", "skipped", "there is no published onion service to dial")
    if config.tor.mode == "launch" or config.onion.private:
        return _probed(config, status)
    dialer = Dialer(reactor, socks=socks or None)
    began = reactor.seconds()
    try:
        await knock(dialer, status["tor"]["onion"]["address"], config.onion.port, reactor=reactor, isolation="doctor",
                    timeout=60.0)
    except WhisperdError as error:
        return Finding.failed("reachable", error)
    return Finding("reachable", "ok", f"reached through Tor in {reactor.seconds() - began:.1f} s")


def _probed(config: Config, status: dict[str, Any]) -> Finding:
    """Say what the daemon's own probes found, where nobody else can dial."""
    error, age = status["tor"]["error"], status["tor"]["onion"].get("reached_age")
    if error and error["code"] == OnionUnreachable.code:
        return Finding("reachable", "failed", error["message"], error["code"], error["remedy"])
    if age is not None:
        return Finding("reachable", "ok", f"the daemon reached it through Tor {age} s ago")
    if config.onion.private and config.tor.mode != "launch":
        return Finding("reachable", "skipped", "a private onion service answers only to those who have a credential")
    return Finding("reachable", "skipped", "only the daemon can dial it, and has not yet done so")


def _skip(names: tuple[str, ...], why: str) -> list[Finding]:
    return [Finding(name, "skipped", why) for name in names]

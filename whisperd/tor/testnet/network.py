"""A private Tor network, brought up and taken down from a program."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, Popen

from twisted.internet.threads import deferToThread

from whisperd.errors import TestnetFailed
from whisperd.timers import Clock
from whisperd.tor.control.bootstrap import phase_in_log
from whisperd.tor.event_loop import sleep
from whisperd.tor.testnet import authority_keys, layout, state
from whisperd.tor.testnet.detached_processes import Recorded
from whisperd.tor.testnet.detached_processes import start as start_process
from whisperd.tor.testnet.layout import Node, Plan
from whisperd.tor.testnet.ports import free_ports

#: Seconds between two readings of log files.
_POLL_SECONDS = 0.05
#: How often a start is tried again with other ports when somebody else took one.
_ATTEMPTS = 3
#: A unix socket's path has at most this many bytes.
_SOCKET_PATH = 107
_CONSENSUS = "cached-microdesc-consensus"
_LISTED = re.compile(r"^r ", re.MULTILINE)
_PORT_TAKEN = "Could not bind to"
_COMPLAINT = re.compile(r"\[(?:err|warn)\] ([^\n]*)")

Progress = Callable[[int, str], object]


@dataclass(frozen=True)
class ClientNode:
    """A tor client of the network: ``control`` and ``socks`` are ``unix:/path``; control wants the cookie."""

    control: str
    socks: str
    pid: int


class Testnet:
    """Three authorities, four relays and some clients, all on loopback.

    Its processes end with this one, unless ``detached`` was asked for.
    """

    __test__ = False

    def __init__(self, directory: Path, record: state.State, reactor: Clock, progress: Progress) -> None:
        self.directory = directory
        self.network_file = directory / state.NETWORK_FILE
        self._record = record
        self._reactor = reactor
        self._progress = progress
        self._running: dict[str, Popen[bytes]] = {}

    @classmethod
    async def up(cls, directory: Path | str | None = None, *, reactor: Clock, clients: int = 3,
                 progress: Progress | None = None, detached: bool = False, timeout: float = 120) -> Testnet:
        """Start a network in ``directory`` (None: a temporary folder) and return it when every client has
        bootstrapped; ``progress(percent, summary)`` is told on the way.

        Whatever goes wrong, cancellation included, nothing is left behind. Raises TestnetFailed, TorNotInstalled.
        """
        tor = authority_keys.program("tor")
        folder = Path(directory).absolute() if directory else Path(tempfile.mkdtemp(prefix="whisperd-testnet-"))
        record = state.claim(folder)
        record.made_folder = record.made_folder or directory is None
        network = cls(folder, record, reactor, progress or _silence)
        try:
            await network._try_to_start(tor, clients, detached, timeout)
        except BaseException:
            await network.down()
            raise
        return network

    @property
    def clients(self) -> list[ClientNode]:
        """The tor clients, in order."""
        return [ClientNode(node.control, node.socks, node.process.pid) for node in self._record.nodes
                if node.role == "client" and node.process]

    async def down(self) -> None:
        """End every process of the network and remove its files; returns when all is gone."""
        if (self.directory / state.STATE_FILE).exists():
            await deferToThread(state.down, self.directory)

    async def _try_to_start(self, tor: str, clients: int, detached: bool, timeout: float) -> None:
        end = self._reactor.seconds() + timeout
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._start(tor, clients, detached, end, layout.UPLOAD_TIME * attempt)
            except _TryAgain as reason:
                if attempt == _ATTEMPTS:
                    raise TestnetFailed(f"the private Tor network did not start: {reason}") from None
                await deferToThread(state.clear, self.directory)

    async def _start(self, tor: str, clients: int, detached: bool, end: float, upload_time: int) -> None:
        owner = 0 if detached else os.getpid()
        plan = layout.plan(self.directory / state.NODES, clients, free_ports(layout.ports_needed()), owner)
        self._prepare(plan)
        self._progress(0, "Making the authorities' keys")
        authorities = await self._make_keys(tor, plan, end)
        self._write(plan, authorities, upload_time)
        self._progress(10, "Starting authorities and relays")
        self._launch(tor, plan.servers)
        await self._until(lambda: self._has_consensus(plan), end, "the authorities agreed on no consensus")
        self._check_complete(plan)
        self._progress(30, "Waiting for the relays")
        # A client that asks a relay for descriptors before the relay has them waits ten seconds to ask again.
        await self._until(lambda: self._serves(plan), end, "the relays did not reach the authorities")
        self._progress(45, "Starting clients")
        self._launch(tor, plan.clients)
        await self._until(lambda: self._bootstrapped(plan), end, "not every client reached the network")
        self._progress(100, "Done")

    def _prepare(self, plan: Plan) -> None:
        for node in plan.nodes:
            longest = max(len(os.fsencode(path)) for path in (node.control or Path(), node.socks or Path()))
            if longest > _SOCKET_PATH:
                raise TestnetFailed(f"the path {self.directory} is too long for the sockets in it",
                                    remedy="Choose a shorter folder with --dir.")
            node.folder.mkdir(mode=0o700)
        self._running.clear()
        self._record.nodes = state.describe(plan)
        state.save(self.directory, self._record)

    async def _make_keys(self, tor: str, plan: Plan, end: float) -> list[layout.Authority]:
        jobs = []
        for process, recorded in authority_keys.start_jobs(tor, plan):
            jobs.append(process)
            self._record.helpers.append(recorded)
        state.save(self.directory, self._record)
        await self._until(lambda: all(job.poll() is not None for job in jobs), end, "no keys were made")
        self._record.helpers = []
        return [authority_keys.authority(node) for node in plan.authorities]

    def _write(self, plan: Plan, authorities: list[layout.Authority], upload_time: int) -> None:
        vote = layout.Vote(time.time(), upload_time)
        _write_lines(plan.resolver, ["nameserver 127.0.0.1"])
        _write_lines(plan.bandwidths, layout.bandwidth_lines(map(authority_keys.fingerprint, plan.servers), vote.start))
        _write_lines(self.network_file, layout.network_lines(authorities))
        for node in plan.nodes:
            _write_lines(node.torrc, layout.node_lines(plan, node, authorities, vote))

    def _launch(self, tor: str, nodes: tuple[Node, ...]) -> None:
        by_name = {node.name: node for node in self._record.nodes}
        for node in nodes:
            process, recorded = _start_tor(tor, node)
            self._running[node.name] = process
            by_name[node.name].process = recorded
            state.save(self.directory, self._record)

    def _has_consensus(self, plan: Plan) -> bool:
        return all((node.folder / _CONSENSUS).exists() for node in plan.authorities)

    def _check_complete(self, plan: Plan) -> None:
        """Start again when a relay missed the vote: the next one is minutes away."""
        for node in plan.authorities:
            if len(_LISTED.findall((node.folder / _CONSENSUS).read_text())) < len(plan.servers):
                raise _TryAgain("the relays missed the vote")

    def _serves(self, plan: Plan) -> bool:
        return all((node.folder / "cached-microdescs.new").exists() for node in plan.servers)

    def _bootstrapped(self, plan: Plan) -> bool:
        phases = [phase_in_log(node.log) for node in plan.clients]
        slowest = min((phase for phase in phases if phase), key=lambda phase: phase.percent, default=None)
        if slowest and None not in phases:
            self._progress(50 + min(slowest.percent, 98) // 2, slowest.summary)
        return all(phase is not None and phase.done for phase in phases)

    async def _until(self, reached: Callable[[], bool], end: float, otherwise: str) -> None:
        while not reached():
            self._check_alive()
            if self._reactor.seconds() > end:
                raise TestnetFailed(f"the private Tor network did not start in time: {otherwise}")
            await sleep(_POLL_SECONDS, self._reactor)

    def _check_alive(self) -> None:
        for name, process in self._running.items():
            if process.poll() is None:
                continue
            folder = self.directory / state.NODES / name
            text = "".join(path.read_text(errors="replace") for path in (folder / "log", folder / "output")
                           if path.exists())
            if _PORT_TAKEN in text:
                raise _TryAgain("other programs keep taking the ports")
            complaints = _COMPLAINT.findall(text) or ["it gave no reason"]
            raise TestnetFailed(f"the tor process of {name} ended with status {process.returncode}: "
                                + "; ".join(complaints[-2:]))


class _TryAgain(Exception):
    """A start that failed by bad luck: a port was taken between choice and use, or a relay was too slow."""


def _start_tor(tor: str, node: Node) -> tuple[Popen[bytes], Recorded]:
    # What tor says before it has read where its log is stands in "output".
    with (node.folder / "output").open("wb") as output:
        return start_process([tor, "-f", str(node.torrc), "--defaults-torrc", "/dev/null"],
                             stdin=DEVNULL, stdout=output, stderr=output)


def _write_lines(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n")


def _silence(percent: int, summary: str) -> None:
    """Progress that nobody wants to see."""

"""What another process has to know to see and to end a private network: the state file in the network's folder."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import msgspec

from whisperd.errors import TestnetFailed
from whisperd.tor.control.bootstrap import Phase, phase_in_log
from whisperd.tor.testnet import detached_processes
from whisperd.tor.testnet.layout import Plan

STATE_FILE = "testnet.json"
NETWORK_FILE = "network.torrc"
#: The folder below the given one that holds everything else; making it claims the folder.
NODES = "nodes"


class NodeState(msgspec.Struct):
    """One tor process as the state file has it."""

    name: str
    role: str
    folder: str
    control: str
    socks: str
    process: detached_processes.Recorded | None = None


class State(msgspec.Struct):
    """The state file: format 1. ``made_folder`` tells whether the folder itself was made, and is to be removed."""

    format: int
    made_folder: bool
    nodes: list[NodeState]
    helpers: list[detached_processes.Recorded] = []


class NodeStatus(msgspec.Struct):
    """What ``status`` shows of a node: bootstrap in percent and tor's own words for where it stands."""

    name: str
    role: str
    pid: int | None
    alive: bool
    percent: int
    summary: str
    control: str
    socks: str


class Status(msgspec.Struct):
    """A private network seen from outside: ``state`` is ``up``, ``starting`` or ``broken``."""

    state: str
    directory: str
    network_file: str
    nodes: list[NodeStatus]


def claim(directory: Path) -> State:
    """Take ``directory`` for a new network (mode 0700) and return its state, written down.

    Raises TestnetFailed when there is one already, or the folder cannot be had.
    """
    try:
        made = _make(directory)
        (directory / NODES).mkdir(mode=0o700)
    except FileExistsError:
        raise TestnetFailed(f"there already is a private network in {directory}", remedy=_down(directory)) from None
    except OSError as error:
        raise TestnetFailed(f"{directory} cannot be used: {error.strerror}",
                            remedy="Choose another folder with --dir.") from None
    state = State(format=1, made_folder=made, nodes=[])
    save(directory, state)
    return state


def _make(directory: Path) -> bool:
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        if not directory.is_dir():
            raise TestnetFailed(f"{directory} is not a folder", remedy="Choose another folder with --dir.") from None
        return False
    return True


def describe(plan: Plan) -> list[NodeState]:
    """Return the plan's nodes as they are written down before their processes exist."""
    return [NodeState(node.name, node.role, str(node.folder), _address(node.control), _address(node.socks))
            for node in plan.nodes]


def save(directory: Path, state: State) -> None:
    """Write the state file, mode 0600, as a whole or not at all."""
    draft = directory / f"{STATE_FILE}.new"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(msgspec.json.format(msgspec.json.encode(state)) + b"\n")
    draft.replace(directory / STATE_FILE)


def load(directory: Path) -> State:
    """Read the state file; raises TestnetFailed when there is none or it is damaged."""
    try:
        return msgspec.json.decode((directory / STATE_FILE).read_bytes(), type=State)
    except OSError:
        raise TestnetFailed(f"there is no private network in {directory}",
                            remedy=f"To start one, run 'whisperd testnet up --dir {directory}'.") from None
    except msgspec.DecodeError as error:
        raise TestnetFailed(f"{directory / STATE_FILE} is damaged: {error}",
                            remedy="End the tor processes of that folder by hand, and delete the folder.") from None


def down(directory: Path) -> None:
    """End every process of the network and remove what ``up`` made, nothing else; returns when all is gone."""
    state = load(directory)
    _stop(state)
    remove(directory, state)


def clear(directory: Path) -> None:
    """End the processes and empty the nodes' folder for another start in the same folder."""
    state = load(directory)
    _stop(state)
    shutil.rmtree(directory / NODES)
    (directory / NODES).mkdir(mode=0o700)


def _stop(state: State) -> None:
    detached_processes.stop([*state.helpers, *(node.process for node in state.nodes if node.process)])


def remove(directory: Path, state: State) -> None:
    """Remove the network's files, and the folder if the network made it and nobody else put anything in."""
    shutil.rmtree(directory / NODES, ignore_errors=True)
    for name in (NETWORK_FILE, f"{STATE_FILE}.new", STATE_FILE):
        (directory / name).unlink(missing_ok=True)
    if state.made_folder:
        with contextlib.suppress(OSError):
            directory.rmdir()


def status(directory: Path) -> Status:
    """Return how the network stands; raises TestnetFailed when there is none."""
    nodes = [_node_status(node) for node in load(directory).nodes]
    return Status(_overall(nodes), str(directory), str(directory / NETWORK_FILE), nodes)


def _node_status(node: NodeState) -> NodeStatus:
    phase = phase_in_log(Path(node.folder) / "log") or Phase(0, "starting", "Starting")
    running = node.process is not None and detached_processes.alive(node.process)
    return NodeStatus(node.name, node.role, node.process.pid if node.process else None, running, phase.percent,
                      phase.summary, node.control, node.socks)


def _overall(nodes: list[NodeStatus]) -> str:
    if any(node.pid is not None and not node.alive for node in nodes):
        return "broken"
    clients = [node for node in nodes if node.role == "client"]
    return "up" if nodes and all(node.alive and node.percent == 100 for node in clients) else "starting"


def _address(socket: Path | None) -> str:
    return f"unix:{socket}" if socket else ""


def _down(directory: Path) -> str:
    return f"First run 'whisperd testnet down --dir {directory}'."


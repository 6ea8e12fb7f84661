"""Relays that run on Node: ours in ``node/relay.mjs`` on ws, and peerjs-server, both installed by npm below build/."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contrib.bench.daemons import Started, free_port, running

HERE = Path(__file__).parent / "node"
FOLDER = Path("build/node")


def install() -> str | None:
    """Put the packages that ``node/package.json`` names below build/; return None, or why there are none."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        return "node and npm are not on this machine"
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "relay.mjs"):
        shutil.copy(HERE / name, FOLDER)
    done = subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=FOLDER,
                          capture_output=True, text=True)
    return None if done.returncode == 0 else f"npm could not install ws: {done.stderr.strip().splitlines()[-1:]}"


def version() -> str:
    """Return node's version, such as ``v20.20.2``."""
    return subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()


@contextmanager
def node_relay() -> Iterator[Started]:
    """Run ``node/relay.mjs``."""
    port = free_port()
    with running(["node", str(FOLDER / "relay.mjs"), str(port)], port) as pid:
        yield Started(pid, port)


@contextmanager
def peerjs_server() -> Iterator[Started]:
    """Run peerjs-server, its output thrown away; it waits for heartbeats, which nobody here sends, until the end."""
    port = free_port()
    command = ["node", str(FOLDER / "node_modules/peer/dist/bin/peerjs.js"), "--port", str(port), "--host", "127.0.0.1",
               "--alive_timeout", "3600000"]
    with running(command, port, stdout=subprocess.DEVNULL) as pid:
        yield Started(pid, port)

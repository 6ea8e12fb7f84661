"""Keys of directory authorities, made by tor's own programs, all of them at the same time."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from whisperd.errors import TestnetFailed, TorNotInstalled
from whisperd.tor.testnet import detached_processes
from whisperd.tor.testnet.layout import Authority, Node, Plan, key_lines

_IDENTITY = re.compile(r"^fingerprint ([0-9A-F]{40})$", re.MULTILINE)

Job = tuple["subprocess.Popen[bytes]", detached_processes.Recorded]


def program(name: str) -> str:
    """Return the full path of a program in PATH; raises TorNotInstalled."""
    found = shutil.which(name)
    if not found:
        raise TorNotInstalled(f"the program '{name}' was not found in PATH")
    return found


def start_jobs(tor: str, plan: Plan) -> Iterator[Job]:
    """Start the processes that make keys: one for each server, and one more for the voting keys of an authority."""
    gencert = program("tor-gencert")
    for node in plan.authorities:
        node.keys.mkdir(mode=0o700)
        yield _start(_gencert(gencert, node), node.folder / "gencert.log")
    for node in plan.servers:
        node.torrc.write_text("\n".join(key_lines(node)) + "\n")
        yield _start([tor, "--list-fingerprint", "--quiet", "-f", str(node.torrc), "--defaults-torrc", "/dev/null"],
                     node.folder / "fingerprint.log")


def _gencert(program: str, node: Node) -> list[str]:
    keys = node.keys
    return [program, "--create-identity-key", "--passphrase-fd", "0", "-m", "12",
            "-i", str(keys / "authority_identity_key"), "-s", str(keys / "authority_signing_key"),
            "-c", str(keys / "authority_certificate"), "-a", f"127.0.0.1:{node.dir_port}"]


def _start(arguments: list[str], log: Path) -> Job:
    with log.open("wb") as output:
        process, recorded = detached_processes.start(arguments, stdin=subprocess.PIPE, stdout=output, stderr=output)
    assert process.stdin
    # The passphrase protects keys that live for minutes beside it: it only has to be there.
    process.stdin.write(b"private network\n")
    process.stdin.close()
    return process, recorded


def authority(node: Node) -> Authority:
    """Return what the finished jobs made for an authority; raises TestnetFailed when anything is missing."""
    identity = _IDENTITY.search(_text(node.keys / "authority_certificate"))
    if not identity:
        raise TestnetFailed(f"tor-gencert made no keys for {node.name}: {_last_words(node.folder / 'gencert.log')}")
    return Authority(node, fingerprint(node), identity[1])


def fingerprint(node: Node) -> str:
    """Return the fingerprint of a server's identity key, 40 hexadecimal digits; raises TestnetFailed."""
    found = _text(node.folder / "fingerprint").strip().partition(" ")[2]
    if len(found) != 40:
        raise TestnetFailed(f"tor made no keys for {node.name}: {_last_words(node.folder / 'fingerprint.log')}")
    return found


def _last_words(log: Path) -> str:
    return _text(log).strip()[-200:] or "it gave no reason"


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


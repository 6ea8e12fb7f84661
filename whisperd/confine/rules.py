"""What one configuration needs to write and to run, and nothing more."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from whisperd.config import Config
from whisperd.confine.programs import needed_to_run
from whisperd.control.audit import TO_LOG
from whisperd.control.place import SocketPlace
from whisperd.relay.listeners import socket_path
from whisperd.wire import bridge

#: Most bytes of a unix socket's path, and the longest name that a launched tor's socket has below its folder's parent.
_LONGEST = 107
_TOR_SOCKET = "tor-12345678/control"


@dataclass(frozen=True)
class Rules:
    """Folders (and devices) below which files may be made, changed and removed, and files that may be executed."""

    writable: frozenset[Path] = frozenset()
    programs: frozenset[Path] = frozenset()


def rules_for(config: Config) -> Rules:
    """Make the folders that are missing, and return the rules.

    Raises ConfigError for a control socket without a place; other folders are complained of by those who need them.
    """
    _temporary_folder()
    SocketPlace(config.control.socket, config.control.group).make_folder()
    folders = set(_folders(config))
    for folder in folders:
        with suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    programs = [path for name in _programs(config) for path in needed_to_run(name)]
    return Rules(frozenset(folders | {Path(os.devnull)}), frozenset(programs))


def _programs(config: Config) -> Iterator[str]:
    """Yield what is run: a tor, and what that tor runs for its bridges."""
    if config.tor.mode == "launch":
        yield config.tor.binary
        for transport in {bridge.parse(line).transport for line in config.tor.bridges} - {None}:
            yield from transport.programs if transport else ()


def _temporary_folder() -> list[Path]:
    """Return where temporary files go, found by writing one, which Python remembers; none where that cannot be."""
    try:
        return [Path(tempfile.gettempdir())]
    except OSError:
        return []


def _folders(config: Config) -> Iterator[Path]:
    runtime = Path(config.control.socket).absolute().parent
    yield runtime
    if config.control.audit not in ("", TO_LOG):
        yield Path(config.control.audit).absolute().parent
    if config.tor.mode == "launch":
        yield Path(config.tor.data_dir).absolute()
        if len(os.fsencode(runtime / _TOR_SOCKET)) > _LONGEST:
            yield from _temporary_folder()
    if config.tor.mode in ("launch", "attach") and config.onion.enabled and config.onion.key == "persistent":
        yield Path(config.onion.key_file).absolute().parent
    if config.peer.enabled and config.peer.downloads:
        yield Path(config.peer.downloads).absolute()
    if config.peer.enabled and config.store.kind == "sealed":
        yield Path(config.store.file).absolute().parent
    if config.relay.enabled:
        listened = map(socket_path, (*config.relay.listen, *config.relay.tls_listen))
        yield from (Path(path).absolute().parent for path in (config.relay.access_keep, *listened) if path)

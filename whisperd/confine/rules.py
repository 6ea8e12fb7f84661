"""What one configuration needs to write and to run, and nothing more."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from whisperd.config import Config, bridges
from whisperd.config.listener_path import unix_path
from whisperd.confine.programs import needed_to_run
from whisperd.control.audit import TO_LOG
from whisperd.control.socket_path import SocketPlace
from whisperd.errors import ConfigError

#: Most bytes of a unix socket's path, and the longest name that a launched tor's socket has below its folder's parent.
_MAX = 107
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
    writable = {folder for _, folder in folders(config)}
    for folder in writable:
        with suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    programs = [path for name in _programs(config) for path in needed_to_run(name)]
    return Rules(frozenset(writable | {Path(os.devnull)}), frozenset(programs))


def _programs(config: Config) -> Iterator[str]:
    """Yield what is run: a tor, and what that tor runs for its bridges."""
    if config.tor.mode == "launch":
        yield config.tor.binary
        for transport in {bridges.parse(line).transport for line in config.tor.bridges} - {None}:
            yield from transport.programs if transport else ()


def _temporary_folder() -> list[Path]:
    """Return where temporary files go, found by writing one, which Python remembers; none where that cannot be."""
    try:
        return [Path(tempfile.gettempdir())]
    except OSError:
        return []


def folders(config: Config) -> Iterator[tuple[str, Path]]:
    """Yield the folders below which this configuration writes, each with the key that decides on it."""
    runtime = Path(config.control.socket).absolute().parent
    yield "control.socket", runtime
    if config.control.audit not in ("", TO_LOG):
        yield "control.audit", Path(config.control.audit).absolute().parent
    if config.tor.mode == "launch":
        yield "tor.data_dir", Path(config.tor.data_dir).absolute()
        if len(os.fsencode(runtime / _TOR_SOCKET)) > _MAX:
            yield from (("control.socket", folder) for folder in _temporary_folder())
    if config.tor.mode in ("launch", "attach") and config.onion.enabled and config.onion.key == "persistent":
        yield "onion.key_file", Path(config.onion.key_file).absolute().parent
    if config.peer.enabled and config.peer.downloads:
        yield "peer.downloads", Path(config.peer.downloads).absolute()
    if config.peer.enabled and config.store.kind == "sealed":
        yield "store.file", Path(config.store.file).absolute().parent
    if config.relay.enabled:
        named = [("relay.access_file", config.relay.access_file),
                 *(("relay.listen", unix_path(listener)) for listener in config.relay.listen),
                 *(("relay.tls_listen", unix_path(listener)) for listener in config.relay.tls_listen)]
        yield from ((key, Path(path).absolute().parent) for key, path in named if path)


def preflight(config: Config) -> None:
    """Raise ConfigError for a folder that cannot be written, or not be made, by this user; nothing is made."""
    for key, folder in folders(config):
        there = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
        if not there.is_dir():
            why = f"{there} is not a folder"
        elif not os.access(there, os.W_OK | os.X_OK, effective_ids=True):
            why = "this user may not write to " + ("it" if there == folder else str(there))
        else:
            continue
        raise ConfigError(f"{key}: the folder {folder} cannot be used: {why}",
                          remedy="Choose another place, or create the folder and make the daemon's user its owner.")

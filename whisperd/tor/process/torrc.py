"""Lines of torrc: how values are written, and which lines of a private network's file a launched tor takes."""

from __future__ import annotations

from pathlib import Path

from whisperd.errors import ConfigError

#: Options that describe a network to join. Nothing else from tor.network reaches tor.
_NETWORK_OPTIONS = frozenset({
    "TestingTorNetwork",
    "DirAuthority",
    "AddressDisableIPv6",
    "AssumeReachable",
    "PathsNeededToBuildCircuits",
    "TestingServerDownloadInitialDelay",
    "TestingClientDownloadInitialDelay",
    "TestingServerConsensusDownloadInitialDelay",
    "TestingClientConsensusDownloadInitialDelay",
    "ClientBootstrapConsensusAuthorityDownloadInitialDelay",
    "ClientBootstrapConsensusAuthorityOnlyDownloadInitialDelay",
})


def quoted(path: Path | str) -> str:
    """Return ``path`` in quotes; raises ConfigError for the characters that tor cannot take in every place."""
    text = str(path)
    if any(character in '"\\' or not character.isprintable() for character in text):
        raise ConfigError(f"tor cannot use the path {text!r}", remedy="Choose a path without quotes and backslashes.")
    return f'"{text}"'


def unix(path: Path | str) -> str:
    """Return ``unix:"path"``, the form of a unix socket in SocksPort and ControlPort."""
    return f"unix:{quoted(path)}"


def network_lines(path: Path) -> list[str]:
    """Return the lines of a ``tor.network`` file, checked; raises ConfigError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"tor.network cannot be read: {path}: {getattr(error, 'strerror', 'not text')}",
                          remedy="Name the network file that 'whisperd testnet up' prints.") from None
    taken = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    for line in taken:
        if line.split()[0] not in _NETWORK_OPTIONS or line.endswith("\\"):
            raise ConfigError(f"tor.network must not contain the line '{line.split()[0]}'",
                              remedy="Use the file as 'whisperd testnet up' wrote it.")
    return taken

"""What the parts of a configuration that are about tor ask of this machine, checked with nothing started or made.

Whether tor can be had, and the onion service be reached, is what ``tor.doctor`` examines.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from whisperd.config import Config
from whisperd.errors import OnionKeyUnusable
from whisperd.tor.onion.hostname_file import read_hostname
from whisperd.tor.onion.key_store import PersistentKeys
from whisperd.tor.process import torrc


def check(config: Config) -> Iterator[str]:
    """Raise ConfigError, OnionKeyUnusable or HostnameUnusable for files that cannot be used; yield what cannot be seen
    before the start."""
    onion, tor = config.onion, config.tor
    if tor.mode == "launch" and tor.network:
        torrc.network_lines(Path(tor.network))
    if not (onion.enabled and config.relay.enabled):
        return
    if tor.mode == "managed":
        if os.path.lexists(onion.hostname_file):
            read_hostname(Path(onion.hostname_file))
        else:
            yield f"onion.hostname_file: {onion.hostname_file} does not exist yet; tor creates it"
    elif tor.mode != "off" and onion.key == "persistent":
        try:
            PersistentKeys(Path(onion.key_file), os.urandom).check()
        except OnionKeyUnusable as error:
            raise OnionKeyUnusable(f"onion.key_file: {error.message}", remedy=error.remedy) from None

"""A bridge into the private network that speaks obfs4, made of an ordinary tor and Debian's obfs4proxy."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from tests.tor.kit import OwnTor
from tests.waiting import eventually
from whisperd.tor.testnet import Testnet
from whisperd.tor.testnet.ports import free_ports

_CERT = re.compile(r"cert=\S+ iat-mode=\d")


class Obfs4Bridge:
    """``await start()``, then ``line`` is the one that its operator would hand out."""

    def __init__(self, reactor: Any, folder: Path, testnet: Testnet) -> None:
        program = shutil.which("obfs4proxy")
        assert program, "these tests need obfs4proxy: 'make test-setup' brings it"
        self._reactor = reactor
        self._data = folder / "data"
        self.port, or_port = free_ports(2)
        self.tor = OwnTor(reactor, folder, [
            *testnet.network_file.read_text().splitlines(), f"ControlPort unix:{folder}/control", "SocksPort 0",
            "BridgeRelay 1", "PublishServerDescriptor 0", f"ORPort 127.0.0.1:{or_port}", "Address 127.0.0.1",
            "ExtORPort auto", f"ServerTransportPlugin obfs4 exec {program}",
            f"ServerTransportListenAddr obfs4 127.0.0.1:{self.port}", "ShutdownWaitLength 0", "Nickname bridge",
            "BridgeDistribution none", "ExitRelay 0",
        ])
        self.line = ""

    async def start(self) -> Obfs4Bridge:
        """Start it, and return when it has keys and can serve a client the network's consensus."""
        await self.tor.start()
        written = self._data / "pt_state" / "obfs4_bridgeline.txt"
        files = (written, self._data / "fingerprint", self._data / "cached-microdescs.new")
        await eventually(lambda: all(file.exists() for file in files), "the bridge has no keys or no consensus")
        words = _CERT.search(written.read_text())
        fingerprint = (self._data / "fingerprint").read_text().split()[1]
        assert words, written.read_text()
        self.line = f"Bridge obfs4 127.0.0.1:{self.port} {fingerprint} {words[0]}"
        return self

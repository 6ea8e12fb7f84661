"""The three ways to have a tor are one contract, and so are its parts.

That types agree as well is seen by mypy, where the classes and those who use them meet.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.testing import MemoryReactorClock

from tests.protocols import differences
from whisperd.config import load
from whisperd.interfaces import IDialer, IDirectOnion, IDirectOnions, IOnionClients, ITor, OnionRow, TorRow
from whisperd.tor import make_tor
from whisperd.tor.control.control_port import TorControl, TorControlConnection
from whisperd.tor.dial import Dialer
from whisperd.tor.event_loop import Network
from whisperd.tor.managed import TorrcOnion
from whisperd.tor.onion.add_onion import AddOnion
from whisperd.tor.onion.publication import PublicationMethod
from whisperd.tor.onion.publish import PublisherOwner
from whisperd.tor.onion.reachability import OwnOnion
from whisperd.tor.onion.rotation import Addresses
from whisperd.tor.onion.service_dirs import ServiceFolders
from whisperd.tor.surroundings import TorSurroundings

MODES = ["launch", "attach", "managed"]


def made(mode: str) -> Any:
    reactor = MemoryReactorClock()
    config = load(None, {"tor.mode": mode, "onion.hostname_file": "/nowhere"})
    return make_tor(config, reactor=reactor, dialer=Dialer(reactor), emit=lambda *_, **__: None)


@pytest.mark.parametrize("mode", MODES)
def test_whatever_the_mode_there_is_all_of_a_tor(mode: str) -> None:
    tor = made(mode)
    assert differences(tor, ITor) == [] and differences(tor.private, IOnionClients) == []


@pytest.mark.parametrize("mode", MODES)
def test_its_status_has_one_shape(mode: str) -> None:
    status = made(mode).status()
    assert status.keys() == TorRow.__annotations__.keys() and status["onion"].keys() == OnionRow.__annotations__.keys()
    assert status["mode"] == mode and status["state"] == "off"


def test_onion_services_of_conversations_are_what_links_use() -> None:
    onions = made("attach").direct
    assert differences(onions, IDirectOnions) == []
    assert differences(onions.open(9, bytes(range(32)), lambda state: None), IDirectOnion) == []


def test_the_parts_of_tor_have_what_others_use_of_them() -> None:
    reactor, around = MemoryReactorClock(), TorSurroundings()
    settings = load(None, {}).onion
    addresses = Addresses(settings, reactor=reactor, emit=lambda *_, **__: None, on_upload=lambda: None, around=around)
    torrc = TorrcOnion(Path("/nowhere"), reactor=reactor, emit=lambda *_, **__: None, on_name=lambda: None,
                       around=around)
    pairs: list[tuple[object, type]] = [
        (addresses, PublisherOwner), (addresses, OwnOnion), (torrc, OwnOnion), (AddOnion(), PublicationMethod),
        (ServiceFolders(Path("/nowhere")), PublicationMethod), (Dialer(reactor), IDialer),
        (TorControlConnection(reactor), TorControl), (reactor, Network),
    ]
    assert {type(part).__name__: differences(part, contract) for part, contract in pairs
            if differences(part, contract)} == {}

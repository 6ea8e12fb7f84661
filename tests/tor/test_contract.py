"""The three ways to have a tor are one contract, and so are its parts; what stands in for them in tests has it all.

That types agree as well is seen by mypy, where the classes and their users meet.
"""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from twisted.internet.testing import MemoryReactorClock

from tests.tor.kit import members
from whisperd.config import load
from whisperd.interfaces import IDirectOnion, IDirectOnions, IOnionClients, ITor, OnionRow, TorRow
from whisperd.tor import make_tor
from whisperd.tor.control.control_port import TorControl, TorControlConnection
from whisperd.tor.dial import Dialer, Dials
from whisperd.tor.managed import ManagedTor, TorrcClients, TorrcOnion
from whisperd.tor.onion.client_admin import OnionClients
from whisperd.tor.onion.per_conversation import DirectOnion, DirectOnions
from whisperd.tor.onion.publish import PublisherOwner
from whisperd.tor.onion.reachability import OwnOnion
from whisperd.tor.onion.rotation import Addresses
from whisperd.tor.service import TorService

#: A contract, and a class that fulfils it.
CONTRACTS = [
    (ITor, TorService), (ITor, ManagedTor), (IOnionClients, OnionClients), (IOnionClients, TorrcClients),
    (IDirectOnions, DirectOnions), (IDirectOnion, DirectOnion), (TorControl, TorControlConnection), (Dials, Dialer),
    (PublisherOwner, Addresses), (OwnOnion, Addresses), (OwnOnion, TorrcOnion),
]


def made(mode: str) -> Any:
    reactor = MemoryReactorClock()
    config = load(None, {"tor.mode": mode, "onion.hostname_file": "/nowhere"})
    return make_tor(config, reactor=reactor, dialer=Dialer(reactor), emit=lambda *_, **__: None)


@pytest.mark.parametrize("mode", ["launch", "attach", "managed"])
def test_whatever_the_mode_there_is_all_of_a_tor_and_its_status_has_one_shape(mode: str) -> None:
    tor = made(mode)
    assert members(ITor) <= {name for name in dir(tor) if not name.startswith("_")}
    status = tor.status()
    assert status.keys() == TorRow.__annotations__.keys() and status["onion"].keys() == OnionRow.__annotations__.keys()
    assert status["mode"] == mode and status["state"] == "off"
    assert members(IOnionClients) <= members(type(tor.private))


@pytest.mark.parametrize(("contract", "kind"), CONTRACTS)
def test_methods_take_what_the_contract_says(contract: type, kind: type) -> None:
    for name in members(contract):
        said = inspect.getattr_static(contract, name)
        if inspect.isfunction(said):
            here = inspect.signature(getattr(kind, name)).parameters
            assert list(here) == list(inspect.signature(said).parameters), name

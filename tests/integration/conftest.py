"""What these tests share: people at a relay, and daemons as processes."""

from __future__ import annotations

import pytest
import pytest_twisted
from twisted.internet import reactor

from tests.integration.keepers import Keeper
from tests.integration.peers import Relay, Scene, company
from tests.integration.processes import start
from whisperd.config import load
from whisperd.peer.service import Tuning
from whisperd.tor.dial.dialer import Dialer
from whisperd.tor.service import TorService

__all__ = ["start"]


@pytest.fixture
def tuning() -> Tuning:
    """The times and numbers of the people's services; for modules to make shorter."""
    return Tuning()


@pytest_twisted.async_yield_fixture
async def scene(tuning):
    """A relay and two people who have not met."""
    async with company(tuning=tuning) as made:
        yield made


@pytest_twisted.async_yield_fixture
async def kept(tmp_path, tuning):
    """The same with a sealed store each; ``annas_keeper`` and ``bens_keeper`` can start them again."""
    relay = Relay()
    await relay.start()
    keepers = [Keeper(tmp_path / name / "store.db", tuning=tuning) for name in ("anna", "ben")]
    for keeper in keepers:
        keeper.place.path.parent.mkdir()
        keeper.start()
    anna, ben = keepers
    yield Scene(relay=relay, anna=anna.person, ben=ben.person, annas_keeper=anna, bens_keeper=ben)
    for keeper in keepers:
        await keeper.stop()
    await relay.stop()


@pytest_twisted.async_yield_fixture
async def onion(testnet):
    """A relay published by the first client of the network, as ``http://NAME``."""
    relay = Relay()
    await relay.start()
    config = load(overrides={"tor.mode": "attach", "tor.control": testnet.clients[0].control})
    tor = TorService(config, reactor=reactor, dialer=Dialer(reactor), emit=lambda *_, **__: None)
    tor.publish(await relay.service.listen_for_onion())
    tor.start()
    yield f"http://{await tor.address(timeout=60)}"
    await tor.stop()
    await relay.stop()

"""What several test folders share: the one private Tor network of the whole run."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted
from hypothesis import HealthCheck, settings
from twisted.internet.defer import ensureDeferred

from whisperd.tor.testnet import Testnet

# A machine that does other things at the same time is no fault of a test.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # Whoever started this in the background had it ignored, and every process of the tests would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that uses the private network, so that ``-m "not tornet"`` leaves them out."""
    for item in items:
        if "testnet" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.tornet)


@pytest.fixture(scope="session")
def debian_package() -> Path:
    """The Debian package of this working tree, built once for the whole run by what ``make deb`` runs."""
    build = Path(__file__).parents[1] / "contrib/debian/build"
    done = subprocess.run([build], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.splitlines()[-1])


@pytest.fixture(scope="session")
def testnet() -> Iterator[Testnet]:
    """A private Tor network with three clients, started at its first use and taken down at the end of the run."""
    from twisted.internet import reactor

    network = pytest_twisted.blockon(ensureDeferred(Testnet.up(reactor=reactor)))
    try:
        yield network
    finally:
        pytest_twisted.blockon(ensureDeferred(network.down()))

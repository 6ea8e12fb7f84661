"""What several test folders share: the one private Tor network of the whole run."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
import pytest_twisted
from hypothesis import HealthCheck, settings
from twisted.internet.defer import ensureDeferred

from tests.scratch import Scratch
from whisperd import logs
from whisperd.tor.testnet import Testnet

# What a daemon survives, a line or an event that is not in its closed set, is a fault of the code here.
logs.strict(True)

# A machine that does other things at the same time is no fault of a test.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # Whoever started this in the background had it ignored, and every process of the tests would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def production() -> Iterator[StringIO]:
    """The log as a daemon has it, which survives the mistakes of those who write to it."""
    stream = StringIO()
    logs.configure(level="debug", stream=stream)
    logs.strict(False)
    yield stream
    logs.strict(True)
    logs.configure()


_SCRATCH = pytest.StashKey[Scratch]()


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder of this run, unless this is one of several processes of it."""
    if not hasattr(config, "workerinput"):
        config.stash[_SCRATCH] = Scratch()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove it."""
    if _SCRATCH in config.stash:
        config.stash[_SCRATCH].remove()


#: Files that take minutes without any of the fixtures below.
LONG = {"test_peers_leaving.py"}
#: Fixtures that take their time.
SLOW = {"testnet", "debian_package"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that uses the private network, so that ``-m "not tornet"`` leaves them out; have files that take
    long go first, because a run with several at a time is as long as what began last."""
    slow = set()
    for item in items:
        fixtures = SLOW & set(getattr(item, "fixturenames", ()))
        if "testnet" in fixtures:
            item.add_marker(pytest.mark.tornet)
        if fixtures:
            slow.add(item.path)
    items.sort(key=lambda item: item.path not in slow and item.path.name not in LONG)


@pytest.fixture(scope="session")
def debian_package() -> Path:
    """The Debian package of this working tree, by what ``make deb`` runs: built once for all that run side by side."""
    root = Path(__file__).parents[1]
    made = root / "build/package-of-tests"
    made.parent.mkdir(exist_ok=True)
    with made.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        run, _, package = file.read().partition("\n")
        if run == os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid())):
            return Path(package)
        done = subprocess.run([root / "contrib/setup/reproducible", root / "contrib/debian/build"],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        package = done.stdout.splitlines()[-1]
        file.truncate(0)
        file.write(f"{os.environ.get('PYTEST_XDIST_TESTRUNUID', os.getpid())}\n{package}")
    return Path(package)


@pytest.fixture(scope="session")
def testnet() -> Iterator[Testnet]:
    """A private Tor network with three clients, started at its first use and taken down at the end of the run."""
    from twisted.internet import reactor

    network = pytest_twisted.blockon(ensureDeferred(Testnet.up(reactor=reactor)))
    try:
        yield network
    finally:
        pytest_twisted.blockon(ensureDeferred(network.down()))

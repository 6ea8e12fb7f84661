"""The programs, installed once for all that run side by side, and daemons that end with their test or its module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.installed.kit import Company, Installation, installation


@pytest.fixture(scope="session")
def programs() -> Installation:
    """Where whisperd and whisperctl are installed."""
    return installation()


@pytest.fixture
def company(programs: Installation) -> Iterator[Company]:
    """Daemons of people who are not root."""
    made = Company(programs)
    yield made
    made.end()


@pytest.fixture(scope="module")
def shared(programs: Installation) -> Iterator[Company]:
    """Daemons that the tests of a module share, because none disturbs another."""
    made = Company(programs)
    yield made
    made.end()

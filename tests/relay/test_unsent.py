"""What may wait for slow clients: for each of them, and for all together."""

from __future__ import annotations

import pytest
from twisted.internet.abstract import FileDescriptor
from twisted.internet.task import Clock

from tests.relay.kit import bounds
from whisperd.relay.limits import RelayLimits
from whisperd.relay.unsent import OWN_BUFFER, UnsentBytes

MOST = 1_000_000


class Reader:
    """A client whose transport is one of Twisted's own that is full: what is written stays, until it is read."""

    session: Telling | None = None

    def __init__(self, unsent: UnsentBytes) -> None:
        self._unsent = unsent
        self.transport = FileDescriptor(reactor=Clock())
        self.dropped = False

    def read(self, size: int) -> None:
        assert size <= len(self.transport.dataBuffer)
        self.transport.dataBuffer = self.transport.dataBuffer[size:]

    def dropConnection(self, abort: bool = False) -> None:
        assert abort
        self.dropped = True  # its transport tells that it is gone in the reactor's next turn

    def add(self, size: int) -> bool:
        may = self._unsent.add(self, size, MOST)
        if may:
            self.transport.dataBuffer += bytes(size)
        return may


@pytest.fixture
def unsent() -> UnsentBytes:
    return UnsentBytes(RelayLimits(bounds(max_unsent_total=2_000_000)))


def test_one_client_gets_its_bound_and_is_told_once_in_as_much_again(unsent):
    reader = Reader(unsent)
    assert reader.add(MOST) and not reader.add(1)
    assert reader.add(100) and not reader.dropped, "what it is told"
    assert unsent.total == OWN_BUFFER + MOST + 100
    reader.read(MOST + 100)
    unsent.forget(reader)
    assert unsent.total == 0 and reader.add(MOST)


def test_who_reads_may_be_told_any_amount(unsent):
    reader = Reader(unsent)
    assert reader.add(900_000)
    for _ in range(100):
        reader.read(90_000)
        assert reader.add(90_000)
    assert unsent.total == OWN_BUFFER + 900_000
    assert not reader.add(100_001)


def test_who_has_read_since_is_not_the_worst(unsent):
    reads, does_not = Reader(unsent), Reader(unsent)
    assert reads.add(MOST) and does_not.add(900_000)
    reads.read(MOST)
    assert reads.add(100_000)
    assert Reader(unsent).add(400_000), "there is room for that"
    assert (reads.dropped, does_not.dropped) == (False, False)
    assert Reader(unsent).add(700_000)
    assert (reads.dropped, does_not.dropped) == (False, True)


def test_when_all_wait_for_too_much_the_worst_is_dropped_and_nobody_else(unsent):
    worst, others = Reader(unsent), [Reader(unsent) for _ in range(8)]
    assert worst.add(900_000)
    assert all(other.add(100_000) for other in others)
    assert (unsent.total, worst.dropped) == (900_000 + 800_000 + 9 * OWN_BUFFER, False)
    assert all(other.add(40_000) for other in others)
    assert worst.dropped and not any(other.dropped for other in others)
    assert unsent.total == 8 * (140_000 + OWN_BUFFER)


class Telling:
    """A session whose partner is told that it is lost, and which would tell its own client why."""

    def __init__(self, own: Reader, partner: Reader) -> None:
        self._told = (own, partner)
        self.refusals = 0

    def refuse(self, code: str) -> None:
        self.refusals += 1
        assert self.refusals == 1, "it is refused once"
        for client in self._told:
            client.add(150)


def test_thousands_that_wait_for_a_little_each_are_cut_off_one_after_the_other_and_once(unsent):
    readers = [Reader(unsent) for _ in range(3_000)]
    for one, other in zip(readers[::2], readers[1::2], strict=True):
        one.session, other.session = Telling(one, other), Telling(other, one)
    for reader in readers:
        reader.add(1)
        assert unsent.total <= 2_000_000
    alive = [reader for reader in readers if not reader.dropped]
    assert 100 < len(alive) < 2_000_000 / OWN_BUFFER
    for reader in readers:
        unsent.forget(reader)
    assert unsent.total == 0 and all(reader.add(1) for reader in readers[:100])


def test_who_is_the_worst_itself_hears_that_it_may_not(unsent):
    other, worst = Reader(unsent), Reader(unsent)
    assert other.add(MOST) and worst.add(960_000)
    assert not worst.add(30_000) or other.dropped
    assert unsent.total <= 2_000_000


def test_however_many_do_not_read_the_sum_keeps_its_bound(unsent):
    readers = [Reader(unsent) for _ in range(200)]
    for _ in range(40):
        for place, reader in enumerate(readers):
            if not reader.dropped:
                reader.add(500 + 37 * place)
            assert unsent.total <= 2_000_000
    assert 0 < sum(reader.dropped for reader in readers) < 200

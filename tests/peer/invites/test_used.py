"""Used invites are remembered until they would have expired anyway."""

from __future__ import annotations

import pytest

from whisperd.errors import InviteUsed
from whisperd.peer.invites.used import UsedInvites
from whisperd.store.memory import MemoryStore
from whisperd.wire.invite import CLOCK_SKEW

ROOM = bytes(32)


def test_an_invite_is_good_until_it_was_used_and_no_other_is_touched():
    used = UsedInvites(MemoryStore())
    used.check(ROOM, 0)
    used.remember(ROOM, 100)
    with pytest.raises(InviteUsed):
        used.check(ROOM, 0)
    used.check(bytes([1]) * 32, 0)


def test_what_has_expired_is_forgotten():
    store = MemoryStore()
    used = UsedInvites(store)
    used.remember(ROOM, 100)
    with pytest.raises(InviteUsed):
        used.check(ROOM, 100 + CLOCK_SKEW)
    used.check(ROOM, 101 + CLOCK_SKEW)
    assert store.keys("used-invites") == []

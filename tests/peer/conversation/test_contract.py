"""What conversations are given, real or made for a test, has what they ask of it."""

from __future__ import annotations

import pytest

from tests.peer.conversation.test_driver import Writes
from tests.peer.persistence.test_write_ahead import Persisted
from tests.peer.support import ManyPlugins, PlainKex, Wipeable, conversation, real_plugins, seeded, terms
from tests.protocols import differences
from whisperd.peer.conversation.executor import Persistence
from whisperd.peer.files.actions import FilesOwner
from whisperd.peer.handshake import plugins
from whisperd.peer.invites.spoken import CodePlugins
from whisperd.plugin.identity import MemoryIdentity
from whisperd.plugin.registry import Registry
from whisperd.wire.spoken import WORDS_SIZE, SpokenCode

CODES = Registry.load(["cpace-25519"], ["double"])
MANY = ManyPlugins([("plain", 1)], [("double-he", 1)])


@pytest.mark.parametrize("made", [Persisted().writes, Writes()], ids=lambda made: type(made).__name__)
def test_what_writes_conversations(made: object):
    assert differences(made, Persistence) == []


def test_what_files_belong_to():
    assert differences(conversation("c1", terms("side"), inviter=True), FilesOwner) == []


@pytest.mark.parametrize("made", [real_plugins(), MANY, CodePlugins(CODES, SpokenCode.make(1, bytes(WORDS_SIZE)))],
                         ids=lambda made: type(made).__name__)
def test_where_suites_come_from(made: plugins.Plugins):
    assert differences(made, plugins.Plugins) == []
    assert differences(made.kex(made.offers_kex()[0][0]), plugins.KeyExchange) == []
    assert differences(made.ratchet(made.offers_ratchet()[0][0]), plugins.Ratchet) == []


def test_what_suites_give():
    ratchet, random = real_plugins().ratchet("double-he"), seeded("contract")
    offer, private = ratchet.offer(random)
    assert differences(ratchet.initiator(bytes(32), offer, random), plugins.RatchetSession) == []
    for secret in (private, Wipeable(bytes(32)), PlainKex("plain", 1).prekeys(None, random)[1]):
        assert differences(secret, plugins.Wipeable) == []
    assert differences(MemoryIdentity(("x25519",), random), plugins.Identity) == []

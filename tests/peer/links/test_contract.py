"""Every link, every owner of links, and every double of them in the tests has the whole contract."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.peers import CountingDialer
from tests.integration.test_peers_contacts import Intruder
from tests.integration.test_peers_leaving import Silent
from tests.peer import test_links_model, test_onion_links, test_relay_link
from tests.peer.contacts import test_rendezvous
from tests.peer.conversation import test_driver
from tests.peer.invites import test_spoken
from tests.peer.support import seeded
from tests.peer.test_onion_links import Hands
from tests.protocols import differences
from whisperd.errors import DialFailed
from whisperd.interfaces import IDialer
from whisperd.peer.invites.spoken import Claim
from whisperd.peer.links.context import LinkContext, LinkReactor
from whisperd.peer.links.link import ConversationLink, ConversationLinkOwner, Link, LinkOwner
from whisperd.peer.links.multipath import Multipath
from whisperd.peer.links.onion import OnionDoor, OnionLink
from whisperd.peer.links.relay import RelayLink, RelayRoom


class Nowhere:
    """A dialer that reaches nobody."""

    async def connect(self, host: str, port: int, factory: object, *, isolation: str = "", direct: bool = False,
                      timeout: float = 60.0) -> Any:
        raise DialFailed


CLOCK = Hands()
CONTEXT = LinkContext(CLOCK, Nowhere(), seeded("contract"))
MET = test_rendezvous.Side(CLOCK, test_rendezvous.Relay(), first=True)
DRIVEN = test_driver.Stage(inviter=True)

LINKS = [RelayLink(RelayRoom("::1", 80, bytes(32)), CONTEXT),
         OnionLink("x.onion", CONTEXT), OnionDoor(CONTEXT), MET.line,
         Claim(test_spoken.ClaimedLink), test_spoken.ClaimedLink(None),
         test_rendezvous.Seat(test_rendezvous.Relay(), bytes(32)),
         test_links_model.End(test_links_model.Way(), 0), test_links_model.Door(test_links_model.Way(), 0)]
OWNERS = [Multipath([], reactor=CLOCK), MET.line, Claim(test_spoken.ClaimedLink), MET, test_spoken.Hearing(),
          test_relay_link.Owner(test_relay_link.Notes()), Intruder.__new__(Intruder), Silent.__new__(Silent)]


def named(value: object) -> str:
    return type(value).__name__


@pytest.mark.parametrize("link", LINKS, ids=named)
def test_a_link_has_all_that_its_owner_uses(link):
    assert differences(link, Link) == []


@pytest.mark.parametrize("owner", OWNERS, ids=named)
def test_an_owner_takes_all_that_a_link_reports(owner):
    assert differences(owner, LinkOwner) == []


@pytest.mark.parametrize("link", [Multipath([], reactor=CLOCK), test_driver.QuietLink()], ids=named)
def test_the_link_of_a_conversation_has_all_that_its_driver_uses(link):
    assert differences(link, ConversationLink) == []


def test_a_driver_takes_all_that_the_link_of_a_conversation_reports():
    assert differences(DRIVEN.driver, ConversationLinkOwner) == []


@pytest.mark.parametrize("kind", [Nowhere, test_onion_links.Bench, test_relay_link.Bench, CountingDialer])
def test_a_dialer_connects_as_links_have_it_connect(kind):
    assert differences(kind.__new__(kind), IDialer) == []


def test_the_reactor_of_the_tests_is_one_for_links():
    assert differences(CLOCK, LinkReactor) == []

"""What is left of conversations that are over: links, seats, timers, files and descriptors, on both sides."""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from tests.integration.peers import PATIENCE, Person, Relay
from whisperd.peer.contacts.rendezvous import Rendezvous
from whisperd.peer.conversation.driver import Driver
from whisperd.peer.conversation.executor import Executor
from whisperd.peer.files.disk import FilesOnDisk
from whisperd.peer.invites.spoken import Claim
from whisperd.peer.links.multipath import Multipath
from whisperd.peer.links.onion import OnionDoor, OnionLink
from whisperd.peer.links.onion_stream import OnionStream
from whisperd.peer.links.reconnecting import Reconnecting
from whisperd.peer.links.relay import RelayLink
from whisperd.peer.links.relay_socket import RelaySocket
from whisperd.timers import OneShot

#: Whatever a conversation sets an alarm with.
_OWNERS = (Driver, Executor, Rendezvous, Multipath, RelaySocket, OnionStream, Reconnecting, Claim, OneShot)


def _all(*kinds: type) -> list[Any]:
    gc.collect()
    return [each for each in gc.get_objects() if isinstance(each, kinds)]


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def timers() -> list[str]:
    """Return whose alarms are set."""
    owners = [_owner(call.func) for call in reactor.getDelayedCalls()]  # type: ignore[attr-defined]
    return [type(owner).__name__ for owner in owners if isinstance(owner, _OWNERS)]


def _owner(call: Any) -> Any:
    """Return whose method is to be called; of a OneShot, whose method that calls, or itself where that is no method."""
    owner = getattr(getattr(call, "func", call), "__self__", None)
    return (_owner(owner._call) or owner) if isinstance(owner, OneShot) else owner


def links() -> list[str]:
    """Return the links that still have, or want, a connection."""
    return [type(link).__name__ for link in _all(RelayLink, OnionLink) if link._reconnecting.running] + \
           [type(door).__name__ for door in _all(OnionDoor) if door._port and door._port.connected]


def seats(relay: Relay) -> int:
    """Return how many seats of a relay are taken, or kept for their tokens."""
    if relay.service is None:
        return 0
    rooms = relay.service._relay.rooms._rooms.values()
    return sum(token is not None for room in rooms for token in room.tokens)


def files() -> int:
    return sum(len(desk._open) for desk in _all(FilesOnDisk))


def doubled() -> list[bytes]:
    """Return the seats that two links hold, or want, at a time."""
    held = Counter(link._join for link in _all(RelayLink)
                   if link._reconnecting.running and not link._reconnecting.stopped)
    return [seat for seat, number in held.items() if number > 1]


def remains(relay: Relay, *people: Person) -> dict[str, Any]:
    """Return what is left, where all conversations are over and nobody is listened for."""
    found: dict[str, Any] = {"links": links(), "timers": timers(), "files": files(), "seats": seats(relay)}
    for number, person in enumerate(people):
        living = {chat for chat, driver in person.service.conversations._drivers.items() if driver.state != "ended"}
        service = person.service
        calls = {chat for chat, binding in service._bindings.items() if binding.rendezvous is not None}
        found |= {f"living {number}": living, f"calls {number}": calls,
                  f"rendezvous {number}": service._contacts._listening._all}
    return {name: left for name, left in found.items() if left}


async def nothing_remains(relay: Relay, *people: Person, open_before: int = 0) -> None:
    """Wait until nothing is left, and no more descriptors are open than before."""
    def left() -> dict[str, Any]:
        more = descriptors() - open_before if open_before else 0
        return remains(relay, *people) or ({"descriptors": more} if more > 0 else {})

    await until_empty(left)


async def until_empty(found: Callable[[], Any]) -> None:
    """Wait until nothing is found."""
    deadline = reactor.seconds() + PATIENCE  # type: ignore[attr-defined]
    while left := found():
        assert reactor.seconds() < deadline, left  # type: ignore[attr-defined]
        turn: Deferred[None] = Deferred()
        reactor.callLater(0.05, turn.callback, None)  # type: ignore[attr-defined]
        await turn

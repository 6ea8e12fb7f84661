"""What a relay sweeps out every few seconds: rooms that nobody used, and connections that took no seat."""

from __future__ import annotations

from whisperd.logs import note
from whisperd.relay.session import Relay


def expire(relay: Relay) -> None:
    """Forget the rooms whose time is over, and close connections that have been without a seat for too long."""
    now, before = relay.now(), len(relay.rooms)
    relay.perform(relay.rooms.expire(now, relay.limits.bounds.room_expiry))
    for _ in range(before - len(relay.rooms)):
        note("relay-room-expired")
    while relay.seatless:
        session, since = next(iter(relay.seatless.items()))
        if now - since < relay.limits.bounds.join_timeout:
            break
        session.refuse("join-timeout")

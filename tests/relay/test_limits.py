"""Limits: what is let in, what is refused, and that leaving makes room again."""

from __future__ import annotations

from whisperd.relay.limits import SPARE_SOCKETS, Limits


def limits() -> Limits:
    return Limits(max_connections=2, max_rooms=3, max_frame=1024, room_expiry=600)


def test_connections_beyond_the_cap_are_refused_counted_and_possible_again_later() -> None:
    bounds = limits()
    assert [bounds.connection_opened() for _ in range(3)] == [True, True, False]
    assert bounds.refused == {"too-many-connections": 1}
    bounds.connection_closed()
    assert bounds.connection_opened()


def test_some_sockets_more_than_connections_are_let_in_and_no_more_than_these() -> None:
    bounds = limits()
    assert [bounds.socket_opened() for _ in range(2 + SPARE_SOCKETS)] == [True] * (2 + SPARE_SOCKETS)
    assert not bounds.socket_opened()
    bounds.socket_closed()
    assert bounds.socket_opened()


def test_rooms_are_allowed_up_to_the_cap() -> None:
    bounds = limits()
    assert [bounds.room_allowed(rooms) for rooms in (0, 2, 3, 4)] == [True, True, False, False]

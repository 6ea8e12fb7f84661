"""An ordinary daemon whose relay is watched: each binary frame that its rooms forward is told on standard output.

Only the demo runs this, to show what an operator of a relay could see: ``python -m whisperd.demo.watched_relay
--config FILE``. The daemon itself has no switch for it.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any
from weakref import WeakKeyDictionary

from whisperd.cli.daemon import main
from whisperd.demo.watch import line
from whisperd.relay import shared
from whisperd.relay.effects import Effect
from whisperd.relay.rooms import Rooms


class WatchedRooms(Rooms):
    """Rooms that tell which frame of which room they were handed."""

    def __init__(self, expiry: float) -> None:
        super().__init__(expiry)
        self._names: WeakKeyDictionary[Any, Hashable] = WeakKeyDictionary()

    def join(self, client: Hashable, name: Hashable, now: float, **place: Any) -> list[Effect]:
        self._names[client] = name
        return super().join(client, name, now, **place)

    def forward(self, client: Hashable, payload: bytes, binary: bool, name: Hashable = None) -> list[Effect]:
        if binary:
            print(line(str(self._names.get(client)), payload), flush=True)
        return super().forward(client, payload, binary, name)


if __name__ == "__main__":
    shared.Rooms = WatchedRooms  # type: ignore[misc]
    main()

"""An ordinary daemon whose relay is watched: each binary frame that it forwards is told on standard output.

Only the demo runs this, to show what an operator of a relay could see: ``python -m whisperd.cli.daemon.watched_relay
--config FILE``. The daemon itself has no switch for it.
"""

from __future__ import annotations

from collections.abc import Hashable

from whisperd.cli.daemon.main import main
from whisperd.demo.watch import line
from whisperd.relay.factory import DIALECTS
from whisperd.relay.session import WhisperdSession
from whisperd.wire.frames import SUBPROTOCOL


class WatchedSession(WhisperdSession):
    """A session that tells which frame of which room it was handed."""

    _name: Hashable = None

    def handle(self, payload: bytes, binary: bool) -> None:
        if binary:
            print(line(str(self._name), payload), flush=True)
        super().handle(payload, binary)

    def _join(self, name: Hashable, code: str, *, token: bytes | None = None, seat: int | None = None) -> None:
        self._name = name
        super()._join(name, code, token=token, seat=seat)


if __name__ == "__main__":
    DIALECTS[SUBPROTOCOL] = WatchedSession
    main()

"""WH15P3R's dialect: a room is told of ``ready`` and of errors, and hears nothing of who leaves.

Its seats have no token. Who wants a seat that is taken waits until its holder has answered a ping, and gets the seat
when it does not: so that a page that was loaded again is not kept out by its own dead connection.
[whisperd-protocol(7), WH15P3R]
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial

from whisperd.relay.effects import Effect, Paired, Refuse
from whisperd.relay.session import READY, Session
from whisperd.wire import frames, wh15p3r


class Wh15p3rSession(Session):
    """The dialect of clients that ask for no subprotocol."""

    _wanted: tuple[Hashable, int] | None = None
    _asked = False

    def handle(self, payload: bytes, binary: bool) -> None:
        if binary:
            self.refuse("bad-frame")
            return
        try:
            frame = wh15p3r.decode_wh15p3r(payload)
        except frames.FrameError as error:
            self.refuse(error.code)
            return
        name = ("wh15p3r", frame.session_code)
        if not isinstance(frame, wh15p3r.Wh15p3rJoin):
            self._forward(payload, False, name)
        elif self._wanted is not None:
            self.refuse("already-joined")
        else:
            self._wanted = (name, 0 if frame.is_initiator else 1)
            self._join(name, frame.access_code, seat=self._wanted[1])

    def tell(self, effect: Effect) -> None:
        if isinstance(effect, Refuse):
            holder = self.relay.rooms.holder(*self._wanted) if self._wanted and not self._asked else None
            if effect.code == "room-full" and isinstance(holder, Session):
                self._asked = True
                holder.wire.probe(partial(self._answered, *self._wanted or ()))
            else:
                self.refuse(effect.code)
        elif isinstance(effect, Paired):
            self.wire.send(READY, False)

    def encode_error(self, code: str, retry_after: int | None) -> bytes:
        return wh15p3r.encode_wh15p3r_error(code, retry_after)

    def _answered(self, name: Hashable, seat: int, alive: bool) -> None:
        """Go on after the holder of the seat has, or has not, shown that it is there."""
        if self not in self.relay.seatless:  # this client has gone meanwhile
            return
        if alive:
            self.refuse("room-full")
        elif self._grant is not None and self._grant.left <= 0:
            self.refuse("code-refused")
        else:
            self._take(name, seat=seat)

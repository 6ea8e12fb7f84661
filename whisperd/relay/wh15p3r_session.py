"""WH15P3R's dialect: a room is told of ``ready`` and of errors, and hears nothing of who leaves.

Its seats have no token. A seat that is taken is given to the next who wants it if its holder does not answer a ping: a
page that was loaded again is not shut out by its own dead connection. [whisperd-protocol(7), WH15P3R]
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial

from whisperd.relay.rooms import Effect, Paired, Refuse
from whisperd.relay.session import READY, Session
from whisperd.wire import frames, wh15p3r


class Wh15p3rSession(Session):
    """The dialect of clients that ask for no subprotocol."""

    encode_error = staticmethod(wh15p3r.encode_wh15p3r_error)
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

    def tell(self, effect: Effect[Session]) -> None:
        if isinstance(effect, Refuse):
            holder = self.relay.rooms.holder(*self._wanted) if self._wanted and not self._asked else None
            if effect.code == "room-full" and holder is not None:
                self._asked = True
                holder.wire.probe(partial(self._answered, *self._wanted or ()))
            else:
                self.refuse(effect.code)
        elif isinstance(effect, Paired):
            self.wire.send(READY, False)

    def _answered(self, name: Hashable, seat: int, alive: bool) -> None:
        """Go on after the holder of the seat has, or has not, shown that it is there."""
        if self not in self.relay.seatless:  # this client has gone meanwhile
            return
        if alive:
            self.refuse("room-full")
        elif self._admission is not None and self._admission.left <= 0:
            self.refuse("code-refused")
        else:
            self._take(name, seat=seat)

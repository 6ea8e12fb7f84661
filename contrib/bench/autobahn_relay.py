"""The relay that one writes first: autobahn as it comes, a dictionary of rooms, two seats, no limits, both dialects
frame for frame."""

from __future__ import annotations

import json
import sys

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet import reactor

ROOMS: dict[str, list[Seat]] = {}


class Seat(WebSocketServerProtocol):
    """One connection: a JSON ``join`` takes a seat, everything else goes to the other one."""

    tcpNoDelay = True
    room: str | None = None

    def onConnect(self, request):
        return request.protocols[0] if request.protocols else None

    def onMessage(self, payload, isBinary):
        frame = {} if isBinary else json.loads(payload)
        if frame.get("type") == "join":
            self.join(frame.get("room") or frame["sessionCode"])
        else:
            for other in ROOMS[self.room]:
                if other is not self:
                    other.sendMessage(payload, isBinary)

    def join(self, room):
        self.room = room
        seats = ROOMS.setdefault(room, [])
        seats.append(self)
        if self.websocket_protocol_in_use:
            limits = {"frame": 65_536, "expiry": 600}
            joined = {"type": "joined", "seat": len(seats) - 1, "peer": len(seats) == 2, "limits": limits}
            self.sendMessage(json.dumps(joined).encode())
        if len(seats) == 2:
            for seat in seats:
                seat.sendMessage(b'{"type":"ready"}')

    def onClose(self, wasClean, code, reason):
        for other in ROOMS.pop(self.room, ()):
            if other is not self and self.websocket_protocol_in_use:
                other.sendMessage(b'{"type":"peer-left","reason":"lost"}')


def main(port: int) -> None:
    """Serve on loopback until killed."""
    factory = WebSocketServerFactory(protocols=["whisperd.1"])
    factory.protocol = Seat
    reactor.listenTCP(port, factory, interface="127.0.0.1")
    reactor.run()


if __name__ == "__main__":
    main(int(sys.argv[1]))

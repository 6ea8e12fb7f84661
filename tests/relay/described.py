"""WH15P3R's protocol as its page describes it, in as few lines, to be compared with what the relay really says.

A conversation is a list of steps: who (a name), and the text that it sends, or None when it drops its connection.
[whisperd-protocol(7), WH15P3R]
"""

from __future__ import annotations

import json
from collections import defaultdict

from tests.relay.fuzz import sent
from tests.relay.kit import frame
from tests.relay.wires import THEIRS, Wires, drop

READY = b'{"type":"ready"}'
SIGNALS = {"offer": "offer", "answer": "answer", "ice-candidate": "candidate"}
Step = tuple[str, str | None]
#: What each has seen, in order: a text, or of an error its code and the close code that follows.
Seen = dict[str, list[bytes | tuple[str, int | None]]]
_CLOSES = {"room-full": 4001, "bad-frame": 4004, "bad-json": 4005}


def described(conversation: list[Step]) -> Seen:
    """Return what the page says that each one sees."""
    seen: Seen = defaultdict(list)
    rooms: dict[str, dict[bool, str]] = defaultdict(dict)
    place: dict[str, tuple[str, bool]] = {}

    def refuse(who: str, code: str) -> None:
        seen[who].append((code, _CLOSES.get(code)))

    def leave(who: str) -> None:
        if who in place:
            code, seat = place.pop(who)
            del rooms[code][seat]

    for who, text in conversation:
        if text is None:
            leave(who)
            continue
        step = json.loads(text)
        code = step["sessionCode"]
        if step["type"] == "join" and who in place:
            refuse(who, "already-joined")
        elif step["type"] == "join" and step["isInitiator"] in rooms[code]:
            refuse(who, "room-full")
        elif step["type"] == "join":
            rooms[code][step["isInitiator"]] = who
            place[who] = code, step["isInitiator"]
            if len(rooms[code]) == 2:
                for each in rooms[code].values():
                    seen[each].append(READY)
        elif place.get(who, ("", False))[0] != code:
            refuse(who, "not-joined")
        elif len(rooms[code]) < 2:
            refuse(who, "peer-absent")
        else:
            seen[rooms[code][not place[who][1]]].append(text.encode())
    return seen


def happened(conversation: list[Step], *, short: bool) -> Seen:
    """Return what each one sees of a relay; everybody answers pings, and whoever is refused for good is gone."""
    wires, clients, gone = Wires(short=short), {}, set()
    seen: Seen = defaultdict(list)

    def listen() -> None:
        again = True
        while again:
            again = False
            for who, client in list(clients.items()):
                frames = sent(client.transport.value())
                client.transport.clear()
                for opcode, payload in frames:
                    again |= opcode == 9
                    if opcode == 9:
                        client.dataReceived(frame(10, payload))
                    elif opcode == 8:
                        code, _ = seen[who].pop()
                        seen[who].append((code, int.from_bytes(payload[:2])))
                        gone.add(who)
                    else:
                        seen[who].append(read(payload))

    for who, text in conversation:
        if who in gone:
            continue
        if who not in clients:
            clients[who] = wires.connect(THEIRS)
            clients[who].transport.clear()
        if text is None:
            drop(clients.pop(who))
        else:
            clients[who].dataReceived(frame(1, text.encode()))
        listen()
    return seen


def read(payload: bytes) -> bytes | tuple[str, None]:
    """Return a text as it is; of an error, whose wording is free, its code."""
    fields = json.loads(payload)
    if fields["type"] != "error":
        return payload
    assert set(fields) - {"retry_after"} == {"type", "code", "message"}
    return fields["code"], None

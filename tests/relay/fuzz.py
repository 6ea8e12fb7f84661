"""A fuzzer for all that a client can send before and after the relay knows who it is: HTTP heads, handshakes, frames.

Cases are made from the seeds and from ``corpus.txt`` by cutting, doubling, joining and changing bytes. Each target
takes a case and raises AssertionError, or whatever the relay raised, when a promise is broken. A case that once broke
one goes into ``corpus.txt``: a target's name and the case in hexadecimal, one a line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from tests.relay.kit import ANNA, BEN, HANDSHAKE, OURS, ROOM, frame
from tests.relay.wires import Wires, drop
from whisperd.wire import frames, relay_client, wh15p3r

CORPUS = Path(__file__).with_name("corpus.txt")
STATUS = {b"101", b"200", b"400", b"403", b"404", b"405", b"408", b"426", b"431", b"503", b"505"}
_JOINS = [json.dumps({"type": "join", "room": ROOM, "token": token}).encode() for token in (ANNA, BEN)]
_THEIRS = [b'{"type":"join","sessionCode":"CODE","isInitiator":false}',
           b'{"type":"offer","sessionCode":"CODE","offer":{"type":"offer","sdp":"v=0\\r\\n\\u00e9"}}',
           b'{"type":"ice-candidate","sessionCode":"CODE","candidate":{"sdpMid":"0","sdpMLineIndex":0}}']
#: As large as most are, so that it takes the shortest way there is.
_LARGE = b'{"type":"offer","sessionCode":"CODE","offer":"%b"}' % ("v=0 \u00e9" * 60).encode()

SEEDS: dict[str, list[bytes]] = {
    "http": [OURS, HANDSHAKE + b"\r\n", b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n", b"GET /health?x=1 HTTP/1.0\r\n\r\n",
             b"HEAD / HTTP/1.1\r\nhost:a\r\nConnection: close, Upgrade\r\n\r\n", OURS + frame(1, _JOINS[0]),
             HANDSHAKE + b"Sec-WebSocket-Extensions: permessage-deflate\r\nOrigin: null\r\n\r\n"],
    "frames": [frame(1, each) for each in (_JOINS[0], *_THEIRS, _LARGE, b'{"type":"leave"}', b"{}")]
              + [frame(2, b"x" * size) for size in (0, 1, 125, 126, 600)]
              + [frame(9, b"ping"), frame(10), frame(8), frame(8, b"\x03\xe8bye"), frame(0, b"rest"),
                 frame(1, b'{"type":', first=0) + frame(0, b'"leave"}')],
    "codec": [*_JOINS, *_THEIRS, b'{"type":"leave"}', b'{"type":"joined","seat":0,"peer":true,"limits":{"frame":1,'
              b'"expiry":2}}', b'{"type":"peer-left","reason":"lost"}',
              b'{"type":"error","code":"expired","message":"m","fatal":true,"retry_after":3}'],
}


def corpus(target: str) -> list[bytes]:
    """Return the seeds of a target and what was kept for it."""
    kept = [line.split() for line in CORPUS.read_text().splitlines() if line and not line.startswith("#")]
    return SEEDS[target] + [bytes.fromhex(case) for name, case in kept if name == target]


def mutate(random: Random, seeds: list[bytes]) -> bytes:
    """Return one or several seeds, changed in some places."""
    case = bytearray(b"".join(random.choices(seeds, k=random.choice((1, 1, 1, 2, 4)))))
    for _ in range(random.choice((0, 1, 1, 2, 4, 8))):
        at = random.randrange(len(case) + 1)
        change = random.randrange(5)
        if change == 0 and at < len(case):
            case[at] ^= 1 << random.randrange(8)
        elif change == 1:
            case[at:at] = random.randbytes(random.choice((1, 1, 2, 4, 9)))
        elif change == 2:
            del case[at:at + random.choice((1, 2, 5, 40))]
        elif change == 3:
            case[at:at] = case[at:at + random.choice((1, 8, 60))] * random.choice((1, 2, 30))
        else:
            case[at:at] = random.choice((b"\r\n", b"\0", b'"', b"{", b"\xff", b"\xc3", b":", b",", b"\\u",
                                         b"\x80"))
    return bytes(case)


def pieces(random: Random, case: bytes) -> Iterator[bytes]:
    """Yield a case in one to four reads."""
    ends = sorted(random.randrange(len(case) + 1) for _ in range(random.choice((0, 0, 1, 3))))
    for begin, end in zip([0, *ends], [*ends, len(case)], strict=True):
        yield case[begin:end]


def sent(data: bytes) -> list[tuple[int, bytes]]:
    """Return the frames that the relay has sent; asserts that they are whole, unmasked and in one piece each."""
    found = []
    while data:
        first, size, begin = data[0], data[1], 2
        assert size < 128, "masked"
        if size >= 126:
            begin = 4 if size == 126 else 10
            size = int.from_bytes(data[2:begin])
        assert first & 0xF0 == 0x80 and len(data) >= begin + size, "not one whole frame"
        found.append((first & 15, data[begin:begin + size]))
        data = data[begin + size:]
    return found


def http(wires: Wires, random: Random, case: bytes) -> None:
    """A head gets one answer of a known status, or none yet; what opens a WebSocket is a WebSocket."""
    client = wires.connect()
    for piece in pieces(random, case):
        client.dataReceived(piece)
    answer = client.transport.value()
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert not answer or (head.startswith(b"HTTP/1.1 ") and head[9:12] in STATUS), answer
    if answer and head[9:12] == b"101":
        sent(rest)
    elif answer:
        assert client.transport.ended
        assert f"Content-Length: {len(rest)}".encode() in head or not rest
    drop(client)


def talk(wires: Wires, random: Random, case: bytes) -> None:
    """Whatever one of two seated clients sends, the other sees whole frames, and texts only of those it was sent."""
    ours = random.random() < 0.5
    one, other = wires.pair(ours)
    for piece in pieces(random, case):
        one.dataReceived(piece)
    for opcode, payload in sent(other.transport.value()):
        assert opcode in ((1, 2) if ours else (1,))
        if opcode == 1:
            json.loads(payload)
    ends = [opcode for opcode, _ in sent(one.transport.value())]
    assert 8 not in ends[:-1], "something came after the close"
    assert other.state == other.STATE_OPEN
    drop(one)
    drop(other)
    wires.relay.rooms.clear()


def codec(wires: Wires, random: Random, case: bytes) -> None:
    """Every decoder takes a case, and it says the same again, or says FrameError with a code of the table."""
    decoded(case)


def decoded(case: bytes) -> int:
    """Return how many of the decoders take a case."""
    taken = 0
    codecs: tuple[tuple[Callable[[bytes], Any], Callable[[Any], bytes]], ...] = (
        (frames.decode_client, relay_client.encode_client), (relay_client.decode_server, frames.encode_server),
        (wh15p3r.decode_wh15p3r, msgspec.json.encode))
    for decode, encode in codecs:
        try:
            frame = decode(case)
        except frames.FrameError as error:
            assert error.code in frames.ERRORS
        else:
            assert decode(encode(frame)) == frame
            taken += 1
    return taken


TARGETS: dict[str, Callable[[Wires, Random, bytes], None]] = {"http": http, "frames": talk, "codec": codec}


def run(target: str, cases: int, seed: int) -> None:
    """Try so many cases; raises AssertionError with the line for ``corpus.txt`` of the first that breaks a promise."""
    random, seeds, wires = Random(seed), corpus(target), Wires()
    for number in range(cases):
        case = seeds[number] if number < len(seeds) else mutate(random, seeds)
        try:
            TARGETS[target](wires, random, case)
        except Exception as error:
            raise AssertionError(f"seed {seed}, case {number}: {target} {case.hex()}") from error
    wires.clock.advance(601)
    wires.service.expire()
    sockets = wires.sockets
    assert (sockets.connections, sockets.sockets, len(wires.relay.rooms), len(wires.relay.seatless)) == (0, 0, 0, 0)
    assert not [call for call in wires.clock.getDelayedCalls() if call.active()]

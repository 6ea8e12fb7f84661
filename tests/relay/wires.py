"""A relay whose connections are byte strings in and byte strings out, without a socket; and what a client may send."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from tests.relay.kit import ANNA, BEN, HANDSHAKE, OURS, ROOM, frame, settings
from whisperd.relay.factory import RelayFactory
from whisperd.relay.service import RelayService
from whisperd.relay.websocket import RelayProtocol

MAX_FRAME = 1_024
#: The clock stands still here, so that every rate would be used up sooner or later.
RATES = {f"{scope}{name}_rate": 0 for scope in ("", "circuit_") for name in ("connection", "join", "frame", "byte")}
THEIRS = HANDSHAKE + b"\r\n"


class ThroughAutobahn:
    """What a read does when nothing takes the short way."""

    def dataReceived(self: Any, data: bytes) -> None:
        if self.state == self.STATE_CONNECTING:
            self.data += data
            self.processHandshake()
        elif self.state != self.STATE_CLOSED:
            self._collect(data, False)


class Wire(StringTransport):
    """A transport that writes down what is sent and how it ends."""

    ended = False

    def abortConnection(self) -> None:
        self.ended = True

    def loseConnection(self) -> None:
        self.ended = True


class Wires:
    """One relay; ``short`` False: without the short way."""

    def __init__(self, *, short: bool = True, max_frame: int = MAX_FRAME) -> None:
        self.clock = Clock()
        self.service = RelayService(settings(max_frame=max_frame, **RATES), reactor=self.clock, clock=self.clock,
                                    random=bytes)
        self.relay = self.service._relay
        self.sockets = self.service._sockets
        self.factory = RelayFactory(self.relay, self.sockets, self.clock)
        if not short:
            self.factory._protocol = type("Slow", (ThroughAutobahn, self.factory._protocol), {})

    def connect(self, data: bytes = b"") -> RelayProtocol:
        """Return a new connection that has received ``data``."""
        protocol = self.factory.buildProtocol(None)
        protocol.makeConnection(Wire())
        protocol.dataReceived(data)
        return protocol

    def pair(self, ours: bool) -> tuple[RelayProtocol, RelayProtocol]:
        """Return two seated connections of either dialect that have been told so and nothing else."""
        if ours:
            joins = [frame(1, json.dumps({"type": "join", "room": ROOM, "token": token}).encode())
                     for token in (ANNA, BEN)]
        else:
            joins = [frame(1, json.dumps({"type": "join", "sessionCode": "CODE", "isInitiator": first}).encode())
                     for first in (True, False)]
        one, other = (self.connect((OURS if ours else THEIRS) + join) for join in joins)
        one.transport.clear()
        other.transport.clear()
        return one, other


def drop(protocol: RelayProtocol) -> None:
    """End a connection as Twisted does, which lets go of the producer first."""
    if protocol.transport.producer is not None:
        protocol.transport.unregisterProducer()
    protocol.connectionLost(None)


#: Payloads: what the dialects know, what comes close, and what is no text at all.
texts = st.one_of(
    st.sampled_from([
        b'{"type":"offer","sessionCode":"CODE","offer":{"sdp":"v=0"}}',
        b'{"type":"ice-candidate","sessionCode":"CODE","candidate":null}',
        b'{"type":"offer","sessionCode":"OTHER","offer":1}', b'{"type":"leave"}', b'{"type":"unknown"}', b"{", b"[]",
        b'{"type":"join","sessionCode":"CODE","isInitiator":true}', '{"type":"\u00e9\U0001f600"}'.encode(),
        b"\xff", b"\xc3", b"\xed\xa0\x80", b"", b"null",
    ]),
    st.binary(max_size=40), st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")),
)
payloads = st.one_of(texts, st.builds(lambda size: b"x" * size, st.sampled_from([0, 1, 2, 125, 126, 127, 300, 1024])))


@st.composite
def usual(draw: Any) -> bytes:
    """A whole masked frame."""
    return masked(draw(st.sampled_from([1, 1, 2])), draw(payloads), draw(st.binary(min_size=4, max_size=4)))


@st.composite
def unusual(draw: Any) -> bytes:
    """Anything else that a client may send: parts, control frames, reserved bits, no mask, wrong lengths, closes."""
    return draw(st.one_of(
        st.builds(lambda payload, at: frame(1, payload[:at], first=0) + frame(9, b"p") + frame(0, payload[at:]),
                  texts, st.integers(0, 40)),
        st.builds(lambda payload: frame(9, payload), st.binary(max_size=125)),
        st.builds(lambda payload: frame(10, payload), st.binary(max_size=125)),
        st.builds(lambda opcode, first: frame(opcode, b"x", first=first), st.integers(0, 15),
                  st.sampled_from([0, 0x80, 0x90, 0xA0, 0xC0, 0xF0])),
        st.builds(lambda payload: frame(1, payload, masked=False), texts),
        st.builds(lambda code, why: frame(8, code.to_bytes(2, "big") + why), st.integers(0, 5000),
                  st.binary(max_size=9)),
        st.sampled_from([frame(8), frame(8, b"\x03"), frame(2, bytes(1_025)), frame(1, b"a" * 2_000),
                         b"\x82\xfe\x00\x05mask12345", b"\x81\xff" + (300).to_bytes(8, "big") + b"mask" + b"x" * 300,
                         b"\x82\xff" + (2**62).to_bytes(8, "big") + b"mask", frame(9, bytes(126))]),
    ))


def masked(opcode: int, payload: bytes, mask: bytes) -> bytes:
    """Return a whole frame under this mask, of at most 65,535 bytes."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    hidden = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return bytes([0x80 | opcode]) + length + mask + hidden


#: What a client sends after its handshake: mostly usual, now and then not.
streams = st.lists(st.one_of(usual(), usual(), usual(), unusual()), max_size=8)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Return ``data`` in pieces that end at these places (modulo its length)."""
    ends = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[begin:end] for begin, end in pairwise(ends)]

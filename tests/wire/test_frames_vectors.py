"""Makes tests/vectors/relay_frames.json anew and compares it with the one that is there.

Run as a program it writes the file: ``python -m tests.wire.test_frames_vectors``.
"""

from __future__ import annotations

import base64
import json
from hashlib import shake_256
from pathlib import Path
from typing import Any

from whisperd.wire import frames, relay_client

FILE = Path(__file__).parent.parent / "vectors/relay_frames.json"
SEED = b"whisperd/1 vectors relay"


def key(number: int) -> str:
    """Return 32 seeded bytes as base64url: bytes 32·number to 32·number + 31 of SHAKE256(seed)."""
    stream = shake_256(SEED).digest(32 * number + 32)
    return base64.urlsafe_b64encode(stream[-32:]).rstrip(b"=").decode()


def make() -> dict[str, Any]:
    client = [("join", frames.Join(key(0), key(1))), ("leave", frames.Leave()),
              ("join with an access code", frames.Join(key(0), key(1), "K7QM-2XWP-9ABC"))]
    relay: list[tuple[str, frames.ServerFrame]] = [
        ("joined alone", frames.Joined(0, False, frames.AnnouncedLimits(65_536, 600))),
        ("joined to a peer", frames.Joined(1, True, frames.AnnouncedLimits(65_536, 600))),
        ("ready", frames.Ready()),
        ("peer-left for good", frames.PeerLeft("left")),
        ("peer-left by a broken connection", frames.PeerLeft("lost")),
        ("error, not fatal", frames.RelayError.of("peer-absent")),
        ("error, fatal", frames.RelayError.of("room-full")),
        ("error with a time to wait", frames.RelayError.of("too-many-rooms")),
    ]
    whisper = [
        ("join as initiator", "Wh15p3rJoin", '{"type":"join","sessionCode":"K7QM2XWP","isInitiator":true}'),
        ("join with an access code", "Wh15p3rJoin",
         '{"type":"join","sessionCode":"K7QM2XWP","isInitiator":true,"accessCode":"K7QM-2XWP-9ABC"}'),
        ("offer", "Wh15p3rOffer",
         '{"type":"offer","sessionCode":"K7QM2XWP","offer":{"type":"offer","sdp":"v=0\\r\\n"}}'),
        ("answer, odd but valid", "Wh15p3rAnswer", ' {"answer" : null,\n"type":"answer", "sessionCode":"K7QM2XWP"} '),
        ("ice-candidate", "Wh15p3rCandidate", '{"type":"ice-candidate","sessionCode":"K7QM2XWP","candidate":{}}'),
    ]
    rows = [{"name": name, "from": "whisperd.1 client", "decoded": type(frame).__name__,
             "text": relay_client.encode_client(frame).decode()} for name, frame in client]
    rows += [{"name": name, "from": "whisperd.1 relay", "decoded": type(frame).__name__,
              "text": frames.encode_server(frame).decode()} for name, frame in relay]
    rows += [{"name": name, "from": "WH15P3R client", "decoded": kind, "text": text} for name, kind, text in whisper]
    return {"seed": SEED.decode(), "frames": rows, "refused": refused(), "errors": {
        code: {"message": kind.message, "close": kind.close, "retry_after": kind.retry_after}
        for code, kind in frames.ERRORS.items()}}


def refused() -> list[dict[str, str]]:
    rows = [
        ("nothing", "whisperd.1", b"", "bad-json"),
        ("not JSON", "whisperd.1", b"join", "bad-json"),
        ("two values", "whisperd.1", b'{"type":"leave"}{"type":"leave"}', "bad-json"),
        ("not an object", "whisperd.1", b'["leave"]', "bad-frame"),
        ("no type", "whisperd.1", b'{"room":"x"}', "bad-frame"),
        ("type is no string", "whisperd.1", b'{"type":1}', "bad-frame"),
        ("type stands twice", "whisperd.1", b'{"type":"leave","type":"join"}', "bad-frame"),
        ("unknown type", "whisperd.1", b'{"type":"offer"}', "unknown-type"),
        ("room missing", "whisperd.1", json.dumps({"type": "join", "token": key(1)}).encode(), "bad-frame"),
        ("room too short", "whisperd.1",
         json.dumps({"type": "join", "room": key(0)[:42], "token": key(1)}).encode(), "bad-frame"),
        ("stray bits at the end of the room", "whisperd.1",
         json.dumps({"type": "join", "room": key(0)[:42] + "B", "token": key(1)}).encode(), "bad-frame"),
        ("room is not UTF-8", "whisperd.1", b'{"type":"join","room":"\xff"}', "not-text-utf8"),
        ("type of the other dialect", "WH15P3R", b'{"type":"leave"}', "unknown-type"),
        ("no sessionCode", "WH15P3R", b'{"type":"offer","offer":{}}', "bad-frame"),
        ("empty sessionCode", "WH15P3R", b'{"type":"join","sessionCode":"","isInitiator":true}', "bad-frame"),
        ("sessionCode of 129 characters", "WH15P3R",
         json.dumps({"type": "join", "sessionCode": "A" * 129, "isInitiator": True}).encode(), "bad-frame"),
        ("isInitiator is no boolean", "WH15P3R", b'{"type":"join","sessionCode":"A","isInitiator":1}', "bad-frame"),
        ("offer without an offer", "WH15P3R", b'{"type":"offer","sessionCode":"A"}', "bad-frame"),
    ]
    return [{"name": name, "dialect": dialect, "hex": data.hex(), "code": code} for name, dialect, data, code in rows]


def test_the_vectors_are_what_this_makes() -> None:
    assert json.loads(FILE.read_text()) == make()


if __name__ == "__main__":
    FILE.write_text(json.dumps(make(), indent=1, ensure_ascii=False) + "\n")

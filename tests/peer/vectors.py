"""Makes the test vectors of the peer protocol; ``python -m tests.peer.vectors`` writes them anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.peer.support import ManyPlugins, frames, seeded, terms
from whisperd.peer.channel import Channel
from whisperd.peer.handshake import InviterHandshake, JoinerHandshake
from whisperd.peer.secrets import InviteKeys, Seal, transcript
from whisperd.wire import envelope, sas
from whisperd.wire.envelope import ChannelFrame, End, Kind, Stream, Text
from whisperd.wire.invite import Invite, RelayAddress

FOLDER = Path(__file__).parent.parent / "vectors"
SECRET = bytes(range(32))
ONION = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion"


def invite() -> list[dict[str, Any]]:
    """Links, what they say, and what their secret gives."""
    random = seeded("invite vectors")
    cases = [(RelayAddress(ONION), 2, 1_800_000_000, SECRET), (RelayAddress(ONION, 8080), 3, 2**32 - 1, random(32)),
             (RelayAddress("127.0.0.1", 8787), 1, 0, random(32))]
    return [_invite(Invite(*case)) for case in cases]


def _invite(made: Invite) -> dict[str, Any]:
    keys = InviteKeys.derive(made.secret)
    derived = {name: bytes(getattr(keys, name)).hex()
               for name in ("room", "psk", "seal_inviter", "seal_joiner", "commitment")}
    return {"link": made.link(), "host": str(made.relay), "floor": made.floor, "expires": made.expires,
            "secret": made.secret.hex(), **derived}


def sas_values() -> list[dict[str, Any]]:
    """Bytes, and the words and the number that they give."""
    random = seeded("sas vectors")
    cases = [(bytes(9), bytes(60)), (b"\xff" * 9, b"\xff" * 60), *((random(9), random(60)) for _ in range(4))]
    return [{"words_bytes": nine.hex(), "words": sas.words(nine), "number_bytes": sixty.hex(),
             "number": sas.number(sixty)} for nine, sixty in cases]


def envelopes() -> dict[str, Any]:
    """Channel plaintexts and padded messages."""
    chat, end = envelope.encode_chat(Text("Grüße")), envelope.encode_control(End())
    cases = [ChannelFrame(Kind.HELLO, 0), ChannelFrame(Kind.ACK, 7),
             ChannelFrame(Kind.DATA, 3, seq=1, stream=Stream.CHAT, payload=chat),
             ChannelFrame(Kind.DATA, 2**40, seq=2**33, stream=Stream.CONTROL, payload=end),
             ChannelFrame(Kind.DATA, 0, seq=2, stream=Stream.CHAT, payload=envelope.encode_chat(Text("x" * 250)))]
    return {
        "channel": [{"kind": int(case.kind), "stream": int(case.stream), "seq": case.seq, "ack": case.ack,
                     "payload": case.payload.hex(), "plaintext": case.encode().hex()} for case in cases],
        "padding": [{"message": bytes(size).hex(), "size": len(envelope.pad_message(bytes(size)))}
                    for size in (0, 252, 253, 508, 509)],
    }


def handshake() -> dict[str, Any]:
    """A whole handshake with a key exchange that is named by its secret, and the first channel frames."""
    plugins = ManyPlugins([("vector-weak", 1), ("vector-kex", 2)], [("double-he", 2)])
    inviter, joiner = (role(terms(f"handshake {role.__name__}", plugins=plugins))
                       for role in (InviterHandshake, JoinerHandshake))
    m1 = joiner.begin()
    m2 = inviter.receive(frames(m1)[0])
    m3 = joiner.receive(frames(m2)[0])
    prekey = bytes(inviter._attempt.prekeys.key)
    m4 = inviter.receive(frames(m3)[0])
    done = joiner.receive(frames(m4)[0])[0]
    return {
        "invite_secret": SECRET.hex(), "invite_version": 1, "invite_floor": 1,
        "frames": [frames(effects)[0].hex() for effects in (m1, m2, m3, m4)],
        **_session(plugins, prekey, [frames(effects)[0] for effects in (m1, m2, m3)], done),
        "channel_frames": _channel(m4[1], done),
    }


def _session(plugins: ManyPlugins, prekey: bytes, sealed: list[bytes], done: Any) -> dict[str, Any]:
    keys = InviteKeys.derive(SECRET)
    m1, m2, m3 = (Seal.for_role(keys, inviter=step != 1).open(frame) for step, frame in enumerate(sealed))
    exchange = envelope.decode_message(m3)
    assert isinstance(exchange, envelope.Exchange)
    private = type("Private", (), {"key": prekey})
    return {
        "messages": [m1.hex(), m2.hex(), m3.hex()],
        "key_exchange_secret": plugins.kex("vector-kex").accept(exchange.message, private, None).hex(),
        "transcript": transcript(1, 1, m1, m2, exchange.message).hex(),
        "confirm_joiner": bytes(done.keys.confirm_joiner).hex(),
        "confirm_inviter": bytes(done.keys.confirm_inviter).hex(),
        "verification": bytes(done.keys.verification).hex(),
        "associated_data": done.keys.associated_data.hex(),
        "words": done.keys.words(), "number": done.keys.number(),
    }


def _channel(inviter: Any, joiner: Any) -> list[dict[str, str]]:
    """The joiner's greeting, the inviter's, and a text of the joiner."""
    channels = {"joiner": Channel(joiner.session, joiner.keys.associated_data),
                "inviter": Channel(inviter.session, inviter.keys.associated_data)}
    channels["inviter"].link_up(0)
    first = frames(channels["joiner"].link_up(0))[0]
    second = frames(channels["inviter"].receive(first, 0))[0]
    channels["joiner"].receive(second, 0)
    third = frames(channels["joiner"].send(Stream.CHAT, envelope.encode_chat(Text("hello")), 0)[1])[0]
    return [{"from": side, "frame": frame.hex()}
            for side, frame in (("joiner", first), ("inviter", second), ("joiner", third))]


MAKERS = {"invite": invite, "sas": sas_values, "envelope": envelopes, "handshake": handshake}


def render(name: str) -> str:
    """Return the text of one file of vectors."""
    return json.dumps(MAKERS[name](), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for each in MAKERS:
        (FOLDER / f"{each}.json").write_text(render(each), encoding="utf-8")

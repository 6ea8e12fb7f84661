"""Makes the test vectors of the peer protocol; ``python -m tests.peer.vectors`` writes them anew."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.peer.support import ManyPlugins, frames, seeded, terms
from whisperd.peer.contacts.secrets import call_keys, first_secret, next_secret
from whisperd.peer.conversation.channel import Channel
from whisperd.peer.conversation.disappearing import rank
from whisperd.peer.handshake.handshake import InviterHandshake, JoinerHandshake, Terms
from whisperd.peer.handshake.keys import InviteKeys, Seal, transcript
from whisperd.peer.invites.spoken import CodePlugins
from whisperd.plugin.identity import MemoryIdentity
from whisperd.plugin.registry import Registry
from whisperd.wire import envelope, sas
from whisperd.wire.contacts import SaveContact, WithdrawContact, encode_contact_message
from whisperd.wire.direct import PING, PONG, At, DirectKey, encode_direct, record
from whisperd.wire.disappearing import Timer, encode_timer
from whisperd.wire.envelope import MAX_TIMER, MIN_TIMER, ChannelFrame, DisappearingText, End, Kind, Stream, Text
from whisperd.wire.invite import Invite, RelayAddress
from whisperd.wire.spoken import SpokenCode

FOLDER = Path(__file__).parent.parent / "vectors"
SECRET = bytes(range(32))
OTHER_ONION = "duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion"
ONION = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion"


def invite() -> list[dict[str, Any]]:
    """Links, what they say, and what their secret gives."""
    random = seeded("invite vectors")
    cases = [(RelayAddress(ONION), 2, 1_800_000_000, SECRET), (RelayAddress(ONION, 8080), 3, 2**32 - 1, random(32)),
             (RelayAddress("127.0.0.1", 8787), 1, 0, random(32)),
             (RelayAddress(ONION), 3, 1_800_000_000, random(32), (RelayAddress(OTHER_ONION, 8080),)),
             (RelayAddress("localhost"), 1, 0, random(32),
              (RelayAddress("127.1.2.3", 8787), RelayAddress("[::1]", 8788), RelayAddress("localhost", 8789)))]
    return [_invite(Invite(*case)) for case in cases]


def _invite(made: Invite) -> dict[str, Any]:
    return {"link": made.link(), "host": str(made.relay), "others": [str(relay) for relay in made.others],
            "floor": made.floor, "expires": made.expires, "secret": made.secret.hex(),
            **_keys(InviteKeys.derive(made.secret))}


def _keys(keys: InviteKeys) -> dict[str, str]:
    return {name: bytes(getattr(keys, name)).hex()
            for name in ("room", "psk", "seal_inviter", "seal_joiner", "commitment")}


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


def disappearing() -> dict[str, Any]:
    """What is said of timers, the texts that have one, and which proposal counts."""
    timers = [Timer(1, 0), Timer(2, 30), Timer(200, 600), Timer(2**32 - 1, MAX_TIMER)]
    texts = [DisappearingText("Grüße", 600), DisappearingText("x", MIN_TIMER), DisappearingText("x" * 40, MAX_TIMER)]
    order = [(0, 0), (1, 0), (1, MAX_TIMER), (1, 600), (1, 30), (2, 0), (2, 86_400)]
    assert sorted(order, key=rank) == order
    return {
        "timers": [{"number": one.number, "seconds": one.seconds, "payload": encode_timer(one).hex()}
                   for one in timers],
        "texts": [{"text": one.text, "seconds": one.seconds, "payload": envelope.encode_chat(one).hex()}
                  for one in texts],
        "order": order,
    }


def handshake() -> dict[str, Any]:
    """A whole handshake with a key exchange that is named by its secret, and the first channel frames."""
    plugins = ManyPlugins([("vector-weak", 1), ("vector-kex", 2)], [("double-he", 2)])
    inviter, joiner = (role(terms(f"handshake {role.__name__}", plugins=plugins))
                       for role in (InviterHandshake, JoinerHandshake))
    m1 = joiner.begin()
    m2 = inviter.receive(frames(m1)[0])
    m3 = joiner.receive(frames(m2)[0])
    prekey = bytes(inviter._attempt.prekeys._handed_out[0].private.key)
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
    assert isinstance(exchange, envelope.HandshakeExchange)
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


def code() -> dict[str, Any]:
    """Codes, the keys of nameplates, and a whole handshake over a code, with every byte that the inviter drew."""
    random = seeded("code vectors")
    values = [bytes(5), b"\xff" * 5, random(5), random(5)]
    numbers = (7, 999_999, 42, 1)
    spoken = [(value, SpokenCode.make(number, value)) for number, value in zip(numbers, values, strict=True)]
    return {
        "codes": [{"bytes": value.hex(), "nameplate": made.nameplate, "code": str(made),
                   **_keys(InviteKeys.of_nameplate(made.nameplate))} for value, made in spoken],
        "handshake": _code_handshake(spoken[2][1]),
    }


def _code_handshake(spoken: SpokenCode) -> dict[str, Any]:
    registry = Registry.load(["cpace-25519"], ["double-he"])
    drawn: list[bytes] = []
    source = seeded("code inviter")

    def noted(size: int) -> bytes:
        drawn.append(source(size))
        return drawn[-1]

    terms = Terms(InviteKeys.of_nameplate(spoken.nameplate), 1, 1, CodePlugins(registry, spoken), MemoryIdentity, noted)
    inviter, joiner = InviterHandshake(terms), _Joiner(replace(terms, random=seeded("code joiner")))
    sent = [joiner.begin()]
    sent.append(frames(inviter.receive(sent[0]))[0])
    sent.append(joiner.exchange(sent[1]))
    confirm, done = inviter.receive(sent[2])
    return {
        "code": str(spoken), "inviter_drew": [value.hex() for value in drawn],
        "frames": [frame.hex() for frame in [*sent, confirm.frame]],
        "verification": bytes(done.keys.verification).hex(), "associated_data": done.keys.associated_data.hex(),
        "words": done.keys.words(), "number": done.keys.number(),
    }


class _Joiner:
    """The joiner of the file that is there, as the ciphertext of ML-KEM is different each time, or else a new one."""

    def __init__(self, terms: Terms) -> None:
        kept = FOLDER / "code.json"
        self._kept = json.loads(kept.read_text())["handshake"]["frames"] if kept.exists() else []
        self._handshake = JoinerHandshake(terms)

    def begin(self) -> bytes:
        made = frames(self._handshake.begin())[0]
        return bytes.fromhex(self._kept[0]) if self._kept else made

    def exchange(self, answer: bytes) -> bytes:
        made = frames(self._handshake.receive(answer))[0]
        return bytes.fromhex(self._kept[2]) if self._kept else made


def direct_links() -> dict[str, Any]:
    """What is said of direct links, and what goes over one."""
    random = seeded("direct vectors")
    key, frames_ = random(32), [b"\x02", b"\x02" + random(255)]
    return {
        "messages": [{"key": key.hex(), "payload": encode_direct(DirectKey(key)).hex()},
                     {"onion": ONION, "payload": encode_direct(At(ONION)).hex()}],
        "records": [{"kind": 0, "content": "", "record": PING.hex()}, {"kind": 1, "content": "", "record": PONG.hex()},
                    *({"kind": 2, "content": frame.hex(), "record": record(frame).hex()} for frame in frames_)],
    }


def contact() -> dict[str, Any]:
    """The secret of two contacts, the keys of its calls, the next secret, a ring, and what is said to agree."""
    random = seeded("contact vectors")
    nonces, verification, later = [random(32), random(32)], random(32), random(32)
    secret = first_secret(*nonces, verification)
    epochs = (0, 494_713, 2**40)
    keys = call_keys(secret, epochs[1])
    return {
        "inviter_nonce": nonces[0].hex(), "joiner_nonce": nonces[1].hex(), "verification": verification.hex(),
        "secret": secret.hex(),
        "keep": encode_contact_message(SaveContact(nonces[0])).hex(),
        "withdraw": encode_contact_message(WithdrawContact()).hex(),
        "calls": [{"epoch": epoch, **_keys(call_keys(secret, epoch))} for epoch in epochs],
        "ring": Seal.for_role(keys, inviter=True).close(envelope.encode_message(envelope.Ring()), random).hex(),
        "ring_epoch": epochs[1], "next_verification": later.hex(), "next_secret": next_secret(secret, later).hex(),
    }


MAKERS = {"invite": invite, "sas": sas_values, "envelope": envelopes, "handshake": handshake, "code": code,
          "direct": direct_links, "contact": contact, "disappearing": disappearing}


def render(name: str) -> str:
    """Return the text of one file of vectors."""
    return json.dumps(MAKERS[name](), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for each in MAKERS:
        (FOLDER / f"{each}.json").write_text(render(each), encoding="utf-8")

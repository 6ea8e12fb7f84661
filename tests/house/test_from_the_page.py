"""Whoever implements whisperd-protocol(7) from the page arrives at the test vectors."""

from __future__ import annotations

import json
from itertools import combinations
from typing import Any

import msgspec
import pytest
from mnemonic import Mnemonic

from tests.house import from_the_page as page
from tests.house.pages import ROOT


def vectors(name: str) -> Any:
    """Return the content of a file of test vectors."""
    return json.loads((ROOT / "tests/vectors" / name).read_text())


def unhex(value: str | list[str]) -> Any:
    """Return the bytes of a hexadecimal string, or of each in a list."""
    return bytes.fromhex(value) if isinstance(value, str) else [bytes.fromhex(each) for each in value]


@pytest.mark.parametrize("case", vectors("invite.json"), ids=lambda case: "-".join([case["host"], *case["others"]]))
def test_invites(case):
    authority = case["link"].removeprefix("http://").partition("/")[0]
    assert page.link(authority, case["floor"], case["expires"], unhex(case["secret"]), case["others"]) == case["link"]
    for name, value in page.derived(unhex(case["secret"])).items():
        assert value == unhex(case[name.replace(" ", "_")])


def test_the_handshake():
    case = vectors("handshake.json")
    keys = page.derived(unhex(case["invite_secret"]))
    senders = ["joiner", "inviter", "joiner", "inviter"]
    opened = [page.open_sealed(frame, keys["commitment"], keys[f"seal {sender}"])
              for frame, sender in zip(unhex(case["frames"]), senders, strict=True)]
    assert opened[:3] == unhex(case["messages"])
    message = opened[2].partition(b"\xa7message\xc4")[2]
    message = message[1:1 + message[0]]
    th = page.transcript(case["invite_version"], case["invite_floor"], opened[0], opened[1], message)
    assert th == unhex(case["transcript"])
    session = page.session(th, unhex(case["key_exchange_secret"]), keys["psk"])
    for name in ("confirm joiner", "confirm inviter", "verification", "associated data"):
        assert session[name] == unhex(case[name.replace(" ", "_")])
    assert page.number(page.expand(session["verification"], b"whisperd/1 number", 60)) == case["number"]
    listed = Mnemonic("english").wordlist
    assert page.words(page.expand(session["verification"], b"whisperd/1 words", 9), listed) == case["words"]


@pytest.mark.parametrize("case", vectors("envelope.json")["channel"], ids=lambda case: f"{case['kind']}-{case['seq']}")
def test_channel_frames(case):
    head = [case[name] for name in ("kind", "stream", "seq", "ack")]
    assert page.channel_plaintext(*head, unhex(case["payload"])) == unhex(case["plaintext"])


def test_direct_links():
    said = vectors("direct.json")["messages"]
    assert page.direct_payload("key", unhex(said[0]["key"])) == unhex(said[0]["payload"])
    assert page.direct_payload("at", said[1]["onion"]) == unhex(said[1]["payload"])
    for case in vectors("direct.json")["records"]:
        assert page.direct_record(case["kind"], unhex(case["content"])) == unhex(case["record"])


def test_texts_that_timer():
    case = vectors("disappearing.json")
    for timer in case["timers"]:
        assert page.timer_payload(timer["number"], timer["seconds"]) == unhex(timer["payload"])
    for text in case["texts"]:
        assert page.disappearing_text(text["text"], text["seconds"]) == unhex(text["payload"])
    for one, other in combinations(case["order"], 2):
        assert page.counts_more(other, one) and not page.counts_more(one, other)


@pytest.mark.parametrize("case", vectors("sas.json"), ids=lambda case: case["number"][:5])
def test_words_and_numbers(case):
    assert page.words(unhex(case["words_bytes"]), Mnemonic("english").wordlist) == case["words"]
    assert page.number(unhex(case["number_bytes"])) == case["number"]


@pytest.mark.parametrize("case", [{"file": file, **case}
                                  for file in ("pqxdh", "pqxdh_mldsa87", "pqxdh_falcon1024", "x3dh")
                                  for case in vectors(f"{file}.json")["cases"]],
                         ids=lambda case: f"{case['file']} {case['name']}")
def test_the_key_exchange(case):
    suite = vectors(f"{case['file']}.json")["about"].partition(",")[0]
    secret = page.key_exchange(suite, unhex(case["message"]), unhex(case["bundle"]["public"]),
                               unhex(case["inviter"]["draws"])[1], unhex(case["bundle"]["draws"]))
    assert secret == unhex(case["secret"])


@pytest.mark.parametrize("case", vectors("p256_simple.json")["cases"], ids=lambda case: case["name"])
def test_p256_simple(case):
    drawn = unhex(case["bundle"]["draws"])[0]
    made = page.p256_simple(unhex(case["message"]["public"]), unhex(case["bundle"]["public"]), drawn)
    assert made == unhex(case["secret"])


@pytest.mark.parametrize("case", vectors("cpace.json")["cases"], ids=lambda case: case["normalised"])
def test_cpace(case):
    *prekeys, _, private = unhex(case["bundle"]["draws"])
    identity = unhex(case["inviter"]["draws"])[1]
    made = page.cpace(unhex(case["message"]), unhex(case["bundle"]["public"]), case["code"], identity, prekeys, private)
    assert page.normalised(case["code"]) == case["normalised"]
    assert made == unhex(case["secret"])


@pytest.mark.parametrize("case", vectors("code.json")["codes"], ids=lambda case: case["code"])
def test_spoken_codes(case):
    listed = Mnemonic("english").wordlist
    assert page.spoken(case["nameplate"], unhex(case["bytes"]), listed) == case["code"]
    for name, value in page.of_nameplate(case["nameplate"]).items():
        assert value == unhex(case[name.replace(" ", "_")])


def test_contacts_and_calls():
    case = vectors("contact.json")
    inviter, joiner = unhex(case["inviter_nonce"]), unhex(case["joiner_nonce"])
    secret = page.contact_secret(inviter + joiner, unhex(case["verification"]))
    assert secret == unhex(case["secret"])
    for call in case["calls"]:
        for name, value in page.of_call(secret, call["epoch"]).items():
            assert value == unhex(call[name.replace(" ", "_")])
    keys = page.of_call(secret, case["ring_epoch"])
    ring = page.open_sealed(unhex(case["ring"]), keys["commitment"], keys["seal inviter"])
    assert msgspec.msgpack.decode(ring) == {"t": "ring"}
    assert msgspec.msgpack.decode(unhex(case["keep"])) == {"t": "keep", "nonce": inviter}
    assert msgspec.msgpack.decode(unhex(case["withdraw"])) == {"t": "withdraw"}
    assert page.contact_secret(secret, unhex(case["next_verification"])) == unhex(case["next_secret"])


def test_the_handshake_over_a_spoken_code():
    case = vectors("code.json")["handshake"]
    keys = page.of_nameplate(int(case["code"].partition("-")[0]))
    senders = ["joiner", "inviter", "joiner", "inviter"]
    opened = [page.open_sealed(frame, keys["commitment"], keys[f"seal {sender}"])
              for frame, sender in zip(unhex(case["frames"]), senders, strict=True)]
    m1, m2, m3, m4 = map(msgspec.msgpack.decode, opened)
    assert m2["choice"] == ["cpace-25519", "double-he"] and m1["kex"] == m2["kex"] == [["cpace-25519", 1, 2]]
    _, identity, *prekeys, _, private = unhex(case["inviter_drew"])[:7]
    secret = page.cpace(m3["message"], m2["bundle"], case["code"], identity, prekeys, private)
    th = page.transcript(1, 1, opened[0], opened[1], m3["message"])
    session = page.session(th, secret, keys["psk"])
    assert (m3["confirm"], m4["confirm"]) == (session["confirm joiner"], session["confirm inviter"])
    assert session["verification"] == unhex(case["verification"])
    assert session["associated data"] == unhex(case["associated_data"])


def test_the_ratchet():
    case = vectors("double_he.json")
    secret, private = unhex(case["secret"]), unhex(case["offer"]["draws"])[0]
    sides = {"initiator": page.Ratchet(secret, offer=page.public_of(private)),
             "responder": page.Ratchet(secret, own=private)}
    sides["initiator"].start_sending(unhex(case["initiator"]["draws"])[0])
    sent = []
    for step in case["steps"]:
        if "encrypt" in step:
            side, (*turned, nonce) = sides[step["encrypt"]], unhex(step["draws"])
            if turned:
                side.start_sending(turned[0])
            assert side.encrypt(unhex(step["plaintext"]), unhex(step["ad"]), nonce) == unhex(step["message"])
            sent.append(step)
        else:
            said = sent[step["number"]]
            assert sides[step["decrypt"]].decrypt(unhex(said["message"]), unhex(said["ad"])) == unhex(step["plaintext"])

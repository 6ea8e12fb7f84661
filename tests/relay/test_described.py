"""Conversations of WH15P3R's protocol: every byte that each side sees is what the protocol's page says."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.relay.described import READY, Step, described, happened

SDP = ("v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
       "a=msid-semantic: WMS\r\n")
CANDIDATE = "candidate:1 1 udp 2113937151 7a1b.local 51234 typ host generation 0 ufrag Zx9k network-cost 999"


def join(initiator: bool, code: str = "K7QM2XWP") -> str:
    return json.dumps({"type": "join", "sessionCode": code, "isInitiator": initiator}, separators=(",", ":"))


def signal(kind: str, value: object, code: str = "K7QM2XWP") -> str:
    """Return a signal as a browser's JSON.stringify writes it."""
    field = {"offer": "offer", "answer": "answer", "ice-candidate": "candidate"}[kind]
    return json.dumps({"type": kind, "sessionCode": code, field: value}, separators=(",", ":"))


def session(media: str) -> list[Step]:
    """Return a whole session: both join, offer and answer, candidates trickle from both sides, both close."""
    offer = {"type": "offer", "sdp": SDP + media}
    answer = {"type": "answer", "sdp": SDP + media}
    trickle: list[Step] = [(who, signal("ice-candidate", {
        "candidate": CANDIDATE, "sdpMid": "0", "sdpMLineIndex": number, "usernameFragment": "Zx9k"}))
        for number in range(6) for who in ("anna", "ben")]
    return [("anna", join(True)), ("ben", join(False)), ("anna", signal("offer", offer)),
            ("ben", signal("answer", answer)), *trickle, ("anna", signal("ice-candidate", None)),
            ("anna", None), ("ben", None)]


CONVERSATIONS: dict[str, list[Step]] = {
    "text": session("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"),
    "voice": session("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\n"),
    "video": session("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
                     "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=rtpmap:96 VP8/90000\r\n"),
    "the joiner is first": [("ben", join(False)), ("anna", join(True)), ("ben", signal("offer", {"sdp": SDP}))],
    "a page is loaded again": [("anna", join(True)), ("ben", join(False)), ("ben", None), ("ben", join(False)),
                               ("anna", signal("offer", {"sdp": SDP})), ("ben", signal("answer", {"sdp": SDP}))],
    "a third comes": [("anna", join(True)), ("ben", join(False)), ("carl", join(False)), ("dave", join(True)),
                      ("anna", signal("offer", 1)), ("ben", signal("answer", 2))],
    "the other has left": [("anna", join(True)), ("ben", join(False)), ("ben", None), ("anna", signal("offer", 1))],
    "two rooms": [("anna", join(True)), ("carl", join(True, "OTHER")), ("ben", join(False)),
                  ("dave", join(False, "OTHER")), ("anna", signal("offer", 1, "OTHER")), ("anna", signal("offer", 1)),
                  ("dave", signal("answer", "\u00e9\U0001f600", "OTHER"))],
}


@pytest.mark.parametrize("short", [True, False])
@pytest.mark.parametrize("name", CONVERSATIONS)
def test_each_side_sees_what_the_page_says(name: str, short: bool) -> None:
    conversation = CONVERSATIONS[name]
    seen = happened(conversation, short=short)
    assert seen == described(conversation)
    assert READY in seen["anna"]


who = st.sampled_from(["anna", "ben", "carl", "dave"])
codes = st.sampled_from(["K7QM2XWP", "OTHER"])
steps = st.tuples(who, st.one_of(
    st.builds(join, st.booleans(), codes), st.builds(join, st.booleans(), codes), st.none(),
    st.builds(signal, st.sampled_from(["offer", "answer", "ice-candidate"]),
              st.one_of(st.none(), st.integers(), st.text(max_size=9), st.just({"sdp": SDP})), codes)))


@settings(max_examples=400, deadline=None)
@given(st.lists(steps, max_size=14))
def test_so_it_is_in_every_other_conversation(conversation: list[Step]) -> None:
    """Whoever was refused for good says nothing more: its connection is gone."""
    kept, expected = [], described([])
    for step in conversation:
        if not any(isinstance(each, tuple) and each[1] for each in expected[step[0]]):
            kept.append(step)
            expected = described(kept)
    assert {each: found for each, found in happened(kept, short=True).items() if found} == {
        each: found for each, found in expected.items() if found}

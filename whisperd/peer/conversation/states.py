"""The states of a conversation that people see, and how one follows another."""

from __future__ import annotations

#: What a link says of another side that freed its seat, and will not come back.
PEER_LEFT = "peer-left"

#: Why a conversation ended whose place another one with the same contact has taken.
SUPERSEDED = "superseded"

WAITING, HANDSHAKE, CONNECTED, AWAY, ENDED = "waiting", "handshake", "connected", "away", "ended"

#: (state, what happened) -> next state; what is not in it changes nothing.
NEXT = {
    (WAITING, "link-up"): HANDSHAKE,
    (HANDSHAKE, "link-down"): WAITING,
    (HANDSHAKE, "heard"): CONNECTED,
    (CONNECTED, "link-down"): AWAY,
    (AWAY, "heard"): CONNECTED,
    (WAITING, "over"): ENDED,
    (HANDSHAKE, "over"): ENDED,
    (CONNECTED, "over"): ENDED,
    (AWAY, "over"): ENDED,
}

#: Failed handshakes after which an invite is given up.
MAX_FAILURES = 8
#: Most seconds before an inviter comes back after a failed handshake; the first time it is one second.
MAX_REJOIN_DELAY = 60.0

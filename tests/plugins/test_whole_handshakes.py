"""The whole handshake with each bundled key exchange: what its bundles and messages are too large for, fails here."""

from __future__ import annotations

import os

import pytest

from whisperd.config import load
from whisperd.errors import FloorNotMet
from whisperd.interfaces import Level
from whisperd.peer.effects import SendFrame
from whisperd.peer.handshake.established import Established
from whisperd.peer.handshake.handshake import InviterHandshake, JoinerHandshake, Terms
from whisperd.peer.handshake.keys import InviteKeys
from whisperd.plugin.identity import MemoryIdentity
from whisperd.plugin.registry import KEX, Registry

#: A frame's own bytes: its kind, the commitment, the nonce and the tag.
AROUND = 1 + 16 + 24 + 16
CLASSES = {256 << power for power in range(8)}
EVERY = ["pqxdh-25519-mlkem1024-mldsa87", "pqxdh-25519-mlkem1024-falcon1024", "pqxdh-25519-mlkem1024",
         "x3dh-25519", "p256-simple"]


def play(kex: list[str], floor: Level) -> tuple[list[Established], list[int]]:
    """Return what both sides established, and the sizes of the frames that they sent."""
    plugins = Registry.load(kex, ["double-he"])
    terms = [Terms(InviteKeys.derive(bytes(32)), floor, floor, plugins, MemoryIdentity, os.urandom) for _ in range(2)]
    sides = [InviterHandshake(terms[0]), JoinerHandshake(terms[1])]
    effects, turn, done, sizes = sides[1].begin(), 0, [], []
    while effects:
        done += [effect for effect in effects if isinstance(effect, Established)]
        frames = [effect.frame for effect in effects if isinstance(effect, SendFrame)]
        sizes += [len(frame) for frame in frames]
        effects, turn = [reply for frame in frames for reply in sides[turn].receive(frame)], 1 - turn
    return done, sizes


@pytest.mark.parametrize("plugin_id", EVERY)
def test_two_sides_are_established_with_frames_that_every_relay_forwards(plugin_id: str):
    done, sizes = play([plugin_id], Level.STANDARD)
    assert [found.kex.id for found in done] == [plugin_id] * 2
    assert done[0].keys.verification == done[1].keys.verification
    assert {size - AROUND for size in sizes} <= CLASSES
    assert max(sizes) <= min(36_864, load().relay.max_frame)


def test_the_strongest_is_taken_wherever_it_stands_in_the_list():
    done, _ = play(EVERY[::-1], Level.STANDARD)
    assert done[0].kex.level == Level.QUANTUM_RESISTANT


def test_every_bundled_key_exchange_is_tried_here():
    assert set(EVERY) == {row["id"] for row in Registry().table() if row["kind"] == KEX} - {"cpace-25519"}


def test_the_one_that_needs_a_code_is_not_offered_without_one():
    done, _ = play(["cpace-25519", "pqxdh-25519-mlkem1024"], Level.STANDARD)
    assert done[0].kex.id == "pqxdh-25519-mlkem1024"
    with pytest.raises(FloorNotMet):
        play(["cpace-25519"], Level.STANDARD)

"""The demo's witness counts rooms and sizes, and notices a text that passes in the clear."""

from __future__ import annotations

from whisperd.demo.watch import Watch, line


def watched(*frames: tuple[str, bytes]) -> Watch:
    return Watch.parse("\n".join(["a line of something else", *(line(*frame) for frame in frames)]).encode())


def test_rooms_sizes_and_order_are_read_back():
    watch = watched(("r1", b"\1" * 300), ("r1", b"\2" * 300), ("r2", b"\3" * 20))
    assert watch.rooms == 2
    assert watch.max_size == 300
    assert watch.summary() == "3 frames: 1 x 20, 2 x 300"


def test_nothing_seen_is_nothing():
    assert (watched().rooms, watched().max_size) == (0, 0)


def test_a_text_in_the_clear_is_noticed():
    watch = watched(("r1", b"\0\1 attack at dawn \2"))
    assert watch.holds(["hello", "attack at dawn"])
    assert not watch.holds(["attack at dusk"])

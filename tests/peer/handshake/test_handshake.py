"""The handshake between two cores with the real plug-ins: it succeeds, or stops with an error that says which."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.peer.support import ManyPlugins, PlainKex, frames, only, pair, seeded, terms
from whisperd.errors import (
    ConfirmationFailed,
    FloorNotMet,
    HandshakeTampered,
    KeyExchangeRefused,
    OffersStripped,
    PluginRefused,
    WrongSecret,
)
from whisperd.peer.handshake.established import Established
from whisperd.peer.handshake.handshake import Aborted, InviterHandshake, JoinerHandshake
from whisperd.peer.handshake.keys import InviteKeys, Seal
from whisperd.wire.envelope import Confirm, HandshakeAnswer, HandshakeExchange, Hello, decode_message, encode_message


def run(inviter: InviterHandshake, joiner: JoinerHandshake, holding: int = 5) -> list[list[Any]]:
    """Play until the last step gave frame number ``holding``, which nobody has received yet; 5 is the end."""
    steps: list[list[Any]] = [joiner.begin()]
    for step in range(holding - 1):
        steps.append((joiner if step % 2 else inviter).receive(frames(steps[-1])[0]))
    return steps


def resealed(frame: bytes, change: Any, *, by_inviter: bool) -> bytes:
    """Change a message as somebody who knows the secret of the invite can."""
    keys = InviteKeys.derive(bytes(range(32)))
    opened = decode_message(Seal.for_role(keys, inviter=not by_inviter).open(frame))
    return Seal.for_role(keys, inviter=by_inviter).close(encode_message(change(opened)), seeded("somebody"))


def swap(frame: bytes, *, by_inviter: bool, **fields: Any) -> bytes:
    return resealed(frame, lambda message: msgspec.structs.replace(message, **fields), by_inviter=by_inviter)


def test_both_sides_come_to_the_same_keys_and_a_session_that_works():
    *_, inviter_done, joiner_done = run(*pair())
    ours, theirs = only(inviter_done, Established), only(joiner_done, Established)
    assert ours.keys.words() == theirs.keys.words() and ours.keys.number() == theirs.keys.number()
    assert (ours.kex.id, ours.ratchet.id) == ("pqxdh-25519-mlkem1024", "double-he")
    assert (ours.kex, ours.ratchet) == (theirs.kex, theirs.ratchet)
    message = theirs.session.encrypt(b"hello", theirs.keys.associated_data)
    assert ours.session.decrypt(message, ours.keys.associated_data) == b"hello"


def test_every_frame_is_of_a_size_class_and_looks_random():
    sizes = [len(frame) - 57 for step in run(*pair()) for frame in frames(step)]
    assert all(size in {256 << power for power in range(8)} for size in sizes)
    _, joiner = pair()
    first, second = frames(joiner.begin())[0], frames(joiner.begin())[0]
    assert first[:17] == second[:17] and first[17:] != second[17:]
    assert b"pqxdh" not in first and b"hello" not in first


def test_a_side_with_another_secret_is_told_so_and_the_right_one_is_served_afterwards():
    inviter, joiner = pair()
    stranger = JoinerHandshake(terms("stranger", secret=bytes(32)))
    with pytest.raises(WrongSecret):
        inviter.receive(frames(stranger.begin())[0])
    assert only(run(inviter, joiner)[-1], Established)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 3), st.data())
def test_a_changed_byte_in_any_frame_stops_the_handshake_and_burns_nothing(step, data):
    inviter, joiner = pair()
    steps = run(inviter, joiner, holding=step + 1)
    frame = bytearray(frames(steps[-1])[0])
    place = data.draw(st.one_of(st.integers(0, 60), st.integers(0, len(frame) - 1)))
    frame[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(WrongSecret if 1 <= place <= 16 else HandshakeTampered):
        (joiner if step % 2 else inviter).receive(bytes(frame))
    assert only(run(inviter, joiner)[-1], Established)


@given(st.binary(max_size=400))
def test_any_bytes_are_a_typed_error(data):
    inviter, _ = pair()
    with pytest.raises((WrongSecret, HandshakeTampered)):
        inviter.receive(data)


def test_a_frame_that_is_reflected_is_refused():
    _, joiner = pair()
    with pytest.raises(HandshakeTampered):
        joiner.receive(frames(joiner.begin())[0])


SUITES = ManyPlugins([("strong", 3), ("middle", 2), ("weak", 1)], [("double-he", 2), ("double", 1)])


def test_offers_that_somebody_stripped_on_the_way_are_noticed_by_the_joiner():
    inviter, joiner = pair(plugins=SUITES)
    hello = frames(joiner.begin())[0]
    stripped = resealed(hello, lambda m: msgspec.structs.replace(m, kex=m.kex[2:]), by_inviter=False)
    with pytest.raises(OffersStripped):
        joiner.receive(frames(inviter.receive(stripped))[0])


def test_offers_stripped_with_the_digest_forged_are_noticed_by_the_choice():
    inviter, joiner = pair(plugins=SUITES)
    hello = frames(joiner.begin())[0]
    answer = frames(inviter.receive(resealed(hello, lambda m: msgspec.structs.replace(m, kex=m.kex[2:]),
                                             by_inviter=False)))[0]
    with pytest.raises(OffersStripped):
        joiner.receive(resealed(answer, lambda m: replace_seen(m, joiner), by_inviter=True))


def replace_seen(answer: HandshakeAnswer, joiner: JoinerHandshake) -> HandshakeAnswer:
    import hashlib
    return msgspec.structs.replace(answer, seen=hashlib.sha256(joiner._attempt.hello).digest())


def test_offers_stripped_in_both_directions_are_noticed_by_the_confirmation():
    inviter, joiner = pair(plugins=SUITES)
    hello = frames(joiner.begin())[0]
    answer = frames(inviter.receive(resealed(hello, lambda m: msgspec.structs.replace(m, kex=m.kex[2:]),
                                             by_inviter=False)))[0]
    forged = resealed(answer, lambda m: msgspec.structs.replace(replace_seen(m, joiner), kex=m.kex[2:]),
                      by_inviter=True)
    exchange = frames(joiner.receive(forged))[0]
    expected = inviter._earlier._digests
    with pytest.raises(ConfirmationFailed):
        inviter.receive(swap(exchange, by_inviter=False, seen=next(iter(expected))))


def test_reordered_offers_are_noticed():
    inviter, joiner = pair(plugins=SUITES)
    hello = frames(joiner.begin())[0]
    answer = frames(inviter.receive(resealed(hello, lambda m: msgspec.structs.replace(m, kex=m.kex[::-1]),
                                             by_inviter=False)))[0]
    with pytest.raises(OffersStripped):
        joiner.receive(answer)


def test_another_choice_than_the_rule_gives_is_refused():
    inviter, joiner = pair(plugins=SUITES)
    answer = frames(inviter.receive(frames(joiner.begin())[0]))[0]
    with pytest.raises(OffersStripped):
        joiner.receive(swap(answer, by_inviter=True, choice=("weak", "double-he")))


def test_an_exchange_for_an_answer_that_was_never_sent_is_refused():
    inviter, joiner = pair()
    exchange = frames(run(inviter, joiner, holding=3)[-1])[0]
    with pytest.raises(OffersStripped):
        inviter.receive(swap(exchange, by_inviter=False, seen=bytes(32)))


@pytest.mark.parametrize(("own", "others", "of_link"), [(3, 1, 1), (1, 3, 1), (1, 1, 3)])
def test_a_floor_that_the_common_suites_do_not_reach_stops_it_whoever_asks_for_it(own, others, of_link):
    inviter = InviterHandshake(terms("inviter", floor=own, invite_floor=of_link))
    joiner = JoinerHandshake(terms("joiner", floor=others, invite_floor=of_link))
    with pytest.raises(FloorNotMet):
        inviter.receive(frames(joiner.begin())[0])


def test_the_joiner_holds_to_its_floor_when_the_inviter_ignores_it():
    inviter, _ = pair()
    strict = JoinerHandshake(terms("joiner", floor=3))
    hello = swap(frames(strict.begin())[0], by_inviter=False, floor=1)
    answer = frames(inviter.receive(hello))[0]
    with pytest.raises(FloorNotMet):
        strict.receive(resealed(answer, lambda m: replace_seen(m, strict), by_inviter=True))


@pytest.mark.parametrize("change", ["confirm", "message"])
def test_a_wrong_value_of_the_joiner_is_refused(change):
    inviter, joiner = pair()
    exchange = frames(run(inviter, joiner, holding=3)[-1])[0]
    value = bytes(32) if change == "confirm" else b"nonsense"
    with pytest.raises(ConfirmationFailed if change == "confirm" else KeyExchangeRefused):
        inviter.receive(swap(exchange, by_inviter=False, **{change: value}))
    assert only(run(inviter, joiner)[-1], Established)


def test_a_wrong_confirmation_of_the_inviter_is_refused():
    inviter, joiner = pair()
    exchange = frames(run(inviter, joiner, holding=3)[-1])[0]
    with pytest.raises(ConfirmationFailed):
        joiner.receive(swap(frames(inviter.receive(exchange))[0], by_inviter=True, confirm=bytes(32)))


@pytest.mark.parametrize("field", ["bundle", "offer"])
def test_key_material_that_is_none_is_refused(field):
    inviter, joiner = pair()
    answer = frames(inviter.receive(frames(joiner.begin())[0]))[0]
    with pytest.raises(KeyExchangeRefused):
        joiner.receive(swap(answer, by_inviter=True, **{field: b"nonsense"}))


def test_two_links_with_different_floors_do_not_agree():
    inviter = InviterHandshake(terms("inviter", invite_floor=2))
    joiner = JoinerHandshake(terms("joiner", invite_floor=1))
    exchange = frames(run(inviter, joiner, holding=3)[-1])[0]
    with pytest.raises(ConfirmationFailed):
        inviter.receive(exchange)


@pytest.mark.parametrize("step", range(4))
def test_a_repeated_frame_changes_nothing(step):
    inviter, joiner = pair()
    steps = run(inviter, joiner, holding=step + 1)
    repeated, receiver = frames(steps[-1])[0], (joiner if step % 2 else inviter)
    reply = receiver.receive(repeated)
    assert receiver.receive(repeated) == []
    if step == 3:
        assert only(reply, Established)
        return
    for step_left in range(step + 1, 4):
        reply = (joiner if step_left % 2 else inviter).receive(frames(reply)[0])
    assert only(reply, Established)


@pytest.mark.parametrize("step", range(4))
def test_a_frame_of_an_earlier_attempt_disturbs_no_later_one(step):
    inviter, joiner = pair()
    late = frames(run(inviter, joiner, holding=step + 1)[-1])[0]
    hello = frames(joiner.begin())[0]
    answer = frames(inviter.receive(hello))[0]
    assert (joiner if step % 2 else inviter).receive(late) == [] or step == 0
    if step == 0:  # the hello was lost before: it counts as new, and the joiner ignores the answer to it
        answer = frames(inviter.receive(frames(joiner.begin())[0]))[0]
    confirm = frames(inviter.receive(frames(joiner.receive(answer))[0]))[0]
    assert only(joiner.receive(confirm), Established)


def test_a_confirmation_of_an_earlier_attempt_that_comes_late_is_no_wrong_one():
    inviter, joiner = pair()
    late = frames(run(inviter, joiner, holding=4)[-1])[0]
    inviter, _ = pair()  # it has not seen that its confirmation got lost
    answer = frames(inviter.receive(frames(joiner.begin())[0]))[0]
    exchange = frames(joiner.receive(answer))[0]
    assert joiner.receive(late) == [] and joiner.receive(late) == []
    confirm = frames(inviter.receive(exchange))[0]
    assert only(joiner.receive(confirm), Established)


@pytest.mark.parametrize("step", range(4))
def test_the_joiner_may_begin_anew_at_any_step(step):
    inviter, joiner = pair()
    run(inviter, joiner, holding=step + 1)
    done = run(inviter, joiner)
    assert only(done[-2], Established).keys.words() == only(done[-1], Established).keys.words()


def test_another_joiner_with_the_link_is_served_after_the_first_one_vanished():
    inviter, joiner = pair()
    run(inviter, joiner, holding=2)
    assert only(run(inviter, JoinerHandshake(terms("second")))[-1], Established)


def test_an_abort_names_the_reason_in_our_words():
    inviter, joiner = pair()
    joiner.begin()
    aborted = only(joiner.receive(inviter.abort("floor-not-met").frame), Aborted)
    assert isinstance(aborted.error, FloorNotMet) and aborted.error.message.startswith("the other side stopped")
    unknown = only(joiner.receive(inviter.abort("of-another-version").frame), Aborted)
    assert unknown.error.code == "internal"


def test_the_confirmations_depend_on_every_message_of_the_transcript():
    first, second = run(*pair()), run(InviterHandshake(terms("other")), JoinerHandshake(terms("joiner")))
    values = {bytes(only(done[-1], Established).keys.verification) for done in (first, second)}
    assert len(values) == 2


def test_a_plug_in_that_breaks_its_contract_is_a_typed_error():
    class Broken(PlainKex):
        def prekeys(self, identity: Any, random: Any) -> Any:
            raise ZeroDivisionError

    plugins = ManyPlugins([("strong", 3)], [("double-he", 2)])
    plugins._kex["strong"] = Broken("strong", 3)
    inviter, joiner = pair(plugins=plugins)
    with pytest.raises(PluginRefused):
        inviter.receive(frames(joiner.begin())[0])


def test_forgetting_destroys_the_private_keys_of_the_attempt():
    inviter, joiner = pair()
    run(inviter, joiner, holding=2)
    attempt = inviter._attempt
    inviter.receive(frames(joiner.begin())[0])
    with pytest.raises(KeyExchangeRefused):
        attempt.prekeys.accept(bytes(1800), 0.0)
    with pytest.raises(KeyError):
        attempt.identity.public("x25519")


def test_prekeys_of_an_answer_accept_a_message_for_ten_minutes():
    for later in (599.0, 600.0):
        inviter, joiner = pair()
        hello, = frames(joiner.begin())
        exchange, = frames(joiner.receive(frames(inviter.receive(hello, 1_000.0))[0]))
        if later < 600.0:
            only(inviter.receive(exchange, 1_000.0 + later), Established)
            continue
        with pytest.raises(KeyExchangeRefused, match="no longer exist"):
            inviter.receive(exchange, 1_000.0 + later)


def test_messages_have_the_order_of_the_protocol():
    inviter, joiner = pair()
    keys = InviteKeys.derive(bytes(range(32)))
    opened = [decode_message(Seal.for_role(keys, inviter=bool(step % 2 == 0)).open(frames(effects)[0]))
              for step, effects in enumerate(run(inviter, joiner)[:4])]
    assert [type(message) for message in opened] == [Hello, HandshakeAnswer, HandshakeExchange, Confirm]
    assert replace(terms("x"), floor=2).floor_with(3) == 3

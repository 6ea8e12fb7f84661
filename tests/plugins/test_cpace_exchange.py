"""The exchange over a spoken code: who has it, who has another one, and how often one may guess."""

from __future__ import annotations

import hashlib
import os

import pytest
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st
from whisperd_plugins import cpace, sodium
from whisperd_plugins.cpace_exchange import BUNDLE, CHANNEL, MESSAGE, Cpace25519, normalised
from whisperd_plugins.pqxdh import PqxdhMlkem1024
from zope.interface.verify import verifyObject

from tests.plugins.test_cpace import LOW_ORDER
from whisperd.errors import KeyExchangeRefused
from whisperd.interfaces import ICodeKeyExchange
from whisperd.plugin.conformance import KEX_CHECKS, check_key_exchange
from whisperd.plugin.identity import MemoryIdentity

CODE = "7 crossover clockwork"


def identity() -> MemoryIdentity:
    return MemoryIdentity(Cpace25519.identity_kinds, os.urandom)


def sides(code: str = CODE, other: str = CODE, runs: int = 5) -> tuple[Cpace25519, Cpace25519]:
    return Cpace25519().for_code(code, runs), Cpace25519().for_code(other, runs)


def exchange(one: Cpace25519, other: Cpace25519) -> tuple:
    inviter = identity()
    bundle, private = one.prekeys(inviter, os.urandom)
    message, secret = other.initiate(bundle, identity(), os.urandom)
    return inviter, bundle, private, message, secret


def test_it_provides_the_interface_with_and_without_a_code():
    assert verifyObject(ICodeKeyExchange, Cpace25519())
    assert verifyObject(ICodeKeyExchange, sides()[0])


def test_it_passes_every_check():
    report = check_key_exchange(Cpace25519())
    assert report.faults == {}
    assert {result.name for result in report.results} == set(KEX_CHECKS.by_name)


def test_two_sides_with_the_same_code_share_a_secret():
    one, other = sides()
    inviter, bundle, private, message, secret = exchange(one, other)
    assert one.accept(message, private, inviter) == secret
    assert (len(bundle), len(message), len(secret)) == (BUNDLE.size, MESSAGE.size, 32) == (1819, 1868, 32)
    assert private.share == bytearray(32) and private.exchange.spent


def test_the_secret_is_the_one_of_the_description():
    one, other = sides()
    inviter, bundle, private, message, secret = exchange(one, other)
    ours, theirs = BUNDLE.split(bundle), MESSAGE.split(message)
    key = cpace.intermediate_key(ours["session"], private.share, theirs["share"], (ours["share"], ours["exchange"]),
                                 (theirs["share"], theirs["exchange"]))
    assert ours["share"] == cpace.share(b"7-crossover-clockwork", CHANNEL, ours["session"], private.share)
    hybrid = PqxdhMlkem1024().accept(theirs["exchange"], private.exchange, inviter)
    info = b"whisperd/1_CPACE-X25519-SHA512" + hashlib.sha512(bundle).digest() + hashlib.sha512(message[:-33]).digest()
    assert HKDF(SHA512(), 64, None, info).derive(hybrid + key) == secret + theirs["confirmation"]


def test_another_code_is_refused_and_counted_and_spends_the_prekeys():
    one, other = sides(other="7 crossover clockwise")
    inviter, bundle, private, message, _ = exchange(one, other)
    with pytest.raises(KeyExchangeRefused, match="another code; runs left for this one: 4"):
        one.accept(message, private, inviter)
    right, _ = sides()[1].initiate(bundle, identity(), os.urandom)
    with pytest.raises(KeyExchangeRefused, match="used"):
        one.accept(right, private, inviter)
    assert (one.runs_left, private.share) == (4, bytearray(32))


def test_after_its_runs_a_code_is_dead_even_for_who_knows_it():
    one, _ = sides(runs=2)
    inviter = identity()
    kept_bundle, kept = one.prekeys(inviter, os.urandom)
    for _ in range(2):
        bundle, private = one.prekeys(inviter, os.urandom)
        guess, _ = Cpace25519().for_code("a guess").initiate(bundle, identity(), os.urandom)
        with pytest.raises(KeyExchangeRefused, match="another code"):
            one.accept(guess, private, inviter)
    right, _ = sides()[1].initiate(kept_bundle, identity(), os.urandom)
    for call in (lambda: one.accept(right, kept, inviter), lambda: one.prekeys(inviter, os.urandom)):
        with pytest.raises(KeyExchangeRefused, match="too often"):
            call()


def test_a_joiner_counts_each_message_that_it_makes():
    """Whoever made the bundle can test one guess with it, and is not seen to have been wrong."""
    one, other = sides(runs=2)
    exchange(one, other)
    assert (one.runs_left, other.runs_left) == (2, 1)
    exchange(one, other)
    with pytest.raises(KeyExchangeRefused, match="too often"):
        exchange(one, other)


def test_what_is_malformed_counts_for_nothing_and_spends_nothing():
    one, other = sides()
    inviter, bundle, private, message, secret = exchange(one, other)
    changed = message[:60] + bytes((message[60] ^ 1,)) + message[61:]
    for bad in (b"", message[:-1], bundle, b"\x10" + message[1:], changed):
        with pytest.raises(KeyExchangeRefused):
            one.accept(bad, private, inviter)
    with pytest.raises(KeyExchangeRefused):
        other.initiate(message, identity(), os.urandom)
    assert (one.runs_left, other.runs_left) == (5, 4)
    assert one.accept(message, private, inviter) == secret


def test_a_success_is_no_guess():
    one, other = sides()
    inviter, _, private, message, _ = exchange(one, other)
    one.accept(message, private, inviter)
    assert one.runs_left == 5


@pytest.mark.parametrize("point", LOW_ORDER)
def test_shares_of_low_order_are_refused_on_both_sides_and_not_counted(point: str):
    """They would give everybody the same key, whatever the code."""
    one, other = sides()
    inviter, bundle, private, message, _ = exchange(one, other)
    for layout, record, take in ((BUNDLE, bundle, lambda bad: other.initiate(bad, identity(), os.urandom)),
                                 (MESSAGE, message, lambda bad: one.accept(bad, private, inviter))):
        start = layout.start_of("share") + 1
        with pytest.raises(KeyExchangeRefused, match="share is not valid"):
            take(record[:start] + bytes.fromhex(point) + record[start + 32:])
    assert (one.runs_left, other.runs_left) == (5, 4)


def test_a_share_in_another_spelling_is_refused():
    one, other = sides()
    inviter, _, private, message, _ = exchange(one, other)
    place = MESSAGE.start_of("share") + 32
    with pytest.raises(KeyExchangeRefused, match="canonical"):
        one.accept(message[:place] + bytes((message[place] | 0x80,)) + message[place + 1:], private, inviter)


def test_who_sits_in_the_middle_with_an_exchange_of_their_own_on_each_side_needs_the_code():
    """The hybrid exchange alone would be theirs: fresh identities on both sides are nobody's name."""
    one, other = sides()
    inviter, bundle, private, _, _ = exchange(one, other)
    hybrid = PqxdhMlkem1024()
    values = BUNDLE.split(bundle)
    values["exchange"], _ = hybrid.prekeys(identity(), os.urandom)
    swapped = BUNDLE.finish(BUNDLE.head(values), values["exchange"])
    answer, joiners = other.initiate(swapped, identity(), os.urandom)
    theirs = MESSAGE.split(answer)
    theirs["exchange"], _ = hybrid.initiate(BUNDLE.split(bundle)["exchange"], identity(), os.urandom)
    forged = MESSAGE.finish(MESSAGE.head(theirs), theirs["confirmation"])
    with pytest.raises(KeyExchangeRefused, match="another code"):
        one.accept(forged, private, inviter)
    assert len(joiners) == 32


def test_without_a_code_nothing_is_exchanged():
    bare, (one, other) = Cpace25519(), sides()
    inviter, bundle, private, message, _ = exchange(one, other)
    for call in (lambda: bare.prekeys(inviter, os.urandom), lambda: bare.initiate(bundle, identity(), os.urandom),
                 lambda: bare.accept(message, private, inviter)):
        with pytest.raises(KeyExchangeRefused, match="needs a code"):
            call()


@pytest.mark.parametrize("spoken", ["7 crossover clockwork", "7-Crossover-Clockwork", " 7, CROSSOVER… clockwork!\n",
                                    "7_crossover_clockwork", "７ crossover clockwork"])
def test_spelling_does_not_matter(spoken: str):
    assert normalised(spoken) == b"7-crossover-clockwork"


def test_words_of_other_languages_are_words():
    assert normalised("Käse Straße 7") == normalised("KÄSE STRASSE 7") == "käse-strasse-7".encode()
    assert normalised("Ka\u0308se") == normalised("Käse")


@pytest.mark.parametrize("spoken", ["", " ", "---", "__", "!?", "x" * 129], ids=len)
def test_what_is_no_code_is_refused(spoken: str):
    with pytest.raises(ValueError, match="code"):
        Cpace25519().for_code(spoken)


@given(st.text(max_size=60))
def test_a_normalised_code_stays_as_it_is(spoken: str):
    try:
        once = normalised(spoken)
    except ValueError:
        return
    assert normalised(once.decode()) == once


def test_a_code_says_nothing_in_what_is_sent():
    """Two codes, the same random bytes: only the share differs, and a share is a point like any other."""
    made = []
    for code in ("one", "two"):
        numbers = iter(range(256))
        random = lambda size: bytes((next(numbers),)) * size  # noqa: B023, E731
        bundle, _ = Cpace25519().for_code(code).prekeys(MemoryIdentity(Cpace25519.identity_kinds, random), random)
        made.append(BUNDLE.split(bundle))
    assert {name for name in made[0] if made[0][name] != made[1][name]} == {"share"}
    assert sodium.check_public_key(made[0]["share"])

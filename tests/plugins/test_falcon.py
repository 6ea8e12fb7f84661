"""Padded Falcon-1024, and the key exchange that signs with it."""

from __future__ import annotations

import itertools

import pytest
from whisperd_plugins import falcon, falcon_known_answer
from whisperd_plugins.pqxdh_falcon1024 import PqxdhMlkem1024Falcon1024
from whisperd_plugins.selftest import KnownAnswerWrong

from whisperd.plugin.conformance import KEX_CHECKS, check_key_exchange


def test_what_another_implementation_signed_verifies_and_nothing_near_it_does():
    public, message, signature = (getattr(falcon_known_answer, name) for name in ("PUBLIC", "MESSAGE", "SIGNATURE"))
    assert (len(public), len(signature)) == (falcon.PUBLIC, falcon.SIGNATURE)
    assert falcon.verify(public, message, signature)
    for place in (0, 1, 40, 41, 700, len(signature) - 1):
        changed = bytearray(signature)
        changed[place] ^= 1
        assert not falcon.verify(public, message, bytes(changed)), place
    for place in (0, 1, 900, len(public) - 1):
        changed = bytearray(public)
        changed[place] ^= 1
        assert not falcon.verify(bytes(changed), message, signature), place


def test_the_padding_is_part_of_the_signature():
    """Who could cut it off, or put something else there, could make a second signature out of one."""
    public, message, signature = (getattr(falcon_known_answer, name) for name in ("PUBLIC", "MESSAGE", "SIGNATURE"))
    bare = signature.rstrip(b"\0")
    assert len(bare) < len(signature)
    padded = [bare.ljust(falcon.SIGNATURE - 1, b"\0"), bare.ljust(falcon.SIGNATURE, b"\1"), signature + b"\0"]
    for other in (bare, *padded):
        assert not falcon.verify(public, message, other)


@pytest.mark.parametrize("size", [0, 1, 2304, 2306])
def test_a_private_key_of_another_size_does_not_sign(size: int):
    with pytest.raises(ValueError, match="2305"):
        falcon.sign(bytearray(size), b"message")


def test_no_two_signatures_are_the_same():
    _, private = falcon.keypair()
    assert falcon.sign(private, b"message") != falcon.sign(private, b"message")


@pytest.mark.parametrize("broken", [lambda *_: False, lambda *_: True], ids=["nothing", "everything"])
def test_the_self_test_fails_where_nothing_or_everything_verifies(monkeypatch, broken):
    monkeypatch.setattr(falcon, "verify", broken)
    with pytest.raises(KnownAnswerWrong):
        PqxdhMlkem1024Falcon1024().self_test()


def test_the_key_exchange_passes_every_check(monkeypatch):
    """With key pairs out of a stock of eight, as one takes 35 ms to make; each signature is a new one."""
    stock = itertools.cycle([falcon.keypair() for _ in range(8)])

    def taken() -> tuple[bytes, bytearray]:
        public, private = next(stock)
        return public, bytearray(private)

    monkeypatch.setattr(falcon, "keypair", taken)
    report = check_key_exchange(PqxdhMlkem1024Falcon1024())
    assert report.faults == {}
    assert {result.name for result in report.results} == set(KEX_CHECKS.by_name)

"""The other side in a process of its own: what goes wrong there is said here."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.plugin.open_kex import OpenKex
from whisperd.plugin.conformance import check_key_exchange
from whisperd.plugin.conformance.other_process import in_another_process
from whisperd.plugin.conformance.report import Broken
from whisperd.plugin.identity import MemoryIdentity


class Particular(OpenKex):
    """Works in a process that it knows."""

    def initiate(self, bundle: bytes, identity: Any, random: Any) -> tuple[bytes, bytes]:
        raise LookupError("not in this process")


class NeedsArguments(OpenKex):
    def __init__(self, name: str) -> None:
        self.name = name


def bundle() -> bytes:
    return OpenKex().prekeys(MemoryIdentity(OpenKex.identity_kinds, os.urandom), os.urandom)[0]


def test_a_joiner_elsewhere_returns_message_and_secret():
    message, secret = in_another_process(OpenKex(), "join", bundle())
    assert (message[0], len(secret)) == (2, 32)


@pytest.mark.parametrize(("plugin", "why"), [
    (Particular(), "LookupError: not in this process"),
    (NeedsArguments("x"), "missing 1 required positional argument"),
])
def test_what_it_fails_of_there_is_the_fault_that_is_reported(plugin: Any, why: str):
    with pytest.raises(Broken, match=why):
        in_another_process(plugin, "join", bundle())


def test_a_class_that_nobody_else_can_import_is_not_tried_elsewhere():
    class Local(OpenKex):
        pass

    result, = check_key_exchange(Local(), only=["two-processes"]).results
    assert result.outcome == "skipped" and "cannot be imported" in (result.skipped or "")

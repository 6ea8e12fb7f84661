"""The verbs around the onion address, as a process against a real control socket."""

from __future__ import annotations

import json

import pytest
import pytest_twisted

from tests.cli.conftest import Ctl
from tests.control.sample import ADDRESS, NEXT, Serving


@pytest_twisted.ensureDeferred
async def test_a_rotation_prints_the_new_address_alone_and_its_options_reach_the_daemon(
        serving: Serving, ctl: Ctl) -> None:
    done = await ctl("onion", "rotate")
    assert (done.returncode, done.stdout) == (0, f"{NEXT}\n")
    line = await ctl("onion", "rotate", "--overlap", "0.5", "--wait", "3", "--json")
    assert json.loads(line.stdout) == {"address": NEXT, "old": ADDRESS, "seconds": 1800, "url": f"http://{NEXT}",
                                       "state": "publishing"}
    assert json.loads((await ctl("onion", "rotate", "--now", "--json")).stdout)["seconds"] == 0
    assert serving.api.calls == [("onion.rotate", {"overlap": 0, "now": False, "wait": 0}),
                                 ("onion.rotate", {"overlap": 0.5, "now": False, "wait": 3}),
                                 ("onion.rotate", {"overlap": 0, "now": True, "wait": 0})]


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(("words", "status", "code"), [
    ("onion retire", 80, "rotation-refused"),
    ("onion rotate --overlap 721", 2, "usage"),
])
async def test_what_fails_has_its_status(serving: Serving, ctl: Ctl, words: str, status: int, code: str) -> None:
    done = await ctl(*words.split(), "--json")
    assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (status, code)

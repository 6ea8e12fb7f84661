"""The verbs of whoever runs a relay, as a process against a real control socket."""

from __future__ import annotations

import json

import pytest
import pytest_twisted

from tests.cli.conftest import Ctl
from tests.control.sample import Serving


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(("words", "shown"), [
    ("relay limits", "LIMIT      SCOPE    MAX  USED  REFUSED  SLOWED\n"
                     "rooms      total    500  2     1        0\n"
                     "join_rate  circuit  25   -     0        0\n"),
    ("relay drain", "the relay is draining; 2 rooms left\n"),
    ("relay resume", "the relay opens new rooms again\n"),
    ("access issue --uses 3", "K7QM-2XWP-9ABC\n"),
    ("access list", "ID        USES  LEFT  EXPIRES IN\n0badcafe  3     2     1 h 2 min\n"),
    ("access revoke 0badcafe", "the access code 0badcafe is revoked\n"),
    ("metrics", "# TYPE whisperd_relay_connections gauge\nwhisperd_relay_connections 3\n"),
    ("reload", "applied now: relay.max_rooms\napplied at the next start: relay.listen\n"),
    ("config show", "source: /etc/whisperd/whisperd.toml\n"
                    "KEY              VALUE     FROM\n"
                    "relay.max_rooms  5         file\n"
                    'tor.password     "(set)"   file\n'
                    'tor.mode         "launch"  default\n'),
    ("config diff", "KEY              RUNNING    FILE       NEEDS\n"
                    "relay.max_rooms  5          6          reload\n"
                    'relay.listen     ["tcp:1"]  ["tcp:2"]  restart\n'),
])
async def test_a_verb_prints_what_the_daemon_answers(serving: Serving, ctl: Ctl, words: str, shown: str) -> None:
    done = await ctl(*words.split())
    assert (done.returncode, done.stdout, done.stderr) == (0, shown, "")


@pytest_twisted.ensureDeferred
async def test_options_reach_the_daemon_and_answers_can_be_had_as_json(serving: Serving, ctl: Ctl) -> None:
    done = await ctl("--json", "access", "issue", "--uses", "3", "--hours", "0.5")
    assert json.loads(done.stdout)["expires_in"] == 1_800
    await ctl("relay", "drain", "--stop")
    assert serving.api.calls == [("access.issue", {"uses": 3, "hours": 0.5}),
                                 ("relay.drain", {"stop": True, "wait": 0})]


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(("words", "status", "code"), [
    ("relay drain --wait 1", 5, "timed-out"),
    ("access revoke nobody", 47, "access-unknown"),
    ("access issue --uses 0", 2, "usage"),
])
async def test_what_fails_has_its_status(serving: Serving, ctl: Ctl, words: str, status: int, code: str) -> None:
    done = await ctl(*words.split(), "--json")
    assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (status, code)


@pytest_twisted.ensureDeferred
async def test_a_file_is_checked_without_a_daemon(ctl: Ctl, tmp_path) -> None:
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text('[relay]\nmax_rooms = 5\n')
    bad.write_text('[relay]\nmax_room = 5\n')
    done = await ctl("--socket", "/nowhere", "config", "check", str(good))
    assert (done.returncode, done.stdout) == (0, f"{good}: ok\n")
    done = await ctl("--socket", "/nowhere", "config", "check", str(bad))
    assert done.returncode == 6 and "did you mean relay.max_rooms?" in done.stderr

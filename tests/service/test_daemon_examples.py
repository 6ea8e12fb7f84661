"""EXAMPLES of whisperd(8), typed as they stand, on a machine of its own whose daemons go through the private network.

'whisperd demo' has a test of its own: tests/soak/test_demo.py.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from tests.house import pages
from tests.service import machine
from tests.service.machine import Step

PAGE = "whisperd.8"
#: Run elsewhere, because it takes long.
LONG = "whisperd demo"
#: What would stay in the foreground is ended as soon as it has printed an invite. Not by SIGINT: a shell without a
#: terminal has that ignored by what it runs in the background.
FOREGROUND = ("{} >/tmp/printed & until grep -q 'onion/#' /tmp/printed; do sleep 0.2; kill -0 $! || exit 1; done; "
              "kill $!; wait $!")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a machine of its own needs root")


def commands() -> list[str]:
    body = re.search(r"^\.Sh EXAMPLES\n(.*?)(?=^\.Sh )", pages.source(PAGE), re.M | re.S)
    assert body is not None
    lines = "".join(pages.literals(body[1])).splitlines()
    assert all(line.startswith(("$ ", "# ")) for line in lines)
    return [line[2:] for line in lines]


def test_the_long_one_is_run_elsewhere():
    assert LONG in commands()
    assert f'"{LONG}"' in (pages.ROOT / "tests/soak/test_demo.py").read_text()


def test_the_others_do_what_the_page_says(testnet, tmp_path):
    network = Path(testnet.network_file).read_text()
    programs = Path(sys.executable).parent
    prepared = ["rm -rf /etc/whisperd /var/lib/whisperd; mkdir -p /etc/whisperd",
                f"ln -sf {programs}/whisperd {programs}/whisperctl /usr/local/bin/",
                f"cat >/etc/whisperd/network <<'END'\n{network}\nEND",
                "printf '[tor]\\nnetwork = \"/etc/whisperd/network\"\\n' >/etc/whisperd/whisperd.toml"]
    typed = [FOREGROUND.format(command) if command.startswith("whisperd run") else command
             for command in commands() if command != LONG]
    steps: list[Step] = machine.run([*prepared, *typed, "cat /tmp/printed"], pages.ROOT, tmp_path, 150)
    assert [step for step in steps if step.status != 0] == []
    assert re.search(r"http://[a-z2-7]{56}\.onion/#", steps[-1].printed)

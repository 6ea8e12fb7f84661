"""EXAMPLES of whisperd(8), typed as they stand, on a machine of its own whose daemons go through the private network.

What is asked of a daemon by whisperctl alone is typed by tests/cli/test_page_examples.py. What takes long, or needs a
tor of the system, is named in ELSEWHERE with the test that does it.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from tests.house import pages
from tests.service import machine, system_tor
from tests.service.machine import Step

PAGE = "whisperd.8"
#: First line of a display -> the test that does what it shows.
ELSEWHERE = {
    "$ whisperd demo": "tests/soak/test_demo.py",
    system_tor.ATTACH: "tests/service/test_first_hour.py",
    system_tor.MANAGED: "tests/service/test_first_hour.py",
}
#: What would stay in the foreground is ended as soon as it has printed an invite. Not by SIGINT: a shell without a
#: terminal has that ignored by what it runs in the background.
FOREGROUND = ("{} >/tmp/printed & until grep -q 'onion/#' /tmp/printed; do sleep 0.2; kill -0 $! || exit 1; done; "
              "kill $!; wait $!")
#: What was put into the background ends with its display.
BACKGROUND = "set -e; {}\nkill $(jobs -p); wait"


def displays() -> list[list[str]]:
    """Return the lines of each display."""
    body = re.search(r"^\.Sh EXAMPLES\n(.*?)(?=^\.Sh )", pages.source(PAGE), re.M | re.S)
    assert body is not None
    return [display.splitlines() for display in pages.literals(body[1])]


def by_whisperctl_alone(display: list[str]) -> bool:
    return all(re.match(r"(?:\w+)?[$#] whisperctl ", line) for line in display)


def here() -> list[list[str]]:
    return [display for display in displays() if display[0] not in ELSEWHERE and not by_whisperctl_alone(display)]


def typed(display: list[str]) -> str:
    """Return a display as one piece of shell."""
    lines = [line[2:] for line in display]
    if lines[0].startswith("whisperd run"):
        return FOREGROUND.format(lines[0])
    text = "\n".join(lines)
    return BACKGROUND.format(text) if "&" in text else text


def test_what_is_shown_elsewhere_is_shown_in_a_test():
    assert set(ELSEWHERE) <= {display[0] for display in displays()}
    assert all((pages.ROOT / path).is_file() for path in ELSEWHERE.values())
    assert len(here()) >= 3


@pytest.mark.skipif(os.geteuid() != 0, reason="a machine of its own needs root")
def test_the_others_do_what_the_page_says(testnet, tmp_path):
    network = Path(testnet.network_file).read_text()
    programs = Path(sys.executable).parent
    prepared = ["rm -rf /etc/whisperd /var/lib/whisperd; mkdir -p /etc/whisperd",
                f"ln -sf {programs}/whisperd {programs}/whisperctl /usr/local/bin/",
                f"cat >/etc/whisperd/network <<'END'\n{network}\nEND",
                "printf '[tor]\\nnetwork = \"/etc/whisperd/network\"\\n' >/etc/whisperd/whisperd.toml"]
    steps: list[Step] = machine.run([*prepared, *map(typed, here()), "cat /tmp/printed"], pages.ROOT, tmp_path, 200,
                                    ports=machine.ports_of(Path(testnet.network_file)))
    assert [step for step in steps if step.status != 0] == []
    assert re.search(r"http://[a-z2-7]{56}\.onion/#", steps[-1].printed)

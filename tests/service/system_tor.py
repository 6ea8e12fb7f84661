"""The displays of whisperd(8) that are for the tor of the machine, typed on a machine that has Debian's and a systemd.

One thing is put in place beforehand: its torrc names the private network. What the page sends to whisperd.toml(5) for,
torrc's lines and a configuration, is taken from there.
"""

from __future__ import annotations

import re
import shlex

from tests.house import pages

PAGE, CONFIGURATION = "whisperd.8", "whisperd.toml.5"
#: First lines of the displays.
ATTACH, MANAGED = "# apt install tor", "# adduser whisperd debian-tor"
PERSON = "anna"
#: What managed comes to; tor has its minute or two until it can be reached.
DOCTOR = "for n in $(seq 60); do whisperctl doctor >/tmp/doctor && break; sleep 2; done; cat /tmp/doctor"
SEEN = "whisperctl status --json # managed"


def display(first: str) -> list[str]:
    """Return the lines of the display that begins with ``first``."""
    found, = (lines for shown in pages.examples(PAGE) if (lines := shown.splitlines())[0] == first)
    return found


def torrc() -> str:
    """Return the lines of torrc that TOR shows."""
    found, = re.findall(r"^\.Bd -unfilled[^\n]*\n(DataDirectoryGroupReadable.*?)^\.Ed$", pages.source(CONFIGURATION),
                        re.M | re.S)
    return str(found)


def configuration() -> str:
    """Return the example of a configuration that goes with them."""
    found, = (shown for shown in pages.examples(CONFIGURATION) if 'mode = "managed"' in shown)
    return found


def attached() -> str:
    """Return what the person types: their daemon goes on in the background until the display is at its end."""
    words = [line[2:] for line in display(ATTACH) if line.startswith("$ ")]
    assert words[0] == "whisperd &"
    return "\n".join(["set -e; export XDG_RUNTIME_DIR=$(mktemp -d)", *words,
                      "whisperctl status --json", "kill $!; wait"])


ATTACHED = f"runuser -l {PERSON} -c {shlex.quote(attached())}"


def commands(network: str) -> list[str]:
    """Return what is typed, on a machine that has the Debian package."""
    as_root = [line[2:] for line in display(ATTACH) if line.startswith("# ")]
    folder = f"/home/{PERSON}/.config/whisperd"
    return [
        f"cat >/etc/tor/torrc <<'END'\n{network}\nEND",
        "systemctl disable --now whisperd whisperd.socket", "rm -r /etc/systemd/system/whisperd.service.d",
        f"adduser --disabled-password --gecos '' {PERSON}",
        f"mkdir -p {folder} && printf '[tor]\\nmode = \"attach\"\\n' >{folder}/whisperd.toml",
        *(f"USER={PERSON}; {line}" for line in as_root), "systemctl restart tor@default", ATTACHED,
        f"cat >>/etc/tor/torrc <<'END'\n{torrc()}END",
        f"cat >/etc/whisperd/whisperd.toml <<'END'\n{configuration()}END",
        *(DOCTOR if line == "# whisperctl doctor" else line[2:] for line in display(MANAGED)), SEEN,
    ]

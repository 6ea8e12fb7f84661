"""What systemd hands over to an installed daemon: the relay's port, by a socket unit, and a credential for its store.

Typed after FIRST HOUR, on the same machine. The lines of whisperd.toml(5) stand as they are there, but that nobody is
asked for the passphrase.
"""

from __future__ import annotations

import re

from tests.house import pages

PAGE = "whisperd.toml.5"
ASKED = "systemd-ask-password -n"
_CONFIG = """
[relay]
listen = ["systemd:domain=INET:name=relay"]
[control]
group = "whisperd"
[onion]
key = "persistent"
[store]
kind = "sealed"
unlock = "credential"
argon2_memory = 64
[tor]
network = "/etc/whisperd/network"
"""
#: Somebody knocks at the relay's port. The same twice: each starts the daemon, which was stopped.
KNOCK = """python3 -c 'print(__import__("urllib.request").request.urlopen("http://127.0.0.1:8787/health").status)'"""
KNOCK_AGAIN = f"{KNOCK} 2>&1"
CHECK, BEFORE = "whisperd config check 2>&1", "systemctl is-active whisperd whisperd.socket; true"
#: Waits until the start that is under way is at its end.
UP, UP_AGAIN = "systemctl start whisperd", "systemctl start whisperd 2>&1"
FOUND, FOUND_AGAIN = "whisperctl --json status", "whisperctl --json status 2>&1"


def shown(words: str) -> str:
    """Return the one display line of the page that has ``words``."""
    line, = re.findall(rf"^\.Dl (?:# )?(.*{re.escape(words)}.*)$", pages.source(PAGE), re.M)
    return line


def commands() -> list[str]:
    """Return what is typed."""
    drop_in = "/etc/systemd/system/whisperd.service.d"
    return [
        shown("systemd-creds").replace(ASKED, "printf '%s' 'six words that nobody would guess'"),
        f"mkdir -p {drop_in}",
        f"printf '[Service]\\n%s\\n' '{shown('LoadCredentialEncrypted')}' >{drop_in}/override.conf",
        f"cat >/etc/whisperd/whisperd.toml <<'END'{_CONFIG}END", "systemctl daemon-reload",
        CHECK, "systemctl stop whisperd", shown("enable --now whisperd.socket"),
        BEFORE, KNOCK, UP, FOUND, "systemctl stop whisperd 2>&1", KNOCK_AGAIN, UP_AGAIN, FOUND_AGAIN,
    ]

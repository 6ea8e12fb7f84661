"""A listener that speaks TLS, by the installed package's unit: typed after FIRST HOUR, on the same machine.

The key is handed over by the unit's own example of a credential. The clients are the program ``tls_pair``, run by what
the package brings. At the end the configuration is as it was.
"""

from __future__ import annotations

import re

from tests.house import pages
from tests.service import tls_pair

PORT = 8443
KEY, CERTIFICATE = "/etc/ssl/private/whisperd.pem", "/etc/whisperd/tls.pem"
_CONFIGURATION = "/etc/whisperd/whisperd.toml"
_DROP_IN = "/etc/systemd/system/whisperd.service.d"
_CONFIG = f"""
[relay]
tls_listen = ["tcp:{PORT}:interface=127.0.0.1"]
tls_certificate = "{CERTIFICATE}"
tls_key = "/run/credentials/whisperd.service/tls.key"
tls_require_pq = true
[peer]
enabled = false
[tor]
mode = "off"
"""
_MADE = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=relay.example"
_PAIR = f"PYTHONPATH=/usr/lib/whisperd python3 {tls_pair.__file__} {PORT}"
MET, MET_CLASSICAL = _PAIR, f"{_PAIR} --classical"
FORBIDDEN = "systemctl show -p MemoryDenyWriteExecute,NRestarts,ActiveState whisperd"
LISTENS = "whisperctl --json status # with TLS"
#: The key is one of another certificate: the start fails, says why, and is not tried again.
WRONG = "systemctl restart whisperd 2>/dev/null; systemctl show -p NRestarts,ActiveState,ExecMainStatus whisperd"
WHY = "journalctl --no-pager -o cat -u whisperd -n 20 # with the wrong key"


def credential() -> str:
    """Return the line of the unit that hands a key over."""
    unit = (pages.ROOT / "contrib/systemd/whisperd.service").read_text()
    line, = re.findall(r"^#(LoadCredential=tls\.key:.*)$", unit, re.M)
    return line


def commands() -> list[str]:
    """Return what is typed."""
    return [
        f"mkdir -p /etc/ssl/private {_DROP_IN} && cp {_CONFIGURATION} /root/before.toml",
        f"{_MADE} -keyout {KEY} -out {CERTIFICATE} 2>&1 && chmod 600 {KEY} && chmod 644 {CERTIFICATE}",
        f"printf '[Service]\\n%s\\n' '{credential()}' >{_DROP_IN}/tls.conf",
        f"cat >{_CONFIGURATION} <<'END'{_CONFIG}END",
        "systemctl daemon-reload && systemctl restart whisperd # with TLS",
        LISTENS, FORBIDDEN, MET, MET_CLASSICAL,
        f"{_MADE} -keyout {KEY} -out /dev/null 2>&1", WRONG, WHY,
        f"mv /root/before.toml {_CONFIGURATION} && rm {_DROP_IN}/tls.conf && systemctl daemon-reload",
        "systemctl reset-failed whisperd && systemctl start whisperd # as it was",
    ]

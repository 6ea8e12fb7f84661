"""A tor of the operator's whose sockets have odd paths, as the installed doctor finds it."""

from __future__ import annotations

import json

from tests.installed.kit import Company
from tests.waiting import until


def test_the_socks_socket_is_found(company: Company) -> None:
    name = 'a "b" c\\d é漢'
    person = company.daemon("person", '[relay]\nenabled = false\n',
                            tor=f'mode = "attach"\ncontrol = "unix:{company.folder}/person/tor.sock"')
    folder = person.make(name)
    written = str(folder).replace("\\", "\\\\").replace('"', '\\"')
    torrc = person.write("torrc", f'DataDirectory {person.folder}/data\nControlPort unix:{person.folder}/tor.sock\n'
                                  f'SocksPort unix:"{written}/socks"\nUseBridges 1\nBridge 127.0.0.1:1\n')
    tor = person.spawn(["tor", "-f", str(torrc), "--defaults-torrc", "/dev/null", "--quiet"])
    try:
        until(lambda: (person.folder / "tor.sock").is_socket() and (folder / "socks").is_socket())
        examined = person.whisperctl("--json", "doctor", "--config", str(person.path))
        findings = {row["name"]: row for row in json.loads(examined.stdout)["findings"]}
        assert findings["socks"]["detail"] == f"unix:{folder}/socks"
    finally:
        tor.kill()
        tor.communicate()

"""TLS of the installed daemon: a user without rights, the default confinement, no memory that becomes executable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.installed.kit import Company
from tests.installed.kit.account import give
from tests.relay.certificates import write_certificate
from tests.service import tls_pair
from whisperd.errors import ConfigError
from whisperd.tor.testnet.ports import free_ports

REFUSED_MEMORY = "writable and executable memory"


class Served:
    """A relay of that user with TLS on ``port`` and its certificate in ``folder``."""

    def __init__(self, company: Company, *, require_pq: bool = False, sandbox: str = "",
                 new_code: bool = True) -> None:
        folder = company.folder / "relay"
        self.port, plain = free_ports(2)
        self.daemon = company.daemon("relay", (
            f'[relay]\nlisten = ["tcp:{plain}:interface=127.0.0.1"]\n'
            f'tls_listen = ["tcp:{self.port}:interface=127.0.0.1"]\ntls_certificate = "{folder}/certificate.pem"\n'
            f'tls_key = "{folder}/key.pem"\ntls_require_pq = {str(require_pq).lower()}\n{sandbox}'), new_code=new_code)
        self.folder = folder
        self.renew("relay.example")
        self.daemon.start()

    def stop(self) -> str:
        """End it in order, and return all that it printed."""
        assert self.daemon.stop() == 0
        return self.daemon.written()

    def renew(self, name: str) -> None:
        write_certificate(self.folder, name)
        for file in ("certificate.pem", "key.pem"):
            self.daemon.own(self.folder / file)

    def meet(self, *options: str) -> dict[str, Any]:
        """Return what two clients, as a process of their own, got of it."""
        command = self.daemon.programs.script(Path(tls_pair.__file__))
        done = self.daemon.text_of([*command, str(self.port), *options])
        assert done.returncode == 0, done.stderr
        met: dict[str, Any] = json.loads(done.stdout)
        return met


HYBRID = {"relayed": True, "group": "X25519MLKEM768", "version": "TLSv1.3", "name": "CN=relay.example", "alpn": ""}


@pytest.mark.parametrize("require_pq", [False, True])
@pytest.mark.parametrize("new_code", [True, False], ids=["our-own-filter", "MemoryDenyWriteExecute-too"])
def test_a_message_is_relayed_over_tls_under_the_default_confinement(company: Company, require_pq: bool,
                                                                         new_code: bool) -> None:
    served = Served(company, require_pq=require_pq, new_code=new_code)
    confinement = served.daemon.call("status")["confinement"]
    assert REFUSED_MEMORY in confinement["seccomp"] and confinement["why"] == ""
    assert served.meet() == HYBRID
    classical = served.meet("--classical")
    assert classical == ({"refused": True} if require_pq else {**HYBRID, "group": "secp256r1"})
    assert served.daemon.call("status")["relay"]["refused"].get("not-post-quantum", 0) == require_pq
    assert 'group="X25519MLKEM768"} 2' in served.daemon.whisperctl("metrics").stdout
    printed = served.stop()
    assert "Traceback" not in printed and "MemoryError" not in printed


def test_what_the_unit_forbids_is_enough_of_a_test_by_itself(company: Company) -> None:
    served = Served(company, sandbox='[daemon]\nsandbox = "off"\n', new_code=False)
    assert served.daemon.call("status")["confinement"]["seccomp"] == []
    assert served.meet() == HYBRID
    served.stop()


def test_a_reload_changes_the_certificate_and_a_wrong_key_changes_nothing(company: Company) -> None:
    served = Served(company, new_code=False)
    assert served.daemon.call("status")["relay"]["listeners"][1] == f"tls:tcp:127.0.0.1:{served.port}"
    served.renew("renewed.example")
    assert served.daemon.whisperctl("reload").returncode == 0
    assert served.meet() == {**HYBRID, "name": "CN=renewed.example"}
    certificate = (served.folder / "certificate.pem").read_bytes()
    served.renew("other.example")
    (served.folder / "certificate.pem").write_bytes(certificate)
    refused = served.daemon.whisperctl("reload")
    assert refused.returncode == ConfigError.exit_status
    assert "relay.tls_key: the key in" in refused.stderr and "does not belong to the certificate" in refused.stderr
    assert served.meet() == {**HYBRID, "name": "CN=renewed.example"}
    served.stop()


def spoil_missing(folder: Path) -> None:
    (folder / "key.pem").unlink()


def spoil_rights(folder: Path) -> None:
    (folder / "key.pem").chmod(0)


def spoil_match(folder: Path) -> None:
    certificate = (folder / "certificate.pem").read_bytes()
    write_certificate(folder)
    (folder / "certificate.pem").write_bytes(certificate)


@pytest.mark.parametrize(("spoil", "said"), [
    (spoil_missing, "key.pem cannot be read: No such file or directory"),
    (spoil_rights, "key.pem cannot be read: Permission denied"),
    (spoil_match, "does not belong to the certificate in"),
])
def test_a_start_that_cannot_have_its_key_says_why_and_is_not_tried_again(company: Company, spoil, said: str) -> None:
    served = Served(company)
    served.stop()
    spoil(served.folder)
    for file in served.folder.glob("*.pem"):
        give(file)
    served.daemon.launch()
    status, printed = served.daemon.ended(), served.daemon.written()
    assert (status, "relay.tls_key" in printed, said in printed) == (ConfigError.exit_status, True, True), printed
    assert "Traceback" not in printed
    unit = (Path(__file__).parents[2] / "contrib/systemd/whisperd.service").read_text()
    prevented, = (line.split("=")[1].split() for line in unit.splitlines() if line.startswith("RestartPrevent"))
    assert str(status) in prevented


def test_the_daemon_really_has_no_rights(company: Company) -> None:
    """Or a key that it may not read would be read."""
    served = Served(company)
    status = Path(f"/proc/{served.daemon.pid}/status").read_text()
    facts = dict(line.split(":\t", 1) for line in status.splitlines())
    assert facts["Name"] == "whisperd" and "0" not in facts["Uid"].split()
    assert int(facts["CapEff"], 16) == 0
    served.stop()

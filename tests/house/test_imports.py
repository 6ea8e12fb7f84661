"""Who may import whom: the rules of the house, read from the syntax trees."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.pages import ROOT

MAX_FILE = 500
ROLES = ("relay", "peer", "tor")
SHARED = ("whisperd.errors", "whisperd.interfaces", "whisperd.logs", "whisperd.config", "whisperd.metrics",
          "whisperd.stopping", "whisperd.wire", "whisperd.backoff", "whisperd.private_files", "whisperd.timers",
          "whisperd.threads", "whisperd.unix_sockets")
PRIMITIVES = {"nacl", "cryptography", "blake3", "pqcrypto", "zope"}
WITHOUT_TWISTED = ("whisperd.control.client", "whisperd.control.commands", "whisperd.control.events",
                   "whisperd.wire.control", "whisperd.cli.ctl")


def modules(*folders: str) -> list[Path]:
    """Return every source file below the folders."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Yield the full name of everything that a file imports, wherever in it, as ``module.name``."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import in line {node.lineno}"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own(path: Path) -> list[str]:
    """Return what a file imports from whisperd."""
    return [name for name in imported(path) if name.split(".")[0] == "whisperd"]


def foreign(path: Path) -> set[str]:
    """Return the packages that a file imports from neither whisperd nor the standard library."""
    tops = {name.split(".")[0] for name in imported(path)}
    return tops - set(sys.stdlib_module_names) - {"whisperd", "whisperd_plugins"}


def within(name: str, packages: tuple[str, ...]) -> bool:
    """Return whether a dotted name is, or stands in, one of the packages."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def named(path: Path) -> str:
    """Return a file's name for test ids."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", modules("whisperd/wire"), ids=named)
def test_wire_imports_errors_and_msgspec_only(path):
    assert [name for name in own(path) if not within(name, ("whisperd.errors", "whisperd.wire"))] == []
    assert foreign(path) <= {"msgspec", "mnemonic"}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_imports_itself_and_what_is_shared(role):
    allowed = (*SHARED, f"whisperd.{role}")
    strays = {named(path): name for path in modules(f"whisperd/{role}") for name in own(path)
              if not within(name, (*allowed, "whisperd.__version__"))}
    assert strays == {}


@pytest.mark.parametrize("path", [path for path in modules("plugins") if path.name != "setup.py"
                                  and path.parent.name != "tests"], ids=named)
def test_a_plugin_imports_the_contract_and_primitives_only(path):
    assert [name for name in own(path) if not within(name, ("whisperd.interfaces", "whisperd.errors"))] == []
    assert foreign(path) <= PRIMITIVES


def test_only_the_daemon_composes_roles():
    composers = {named(path) for path in modules("whisperd")
                 if len({role for role in ROLES for name in own(path) if within(name, (f"whisperd.{role}",))}) > 1}
    assert composers == {"whisperd/daemon.py"}


def test_nothing_outside_of_tor_opens_connections_of_its_own():
    """tor/dial/dialer.py is the one door out; the control client opens a unix socket with the standard library. All
    TCP endpoints are of tor/dial/endpoints.py, which has them send small writes at once."""
    doors = {"connectTCP", "connectSSL", "clientFromString", "HostnameEndpoint", "TCP4ClientEndpoint",
             "TCP6ClientEndpoint"}
    users = {named(path) for path in modules("whisperd") for node in ast.walk(ast.parse(path.read_text()))
             if (isinstance(node, ast.Attribute) and node.attr in doors)
             or (isinstance(node, ast.Name) and node.id in doors)}
    assert users == {"whisperd/tor/dial/endpoints.py"}


def test_the_control_client_does_not_load_twisted():
    code = f"import sys, {', '.join(WITHOUT_TWISTED)}\nprint(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "whisperd.cli.ctl" in loaded
    assert [name for name in loaded if name.split(".")[0] in {"twisted", "autobahn", "txtorcon", "zope"}] == []


@pytest.mark.parametrize("path", modules("whisperd", "plugins"), ids=named)
def test_a_file_is_one_thing(path):
    assert len(path.read_text().splitlines()) <= MAX_FILE


def test_integration_tests_share_kits_and_not_each_other():
    for path in modules("tests/integration"):
        assert [name for name in imported(path) if re.match(r"tests\.\w+\.test_", name)] == [], path

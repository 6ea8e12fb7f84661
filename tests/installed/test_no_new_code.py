"""The whole program where no memory becomes executable, as under the unit's MemoryDenyWriteExecute.

Every module is imported, every plug-in tests itself, and a daemon has all that is optional switched on.
"""

from __future__ import annotations

import ast
import pkgutil

import pytest
import whisperd_plugins

import whisperd
from tests.house.test_imports import modules
from tests.installed.kit import Account, Company
from tests.installed.kit.account import without_new_code
from tests.relay.certificates import write_certificate
from whisperd.tor.testnet.ports import free_ports


@pytest.fixture(scope="module")
def run(shared: Company):
    """What runs code in the installed Python, where no memory becomes executable."""
    account = Account(shared.programs, shared.folder / "user")
    return lambda code, *words: account.text_of([shared.programs.python, "-c", code, *words],
                                                before=without_new_code(shared.programs))


def test_a_callback_cannot_be_made_there(run):
    """Or the tests below would not show anything."""
    done = run("import cffi; cffi.FFI().callback('void()', lambda: None)")
    assert "MemoryError" in done.stderr


def test_every_module_is_imported(run):
    names = [found.name for package in (whisperd, whisperd_plugins)
             for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
             if not found.name.endswith(".__main__")]
    assert len(names) > 200
    done = run("import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)", *names)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_imported_late_is_imported(run):
    trees = [ast.parse(path.read_text()) for path in modules("whisperd", "plugins/whisperd_plugins")]
    names = {node.module if isinstance(node, ast.ImportFrom) else alias.name
             for tree in trees for node in ast.walk(tree)
             if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names}
    assert {"prompt_toolkit", "OpenSSL", "segno"} <= {name.partition(".")[0] for name in names}
    late = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)\n"
    reactor = "twisted.internet.reactor"
    done = run(f"{late}import {reactor}, keyring\nkeyring.get_keyring()", *sorted(names - {reactor}))
    assert (done.returncode, done.stderr) == (0, "")


def test_every_plugin_tests_itself_and_passwords_are_hashed(run):
    done = run(
        "from whisperd.plugin.registry import Registry\n"
        "from argon2.low_level import Type, hash_secret_raw\n"
        "registry = Registry()\n"
        "rows = [row for row in registry.table() if row['state'] == 'available']\n"
        "for row in rows: registry.require(row['kind'], row['id'])\n"
        "hash_secret_raw(b'secret', bytes(16), 1, 64, 1, 32, Type.ID)\n"
        "print(len(rows))")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 10


def test_a_daemon_with_all_that_is_optional_starts_and_serves(company: Company):
    plain, proxied, secure = free_ports(3)
    folder = company.folder / "relay"
    daemon = company.daemon("relay", f"""[daemon]
sandbox = "require"
[relay]
listen = ["tcp:{plain}:interface=127.0.0.1", "haproxy:tcp:{proxied}:interface=127.0.0.1", "unix:{folder}/relay"]
tls_listen = ["tcp:{secure}:interface=127.0.0.1", "haproxy:unix:{folder}/secure"]
tls_certificate = "{folder}/certificate.pem"
tls_key = "{folder}/key.pem"
tls_require_pq = true
access_file = "{folder}/codes/kept"
cors = ["*"]
[peer]
loopback = true
downloads = "{folder}/received"
[store]
kind = "sealed"
file = "{folder}/store/store.db"
argon2_memory = 64
""", control=f'audit = "{folder}/audit/trail"', new_code=False)
    write_certificate(folder)
    for name in ("certificate.pem", "key.pem"):
        daemon.own(folder / name)
    daemon.make("received")
    daemon.start()
    status = daemon.call("status")
    assert len(status["relay"]["listeners"]) == 5
    assert daemon.call("store.unlock", passphrase="six words that nobody would guess")
    assert daemon.call("access.issue", uses=1, hours=1)
    assert daemon.call("chat.invite", relay=f"http://127.0.0.1:{plain}")["link"]
    assert daemon.call("reload") is not None
    assert daemon.stop() == 0
    printed = daemon.written()
    assert "Traceback" not in printed and "MemoryError" not in printed

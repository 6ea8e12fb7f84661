"""Loading plug-ins: the bundled table, entry points of other distributions, and every reason to refuse."""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import whisperd_plugins.double_he

from whisperd import __version__
from whisperd.config import KEYS
from whisperd.errors import PluginRefused, PluginUnknown
from whisperd.interfaces import Level
from whisperd.plugin import registry as registry_module
from whisperd.plugin.registry import BUNDLED, Registry

FOREIGN = '''
from zope.interface import implementer
from whisperd.interfaces import IRatchet, Level
from whisperd_plugins.double_he import DoubleHeaderEncrypted

open({witness!r}, "a").write("imported")

@implementer(IRatchet)
class Foreign(DoubleHeaderEncrypted):
    id = "foreign"
{body}
'''


@pytest.fixture
def install(tmp_path: Path, monkeypatch):
    """Return a function that installs a distribution with one ratchet plug-in, for this test only."""
    monkeypatch.syspath_prepend(str(tmp_path))
    witness = tmp_path / "witness"

    def put(body: str = "    pass", name: str = "foreign", distribution: str = "someones", target: str = "") -> Path:
        module = f"{distribution}_plugin_{len(sys.modules)}"
        (tmp_path / f"{module}.py").write_text(FOREIGN.format(witness=str(witness), body=body))
        info = tmp_path / f"{distribution}-1.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n")
        (info / "entry_points.txt").write_text(f"[whisperd.ratchet]\n{name} = {target or module + ':Foreign'}\n")
        return witness

    return put


def rows(loaded: Registry) -> dict[str, dict]:
    return {f"{row['distribution'].split()[0]} {row['id']}": row for row in loaded.table()}


def test_bundled_plugins_are_loaded_and_offered_in_the_order_given():
    loaded = Registry.load(["pqxdh-25519-mlkem1024"], ["double-he"])
    assert loaded.offers_kex() == [("pqxdh-25519-mlkem1024", 1, Level.ENHANCED)]
    assert loaded.offers_ratchet() == [("double-he", 1, Level.ENHANCED)]
    assert loaded.kex("pqxdh-25519-mlkem1024").id == "pqxdh-25519-mlkem1024"
    assert loaded.ratchet("double-he").id == "double-he"


@pytest.mark.parametrize(("kind", "plugin_id"), [(kind, name) for kind, names in BUNDLED.items() for name in names])
def test_every_row_of_the_bundled_table_loads(kind: str, plugin_id: str):
    assert Registry().require(kind, plugin_id).id == plugin_id


@pytest.mark.parametrize(("kind", "plugin_id"), [(kind, name) for kind, names in BUNDLED.items() for name in names])
def test_the_table_states_of_a_bundled_plugin_what_it_says_itself_when_it_is_loaded(kind: str, plugin_id: str):
    before, registry = rows(Registry())[f"whisperd {plugin_id}"], Registry()
    registry.require(kind, plugin_id)
    after = rows(registry)[f"whisperd {plugin_id}"]
    assert (before.pop("state"), after.pop("state")) == ("available", "loaded")
    assert before == after and None not in before.values()


def test_the_table_says_of_which_plugin_a_package_is_missing(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pqcrypto" else find(name))
    table = rows(Registry())
    assert table["whisperd pqxdh-25519-mlkem1024-falcon1024"]["state"] == "incomplete"
    assert table["whisperd pqxdh-25519-mlkem1024"]["state"] == "available"


def test_an_id_that_nobody_has_is_unknown():
    with pytest.raises(PluginUnknown, match="no kex plug-in rot13"):
        Registry.load(["rot13"], [])
    with pytest.raises(PluginUnknown, match="no kex plug-in double-he"):
        Registry.load(["double-he"], [])


def test_the_default_offers_the_strongest_key_exchange_first():
    default = next(key.default for key in KEYS if key.name == "peer.kex")
    levels = [offer.level for offer in Registry.load(default, []).offers_kex()]
    assert levels[0] == Level.QUANTUM_RESISTANT and levels == sorted(levels, reverse=True)


def test_a_bundled_plugin_without_its_extra_is_refused_and_says_what_to_install(monkeypatch):
    for module in [name for name in sys.modules if name.startswith(("pqcrypto", "whisperd_plugins.falcon"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.delitem(sys.modules, "whisperd_plugins.pqxdh_falcon1024", raising=False)
    monkeypatch.delattr(whisperd_plugins, "falcon", raising=False)
    monkeypatch.setitem(sys.modules, "pqcrypto", None)
    with pytest.raises(PluginRefused, match="pqcrypto") as refused:
        Registry.load(["pqxdh-25519-mlkem1024-falcon1024"], [])
    assert "pip install 'whisperd[falcon]'" in refused.value.remedy
    assert Registry.load(["pqxdh-25519-mlkem1024-mldsa87"], []).offers_kex()


def test_a_package_of_an_extra_is_not_imported_unless_its_plugin_is_named():
    code = ("import sys; from whisperd.config import load; from whisperd.plugin.registry import Registry; "
            "peer = load().peer; Registry.load(peer.kex, peer.ratchet).table(); "
            "sys.exit(any(name.startswith('pqcrypto') for name in sys.modules))")
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_what_was_not_named_is_not_loaded():
    loaded = Registry.load([], [])
    assert loaded.offers_kex() == loaded.offers_ratchet() == []
    with pytest.raises(PluginUnknown, match="not loaded"):
        loaded.ratchet("double-he")


def test_a_plugin_is_checked_once(monkeypatch):
    runs = []
    monkeypatch.setattr(whisperd_plugins.double_he.DoubleHeaderEncrypted, "self_test", lambda self: runs.append(1))
    Registry.load([], ["double-he", "double-he"])
    assert runs == [1]


def test_the_table_says_what_is_there_and_what_is_loaded():
    table = rows(Registry.load([], ["double-he"]))
    source = Path(whisperd_plugins.double_he.__file__).read_bytes()
    assert table["whisperd double-he"] == {
        "kind": "ratchet", "id": "double-he", "distribution": f"whisperd {__version__}", "version": 1, "api": 1,
        "level": "enhanced", "state": "loaded", "sha256": hashlib.sha256(source).hexdigest(),
    }
    assert table["whisperd pqxdh-25519-mlkem1024"]["state"] == "available"


def test_a_foreign_plugin_that_is_not_allowed_is_listed_but_its_code_is_not_run(install):
    witness = install()
    loaded = Registry.load([], ["double-he"])
    row = rows(loaded)["someones foreign"]
    assert (row["state"], row["distribution"], row["version"]) == ("not-allowed", "someones 1.5", None)
    assert len(row["sha256"]) == 64
    with pytest.raises(PluginUnknown, match="not allowed"):
        Registry.load([], ["foreign"])
    assert not witness.exists()


def test_looking_up_the_hash_imports_no_package_around_the_module(install, tmp_path: Path):
    witness = install(target="deep.inner.module:Foreign")
    for folder in ("deep", "deep/inner"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").write_text(f"open({str(witness)!r}, 'a').write('imported')")
    (tmp_path / "deep/inner/module.py").write_text("Foreign = None")
    assert rows(Registry())["someones foreign"]["sha256"] == hashlib.sha256(b"Foreign = None").hexdigest()
    assert not witness.exists()


def test_a_module_that_is_not_there_has_no_hash(install):
    install(target="nowhere.at.all:Foreign")
    assert rows(Registry())["someones foreign"]["sha256"] == ""


def test_a_foreign_plugin_that_is_allowed_is_loaded_when_it_is_named(install):
    witness = install()
    assert rows(Registry.load([], [], ["foreign"]))["someones foreign"]["state"] == "available"
    assert not witness.exists()
    loaded = Registry.load([], ["foreign", "double-he"], ["foreign"])
    assert [offer.id for offer in loaded.offers_ratchet()] == ["foreign", "double-he"]
    assert rows(loaded)["someones foreign"]["state"] == "loaded"
    assert witness.exists()


def test_a_bundled_name_cannot_be_shadowed(install):
    witness = install(name="double-he")
    loaded = Registry.load([], ["double-he"])
    assert type(loaded.ratchet("double-he")).__module__ == "whisperd_plugins.double_he"
    assert rows(loaded)["someones double-he"]["state"] == "shadows"
    with pytest.raises(PluginRefused, match=r"someones 1\.5 contains a plug-in with the name of a bundled one"):
        Registry.load([], ["double-he"], ["double-he"])
    assert not witness.exists()


def test_two_distributions_with_the_same_id_are_refused(install):
    install()
    install(distribution="elses")
    with pytest.raises(PluginRefused, match="two distributions"):
        Registry.load([], ["foreign"], ["foreign"])


@pytest.mark.parametrize(("body", "why"), [
    ("    load = None", "does not provide IRatchet"),
    ("    def offer(self): pass", "does not provide IRatchet"),
    ("    api = 2", "API version 2"),
    ("    id = 'double-he'", "says that its id is double-he"),
    ("    version = 0", "version"),
    ("    version = True", "version"),
    ("    level = 4", "level"),
    ("    def self_test(self): raise ArithmeticError('two and two')", "self-test.*two and two"),
    ("    def __init__(self): raise OSError('no')", "cannot be imported: no"),
    ("    1 / 0", "cannot be imported: division"),
])
def test_a_plugin_that_does_not_keep_the_contract_is_refused(install, body: str, why: str):
    install(body)
    with pytest.raises(PluginRefused, match=why):
        Registry.load([], ["foreign"], ["foreign"])


def test_an_id_with_other_characters_is_refused(install):
    install("    id = 'Foreign!'", name="Foreign!")
    with pytest.raises(PluginRefused, match="1 to 48 characters"):
        Registry.load([], ["Foreign!"], ["Foreign!"])


def test_identity_keys_that_do_not_exist_are_refused():
    kex = "pqxdh-25519-mlkem1024"
    plugin = registry_module.PluginSource("kex", kex, BUNDLED["kex"][kex], "x").make()
    plugin.identity_kinds = ("rsa",)
    assert "identity key" in registry_module.fault(plugin, "kex", plugin.id)

"""whisperd-plugins(7) says what the interfaces, the bundled table and the conformance kit say."""

from __future__ import annotations

import re
import tomllib

import pytest
from whisperd_plugins.double_he import DoubleHeaderEncrypted

from tests.house import pages
from whisperd.config import KEYS
from whisperd.interfaces import API_VERSION, ICodeKeyExchange, IIdentity, IKeyExchange, IRatchet, IRatchetSession, Level
from whisperd.plugin.conformance import KEX_CHECKS, NEGOTIATION_CHECKS, RATCHET_CHECKS
from whisperd.plugin.registry import BUNDLED, IDENTITY_KINDS, KEX, RATCHET, Registry

PAGE = "whisperd-plugins.7"
CHECKS = [*KEX_CHECKS.by_name.items(), *RATCHET_CHECKS.by_name.items(), *NEGOTIATION_CHECKS.by_name.items()]


def words(text: str) -> str:
    return " ".join(text.replace("``", "").split())


def test_every_bundled_plugin_is_listed_with_its_level():
    assert pages.items(PAGE, "BUNDLED") == [name for names in BUNDLED.values() for name in names]
    registry = Registry.load(*BUNDLED.values())
    for offer in [*registry.offers_kex(), *registry.offers_ratchet()]:
        level = Level(offer.level).name.lower().replace("_", "-")
        assert re.search(rf"{offer.id} (Key exchange|Ratchet), level [`']{level}'", pages.text(PAGE))


def test_every_check_is_listed_in_order_with_what_it_demands():
    assert pages.items(PAGE, "CONFORMANCE") == [name for name, _ in CHECKS]
    for name, check in CHECKS:
        assert f"{name} {words(check.__doc__ or '')}" in pages.text(PAGE), name


@pytest.mark.parametrize("interface", [IIdentity, IKeyExchange, ICodeKeyExchange, IRatchet, IRatchetSession],
                         ids=str)
def test_every_method_and_attribute_is_described_with_its_arguments(interface):
    source = pages.source(PAGE)
    for name in interface.names(all=True):
        method = interface[name]
        arguments = " ".join(getattr(method, "positional", ()))
        described = f".It Fn {name} {arguments}".rstrip() if hasattr(method, "positional") else f".It Fa {name}"
        if (interface, name) != (IIdentity, "wipe"):
            assert re.search(rf"^{re.escape(described)}$", source, re.M), described


def test_the_page_has_the_api_version_and_the_identity_kinds():
    assert f"the API version of this daemon, which is {API_VERSION}," in pages.text(PAGE)
    for kind in IDENTITY_KINDS:
        assert f".Ql {kind}" in pages.source(PAGE)


def test_each_display_has_its_test():
    assert len(pages.examples(PAGE)) == 5


def test_a_declaration_names_a_group_that_is_loaded():
    declared = eval(f"dict({pages.examples(PAGE)[0]})", {})["entry_points"]
    (group, entries), = declared.items()
    assert group in {f"whisperd.{kind}" for kind in (KEX, RATCHET)} and re.fullmatch(r"\w+ = \w+:\w+", entries[0])


def test_the_check_of_the_page_runs_as_it_stands(capsys):
    exec(pages.examples(PAGE)[4], {"MyRatchet": DoubleHeaderEncrypted})
    assert len(capsys.readouterr().out.splitlines()) >= len(RATCHET_CHECKS.by_name)


def test_the_example_of_the_page_is_the_one_in_the_sources():
    packaging, shape, configuration = pages.examples(PAGE)[1:4]
    folder = pages.ROOT / "plugins" / "example"
    declared = '"whisperd.kex": ["x448-signed = whisperd_x448:X448Signed"]'
    assert declared in packaging and declared in (folder / "setup.py").read_text()
    source = (folder / "whisperd_x448.py").read_text()
    for line in re.findall(r"^(?:@|    \w+ = |    def \w+).*$", shape, re.M):
        assert re.split(r"\(self", line)[0] in source, line
    assert set(re.findall(r"^    (?:def )?(\w+)", shape, re.M)) == set(IKeyExchange.names(all=True))
    assert {f"peer.{name}" for name in tomllib.loads(configuration)["peer"]} <= {key.name for key in KEYS}

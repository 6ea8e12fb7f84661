"""whisperd-plugins(7) says what the interfaces, the bundled table and the conformance kit say."""

from __future__ import annotations

import re

import pytest

from tests.house import pages
from whisperd.interfaces import API_VERSION, IIdentity, IKeyExchange, IRatchet, IRatchetSession, Level
from whisperd.plugin.conformance import KEX_CHECKS, RATCHET_CHECKS
from whisperd.plugin.registry import BUNDLED, IDENTITY_KINDS, Registry

PAGE = "whisperd-plugins.7"
CHECKS = [*KEX_CHECKS.by_name.items(), *RATCHET_CHECKS.by_name.items()]


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


@pytest.mark.parametrize("interface", [IIdentity, IKeyExchange, IRatchet, IRatchetSession], ids=str)
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

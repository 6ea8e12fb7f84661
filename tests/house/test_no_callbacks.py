"""No callback from C: cffi makes one in memory that is writable and executable, which the confinement refuses."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator

import pytest
from OpenSSL import SSL
from twisted.internet.interfaces import IProtocolNegotiationFactory

from tests.house.pages import ROOT
from tests.house.test_imports import imported, modules, named
from whisperd.relay.factory import RelayFactory

#: How pyOpenSSL makes a callback, as its source has it.
MAKERS = ("_ffi.callback(", "Helper(", "_wrap_callback(", "_set_ocsp_callback(")
#: What makes one from a Python function: cffi's and ctypes' own words for it.
FACTORIES = {"callback", "CFUNCTYPE", "PYFUNCTYPE", "WINFUNCTYPE"}
#: Twisted's TLS that sets callbacks of its own: names of servers, verification, selected protocols.
TWISTED = ("twisted.internet.ssl", "twisted.internet._sslverify", "twisted.internet.endpoints.wrapClientTLS",
           "twisted.internet.endpoints.SSL4ServerEndpoint", "twisted.internet.endpoints.SSL4ClientEndpoint")


#: The methods of pyOpenSSL that make a callback, or may.
OF_OPENSSL = {name for kind in (SSL.Context, SSL.Connection) for name, method in vars(kind).items()
              if inspect.isfunction(method) and any(maker in inspect.getsource(method) for maker in MAKERS)}


def made(tree: ast.AST) -> Iterator[str]:
    """Yield each place that makes a callback, as ``line: name``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in FACTORIES - {"callback"}:
            yield f"{node.lineno}: {node.id}"
        elif isinstance(node, ast.Attribute):
            of_cffi = node.attr == "callback" and "ffi" in ast.unparse(node.value).lower()
            if node.attr in OF_OPENSSL or node.attr in FACTORIES - {"callback"} or of_cffi:
                yield f"{node.lineno}: {node.attr}"


@pytest.mark.parametrize("path", modules("whisperd", "plugins"), ids=named)
def test_nothing_makes_a_callback(path):
    assert list(made(ast.parse(path.read_text()))) == []
    assert [name for name in imported(path) if name.startswith(TWISTED)] == []


def test_the_look_finds_what_would_be_one():
    known = {"set_alpn_select_callback", "set_info_callback", "set_verify", "set_passwd_cb",
             "set_tlsext_servername_callback", "set_keylog_callback", "set_ocsp_server_callback"}
    assert known <= OF_OPENSSL
    source = ("context.set_alpn_select_callback(choose)\nffi.callback('int(int)', f)\ncffi.FFI().callback('void()')\n"
              "ctypes.CFUNCTYPE(None)(f)\nCFUNCTYPE(None)\nwaiting.callback(None)\n")
    assert sorted(each.partition(":")[0] for each in made(ast.parse(source))) == ["1", "2", "3", "4", "5"]


def test_twisted_is_not_asked_to_select_a_protocol():
    """It does so, by a callback, for a factory that says which ones it knows."""
    assert not IProtocolNegotiationFactory.implementedBy(RelayFactory)


def test_the_whole_program_is_looked_at():
    assert ROOT / "whisperd/relay/tls.py" in modules("whisperd", "plugins")

"""The relay on the public network: TLS 1.3 with hybrid key agreement, certificates changed while it runs, headers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import pytest_twisted
from OpenSSL import SSL
from twisted.internet import reactor

from tests.relay.certificates import write_certificate
from tests.relay.kit import ANNA, BEN, OURS, TCP, RelayWorld, Tls
from whisperd.errors import ConfigError


async def served(tmp_path: Path, tls: Tls | None = None, listen: str = TCP, **changes) -> RelayWorld:
    return await RelayWorld(reactor, tls=tls, tls_listen=(listen,), listen=(), **write_certificate(tmp_path),
                            **changes).up()


def name_of(client) -> str:
    return client.transport.getPeerCertificate().to_cryptography().subject.rfc4514_string()


@pytest_twisted.ensureDeferred
async def test_two_peers_meet_over_tls_and_the_hybrid_group_is_what_they_get(tmp_path) -> None:
    world = await served(tmp_path)
    assert world.place.startswith("tls:tcp:127.0.0.1:")
    assert world.service.local_port is None
    anna, ben = await world.pair()
    anna.sendMessage(bytes(60_000), isBinary=True)
    assert await ben.next() == bytes(60_000)
    for client in (anna, ben):
        assert client.transport.getHandle().get_group_name() == "X25519MLKEM768"
        assert client.transport.getHandle().get_protocol_version_name() == "TLSv1.3"
        assert client.transport.getHandle().get_alpn_proto_negotiated() == b"", "which would take a callback"
    assert world.service.tls_groups == {"X25519MLKEM768": 2}
    await world.down()


@pytest_twisted.ensureDeferred
async def test_a_client_without_the_hybrid_is_served_and_counted_unless_it_is_required(tmp_path) -> None:
    world = await served(tmp_path, Tls(classical=True))
    assert await (await world.peer(ANNA)).types(1) == ["joined"]
    assert world.service.tls_groups == {"secp256r1": 1}
    world.reload(tls_require_pq=True)
    refused = await world.socket(OURS)
    assert await refused.closed.addTimeout(60, reactor) == b""
    assert world.service.status()["refused"] == {"not-post-quantum": 1}
    world.tls = Tls()
    assert await (await world.peer(BEN)).types(2) == ["joined", "ready"]
    await world.down()


@pytest_twisted.ensureDeferred
async def test_tls_1_2_is_not_spoken(tmp_path) -> None:
    world = await served(tmp_path, Tls(version=SSL.TLS1_2_VERSION))
    refused = await world.socket(OURS)
    assert await refused.closed.addTimeout(60, reactor) == b""
    assert world.service.tls_groups == {}
    await world.down()


@pytest_twisted.ensureDeferred
async def test_a_new_certificate_is_used_from_the_reload_on_and_connections_stay(tmp_path) -> None:
    world = await served(tmp_path)
    anna = await world.peer(ANNA)
    assert await anna.types(1) == ["joined"]
    write_certificate(tmp_path, "renewed.example")
    world.service.reload(world.settings)
    ben = await world.peer(BEN)
    assert await ben.types(2) == ["joined", "ready"]
    assert (name_of(anna), name_of(ben)) == ("CN=relay.example", "CN=renewed.example")
    assert await anna.types(1) == ["ready"]
    await world.down()


@pytest.mark.parametrize(("broken", "key"), [("certificate.pem", "tls_certificate"), ("key.pem", "tls_key")])
@pytest_twisted.ensureDeferred
async def test_files_that_cannot_be_used_are_named_and_those_before_stay(tmp_path, broken: str, key: str) -> None:
    world = await served(tmp_path)
    (tmp_path / broken).write_text("nothing")
    with pytest.raises(ConfigError, match=rf"relay\.{key}: .* contains no valid"):
        world.service.reload(world.settings)
    assert await (await world.peer(ANNA)).types(1) == ["joined"]
    await world.down()
    (tmp_path / broken).unlink()
    with pytest.raises(ConfigError, match=rf"relay\.{key}: .* cannot be read: No such file or directory"):
        await RelayWorld(reactor, tls_listen=(TCP,), tls_certificate=world.settings.tls_certificate,
                         tls_key=world.settings.tls_key).up()


@pytest_twisted.ensureDeferred
async def test_answers_over_tls_have_the_usual_headers(tmp_path) -> None:
    world = await served(tmp_path)
    status, fields, body = await world.http("GET /health HTTP/1.1")
    assert (status, json.loads(body)) == (200, {"status": "ok", "sessions": 0})
    assert fields["Strict-Transport-Security"] == "max-age=31536000"
    assert fields["Content-Security-Policy"].startswith("default-src 'none'")
    assert fields["X-Content-Type-Options"] == "nosniff"
    assert fields["Referrer-Policy"] == "no-referrer"
    await world.down()


@pytest_twisted.ensureDeferred
async def test_plain_http_on_the_tls_port_and_a_silent_client_hold_nothing(tmp_path) -> None:
    world = await served(tmp_path)
    plain = world.place.removeprefix("tls:")
    assert (await (await world.socket(OURS, plain)).closed.addTimeout(60, reactor))[:1] in (b"", b"\x15")
    silent = await world.socket(b"\x16\x03\x01", plain)
    world.clock.advance(30.1)
    world.clock.advance(10.1)
    await silent.closed.addTimeout(60, reactor)
    assert await (await world.peer(ANNA)).types(1) == ["joined"]
    await world.down()


@pytest_twisted.ensureDeferred
async def test_a_proxy_in_front_of_tls_names_addresses_that_are_thrown_away(tmp_path) -> None:
    world = await served(tmp_path, listen=f"haproxy:{TCP}")
    silent = await world.socket(b"PROXY TCP4 203.0.113.7 127.0.0.1 4000 443\r\n\x16\x03\x01",
                                world.place.removeprefix("tls:"))
    world.clock.advance(40)
    world.clock.advance(10.1)
    await silent.closed.addTimeout(60, reactor)
    await world.down()


@pytest.mark.parametrize(("cors", "origin", "allowed"), [
    ((), "https://page.example", None),
    (("https://page.example",), "https://page.example", "https://page.example"),
    (("https://page.example",), "https://other.example", None),
    (("*",), "https://other.example", "*"),
])
@pytest_twisted.ensureDeferred
async def test_pages_of_origins_that_are_configured_may_read_answers(cors, origin: str, allowed: str | None) -> None:
    world = await RelayWorld(reactor, cors=cors).up()
    _, fields, _ = await world.http(f"GET /health HTTP/1.1\r\nOrigin: {origin}")
    assert fields.get("Access-Control-Allow-Origin") == allowed
    assert fields.get("Vary") == ("Origin" if cors else None)
    assert "Strict-Transport-Security" not in fields
    await world.down()


@pytest_twisted.ensureDeferred
async def test_browsers_are_told_the_onion_address_where_that_is_wanted_and_it_is_published(tmp_path) -> None:
    world = await served(tmp_path, onion_location=True)
    assert "Onion-Location" not in (await world.http("GET / HTTP/1.1"))[1]
    world.onion_url = "http://" + "a" * 56 + ".onion"
    assert (await world.http("GET / HTTP/1.1"))[1]["Onion-Location"] == world.onion_url + "/"
    world.reload(onion_location=False)
    assert "Onion-Location" not in (await world.http("GET / HTTP/1.1"))[1]
    await world.down()


@pytest_twisted.ensureDeferred
async def test_a_listener_without_tls_tells_no_onion_address() -> None:
    world = await RelayWorld(reactor, onion_location=True).up()
    world.onion_url = "http://" + "a" * 56 + ".onion"
    assert "Onion-Location" not in (await world.http("GET / HTTP/1.1"))[1]
    await world.down()

"""The one door out: onions through tor only, loopback only where allowed, nothing else, and never a look-up."""

from __future__ import annotations

import pytest
import pytest_twisted
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.interfaces import IResolverSimple
from twisted.internet.protocol import Factory, Protocol
from zope.interface import implementer

from whisperd.errors import DialFailed, DialRefused, TorUnavailable
from whisperd.tor.dial.dialer import Dialer
from whisperd.tor.dial.onion_names import check_onion, is_onion, onion_name
from whisperd.tor.dial.socks import REASONS, SocksClient

ONION = onion_name(bytes(range(32)))
#: What a SOCKS server of tor says when all goes well.
WELCOME, LOGGED_IN, GRANTED = b"\x05\x02", b"\x01\x00", b"\x05\x00\x00\x01\0\0\0\0\0\0"


class Listener(Protocol):
    """Keeps what it hears, and fires when it is closed."""

    def __init__(self) -> None:
        self.heard = b""
        self.waiting: list[tuple[int, Deferred]] = []
        self.lost: Deferred = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        for size, waiter in self.waiting:
            if len(self.heard) >= size and not waiter.called:
                waiter.callback(self.heard)

    def hear(self, size: int) -> Deferred:
        waiter: Deferred = Deferred()
        self.waiting.append((size, waiter))
        self.dataReceived(b"")
        return waiter

    def connectionLost(self, reason=None) -> None:
        self.lost.callback(None)


class Scripted(Protocol):
    """A server that answers each write with the next line of its script."""

    def __init__(self, script: list[bytes], heard: list[bytes]) -> None:
        self.script = list(script)
        self.heard = heard

    def dataReceived(self, data: bytes) -> None:
        self.heard.append(data)
        if self.script:
            self.transport.write(self.script.pop(0))


@implementer(IResolverSimple)
class NoResolver:
    def getHostByName(self, name, timeout=()):
        raise AssertionError(f"looked up {name}")


@pytest.fixture(autouse=True)
def no_look_ups():
    previous = reactor.installResolver(NoResolver())
    yield
    reactor.installResolver(previous)


@pytest.fixture
def serve():
    """Return a coroutine that opens a scripted server and returns its port and what it hears."""
    ports = []

    async def begin(script: list[bytes]) -> tuple[int, list[bytes]]:
        heard: list[bytes] = []
        factory = Factory.forProtocol(lambda: Scripted(script, heard))
        port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
        ports.append(port)
        return port.getHost().port, heard

    yield begin
    for port in ports:
        pytest_twisted.blockon(port.stopListening())


def dialer(socks_port: int | None = None, *, loopback: bool = False) -> Dialer:
    made = Dialer(reactor, loopback=loopback, socks=f"tcp:127.0.0.1:{socks_port}" if socks_port else None)
    return made


factory = Factory.forProtocol(Listener)


@pytest.mark.parametrize("host", [
    "example.org", "10.0.0.1", "192.168.1.1", "8.8.8.8", "2001:db8::1", "0.0.0.0", "onion", "example.org.", "127.1",
    "localhost.example.org", "", "x.onion.example.org",
])
@pytest_twisted.ensureDeferred
async def test_a_clearnet_address_is_refused_even_where_loopback_is_allowed(host):
    with pytest.raises(DialRefused):
        await dialer(1, loopback=True).connect(host, 80, factory)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.9.10"])
@pytest_twisted.ensureDeferred
async def test_loopback_is_refused_unless_it_is_allowed(host):
    with pytest.raises(DialRefused):
        await dialer().connect(host, 80, factory)


@pytest.mark.parametrize("allowed", ["loopback", "direct"])
@pytest_twisted.ensureDeferred
async def test_loopback_is_dialled_directly_where_it_is_allowed(serve, allowed):
    port, heard = await serve([b"hello"])
    protocol = await dialer(loopback=allowed == "loopback").connect("localhost", port, factory,
                                                                     direct=allowed == "direct")
    protocol.transport.write(b"hi")
    assert await protocol.hear(5) == b"hello" and heard == [b"hi"]
    protocol.transport.loseConnection()
    await protocol.lost


@pytest.mark.parametrize("host", [
    ONION[1:], "a" * 56 + ".onion", ONION.replace(".onion", "..onion"), "www." + ONION, "expyuzz4wqqyqhjn.onion",
    ONION + ".", ".onion",
])
@pytest_twisted.ensureDeferred
async def test_an_onion_name_that_cannot_be_right_is_refused_before_tor_hears_of_it(serve, host):
    port, heard = await serve([WELCOME])
    with pytest.raises(DialRefused):
        await dialer(port).connect(host, 80, factory)
    assert heard == []


@pytest_twisted.ensureDeferred
async def test_without_tor_an_onion_is_out_of_reach_also_where_loopback_is_allowed():
    with pytest.raises(TorUnavailable):
        await dialer(loopback=True).connect(ONION, 80, factory)


@pytest_twisted.ensureDeferred
async def test_an_onion_goes_to_tor_as_a_name_with_its_isolation_and_early_bytes_are_kept(serve):
    port, heard = await serve([WELCOME, LOGGED_IN, GRANTED + b"early", b"late"])
    protocol = await dialer(port).connect(ONION.upper(), 8080, factory, isolation="chat-7")
    assert heard[1] == b"\x01\x08whisperd\x06chat-7"
    assert heard[2] == b"\x05\x01\x00\x03\x3e" + ONION.encode() + b"\x1f\x90"
    protocol.transport.write(b"more?")
    assert await protocol.hear(9) == b"earlylate"
    protocol.transport.loseConnection()
    await protocol.lost


@pytest.mark.parametrize("code", sorted(REASONS))
@pytest_twisted.ensureDeferred
async def test_what_tor_refuses_is_said_in_words(serve, code):
    port, _ = await serve([WELCOME, LOGGED_IN, b"\x05" + bytes([code]) + b"\x00\x01\0\0\0\0\0\0"])
    with pytest.raises(DialFailed) as caught:
        await dialer(port).connect(ONION, 80, factory)
    assert REASONS[code] in caught.value.message


@pytest_twisted.ensureDeferred
async def test_a_control_port_given_as_socks_port_is_recognised(serve):
    port, _ = await serve([b"514 Authentication required.\r\n"])
    with pytest.raises(DialFailed) as caught:
        await dialer(port).connect(ONION, 80, factory)
    assert "not tor's SOCKS port" in caught.value.message and "tor.socks" in caught.value.remedy


@pytest_twisted.ensureDeferred
async def test_a_tor_that_does_not_answer_runs_into_the_deadline(serve):
    port, _ = await serve([])
    with pytest.raises(DialFailed):
        await dialer(port).connect(ONION, 80, factory, timeout=0.05)


@pytest_twisted.ensureDeferred
async def test_a_socks_port_where_nothing_listens_is_said_in_words(serve):
    port, _ = await serve([])
    made = dialer(port)
    made.use("unix:/nowhere/at/all")
    with pytest.raises(DialFailed):
        await made.connect(ONION, 80, factory)


def test_a_name_is_the_public_key_with_checksum_and_version():
    # The onion service of the Tor Project, as the specification of version 3 names have it.
    assert check_onion("2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid.onion")
    assert check_onion(ONION.upper()) == ONION


@given(st.binary(min_size=32, max_size=32), st.integers(0, 55), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_a_changed_name_is_noticed(key, place, character):
    name = onion_name(key)
    changed = name[:place] + character + name[place + 1 :]
    assert is_onion(changed)
    if changed != name and place < 50:
        with pytest.raises(DialRefused):
            check_onion(changed)


@given(st.binary(max_size=400), st.lists(st.integers(1, 7), max_size=60))
def test_any_answer_is_understood_or_refused_however_it_is_cut(answer, cuts):
    client = SocksClient(ONION, 80, "x")
    try:
        for cut in [*cuts, 400]:
            client.receive(answer[:cut])
            answer = answer[cut:]
    except DialFailed as error:
        assert error.message
    assert client.done in (True, False)


@given(st.binary(max_size=50), st.integers(1, 5))
def test_a_good_answer_is_understood_however_it_is_cut(early, size):
    client = SocksClient(ONION, 80, "x")
    answer = WELCOME + LOGGED_IN + GRANTED + early
    got = b"".join(client.receive(answer[at : at + size]) for at in range(0, len(answer) - len(early), size))
    assert client.done and got.endswith(b"\x00\x50")


@pytest.mark.parametrize("port", [-1, 0, 65_536])
@pytest_twisted.ensureDeferred
async def test_a_number_that_is_no_port_is_refused(port):
    for host in (ONION, "127.0.0.1"):
        with pytest.raises(DialRefused):
            await dialer(9, loopback=True).connect(host, port, factory)


@pytest_twisted.ensureDeferred
async def test_a_connection_that_the_factory_does_not_want_is_closed_again(serve):
    class Unwilling(Factory):
        def buildProtocol(self, addr):
            return None

    port, _ = await serve([WELCOME, LOGGED_IN, GRANTED])
    with pytest.raises(DialFailed, match="no longer needed"):
        await dialer(port).connect(ONION, 80, Unwilling())


def test_isolation_of_any_length_fits_and_stays_apart() -> None:
    logins = []
    for isolation in ("x" * 255, "x" * 256, "x" * 70_000, "\u1234" * 200, ""):
        client = SocksClient(ONION, 80, isolation)
        login = client.receive(b"\x05\x02")
        assert login[10] == len(login) - 11 > 0
        logins.append(login)
    assert len(set(logins)) == len(logins)

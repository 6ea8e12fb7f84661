"""Attaching to a tor that runs: where its control port may be, and every way in which that fails, by name."""

from __future__ import annotations

import errno
from collections.abc import Sequence

from twisted.internet import defer, error
from txtorcon.torcontrolprotocol import TorDisconnectError, TorProtocolError

from whisperd.errors import (
    TorAuthRefused,
    TorCommandFailed,
    TorControlForbidden,
    TorControlUnreachable,
    TorUnavailable,
    WhisperdError,
)
from whisperd.tor.control import quoted
from whisperd.tor.control.control_port import TorControl, TorControlConnection
from whisperd.tor.dial import endpoints
from whisperd.tor.event_loop import Network, at_most, quiet

#: Where a system's tor and Tor Browser have their control ports.
USUAL_CONTROL_PORTS = ("unix:/run/tor/control", "unix:/var/run/tor/control", "tcp:127.0.0.1:9051", "tcp:127.0.0.1:9151")
#: Seconds for connecting and authenticating, for each of them.
TIMEOUT = 15.0

#: Errors that tell more about what to mend come first.
_TELLING = (TorAuthRefused, TorControlForbidden, TorCommandFailed, TorControlUnreachable)
_WRONG_PASSWORD = 515
_NO_PROXY = b"Tor is not an HTTP Proxy"


async def attach(address: str, *, reactor: Network, password: str = "", timeout: float = TIMEOUT,
                 usual: Sequence[str] = USUAL_CONTROL_PORTS) -> TorControlConnection:
    """Return an authenticated control connection to ``address`` (empty: the first of ``usual`` that works).

    Safe cookie, cookie, password and no authentication are tried as tor offers them. Raises TorControlUnreachable,
    TorControlForbidden, TorAuthRefused, TorCommandFailed, ConfigError.
    """
    failures: list[WhisperdError] = []
    for one in (address,) if address else usual:
        try:
            return await _attach_to(endpoints.parse(one), reactor, password, timeout)
        except _TELLING as reason:
            failures.append(reason)
    if not address and all(isinstance(reason, TorControlUnreachable) for reason in failures):
        raise TorControlUnreachable("no tor answers at any of the usual control ports")
    raise min(failures, key=lambda reason: _TELLING.index(type(reason)))


async def _attach_to(address: endpoints.LocalAddress, reactor: Network, password: str,
                     timeout: float) -> TorControlConnection:
    factory = quiet(lambda: TorControlConnection(reactor, password))
    try:
        control = await address.connect(factory, reactor, timeout)
    except (error.ConnectError, error.TimeoutError) as reason:
        raise _not_connected(address, reason) from None
    try:
        await at_most(timeout, control.authenticated(), reactor)
    except (TorProtocolError, TorDisconnectError, RuntimeError, defer.TimeoutError) as reason:
        control.abort()
        raise _not_authenticated(address, control, reason) from None
    except BaseException:
        control.abort()
        raise
    return control


async def socks_of(control: TorControl) -> str:
    """Return where this tor takes SOCKS connections; raises TorUnavailable when it does not."""
    answer = await control.request("GETINFO net/listeners/socks")
    for listener in quoted.values(answer.partition("=")[2]):
        if address := _listener(listener):
            return address
    raise TorUnavailable("the attached tor has no SOCKS port",
                         remedy="Set SocksPort in torrc, or set tor.socks to the SOCKS port of another tor.")


def _listener(text: str) -> str:
    if text.startswith("unix:/"):
        return text
    host, _, port = text.rpartition(":")
    wildcards = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - read, not bound
    return f"tcp:{wildcards.get(host, host)}:{port}" if host and port.isdigit() else ""


def _not_connected(address: endpoints.LocalAddress, reason: Exception) -> WhisperdError:
    if getattr(reason, "osError", None) in (errno.EACCES, errno.EPERM):
        return TorControlForbidden(f"this user may not open {address}")
    if isinstance(reason, error.ConnectionRefusedError) or getattr(reason, "osError", None) == errno.ENOENT:
        return TorControlUnreachable(f"nothing answers on {address}")
    return TorControlUnreachable(f"{address} cannot be reached")


def _not_authenticated(address: endpoints.LocalAddress, control: TorControlConnection,
                       reason: BaseException) -> WhisperdError:
    if _NO_PROXY in control.stranger:
        return TorControlUnreachable(f"{address} is tor's SOCKS port, not its control port",
                                     remedy="Set tor.control to the ControlPort or ControlSocket in torrc, and "
                                            "tor.socks to this one.")
    if control.stranger:
        return TorControlUnreachable(f"the program that listens on {address} is not tor's control port",
                                     remedy="Set tor.control to the ControlPort or ControlSocket in torrc.")
    if isinstance(reason, TorProtocolError):
        return _refused(reason)
    if isinstance(reason, defer.TimeoutError):
        return TorControlUnreachable(f"tor does not answer on {address}")
    if isinstance(reason, TorDisconnectError):
        return TorControlUnreachable(f"{address} closed the connection without an answer",
                                     remedy="Check that tor.control names tor's control port.")
    return _authentication_impossible(str(reason))


def _refused(reason: TorProtocolError) -> WhisperdError:
    if reason.code == _WRONG_PASSWORD:
        return TorAuthRefused("tor refused the password or the cookie")
    return TorCommandFailed(f"tor refused the first control command: {reason.code}")


def _authentication_impossible(text: str) -> WhisperdError:
    """Return the error for what txtorcon says in a RuntimeError's text only."""
    if "COOKIEFILE" in text and f"[Errno {errno.EACCES}]" in text:
        return TorControlForbidden("this user may not read tor's cookie file")
    if "COOKIEFILE" in text:
        return TorAuthRefused("tor's cookie file cannot be read",
                              remedy="Set CookieAuthFile in torrc to a place where this user can read it.")
    if "no password_function" in text:
        return TorAuthRefused("tor's control port requires a password", remedy="Set tor.password.")
    return TorAuthRefused("the authentication with tor failed")

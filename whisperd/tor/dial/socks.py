"""The client side of SOCKS5 as tor speaks it: bytes in, bytes out, no socket. [RFC 1928, RFC 1929; tor's
socks-extensions]

txtorcon's client sends no user name and password; tor gives every pair of them a circuit of its own
(IsolateSOCKSAuth), and that is how conversations are kept apart.
"""

from __future__ import annotations

import hashlib

from whisperd.errors import CredentialRefused, DialFailed

_USER = b"whisperd"
_NO_CREDENTIAL, _BAD_CREDENTIAL = 0xF4, 0xF5

#: What tor means by its reply codes; those from 0xF0 on need the flag ExtendedErrors on tor's SocksPort.
REASONS = {
    0x01: "tor could not connect",
    0x02: "tor's configuration does not allow it",
    0x03: "the network is unreachable",
    0x04: "the host is unreachable: the address is wrong, or its descriptor is not published",
    0x05: "the other end refused the connection",
    0x06: "tor's own time limit was reached",
    0x07: "tor does not know the command",
    0x08: "tor does not know this kind of address",
    0xF0: "the onion service's descriptor was not found: the service is down, or not published yet",
    0xF1: "the onion service's descriptor is invalid",
    0xF2: "no introduction point of the onion service could be used",
    0xF3: "the rendezvous with the onion service failed",
    0xF4: "the onion service requires a credential that tor does not have",
    0xF5: "the onion service did not accept the credential",
    0xF6: "this is not a valid onion address",
    0xF7: "the introduction to the onion service took too long",
}

#: Bytes of the longest password.
_MAX = 255

_BOUND_SIZES = {0x01: 4, 0x04: 16}


class SocksClient:
    """One request for one connection. Requests with different words of ``isolation`` never share a
    circuit. After ``done``, ``leftover`` holds what the other end has said already."""

    def __init__(self, host: str, port: int, isolation: str) -> None:
        self.done = False
        self.leftover = b""
        self._buffer = b""
        password = _short(isolation)
        name = host.encode("ascii")
        self._login = bytes([1, len(_USER)]) + _USER + bytes([len(password)]) + password
        self._request = b"\x05\x01\x00\x03" + bytes([len(name)]) + name + port.to_bytes(2, "big")
        self._step = self._method_chosen

    def begin(self) -> bytes:
        """Return the first bytes to send: version 5, and user name and password as the only method."""
        return b"\x05\x01\x02"

    def receive(self, data: bytes) -> bytes:
        """Take bytes and return bytes to send; raises DialFailed with tor's reason in words."""
        self._buffer += data
        answers = b""
        while not self.done:
            answer = self._step()
            if answer is None:
                break
            answers += answer
        return answers

    def _method_chosen(self) -> bytes | None:
        reply = self._take(2)
        if reply is None:
            return None
        if reply != b"\x05\x02":
            raise DialFailed("the program that listens at tor.socks is not tor's SOCKS port",
                             remedy="Check tor.socks. It must not name the control port.")
        self._step = self._logged_in
        return self._login

    def _logged_in(self) -> bytes | None:
        reply = self._take(2)
        if reply is None:
            return None
        if reply[1] != 0:
            raise DialFailed("tor's SOCKS port did not accept the login that separates the circuits")
        self._step = self._answered
        return self._request

    def _answered(self) -> bytes | None:
        if len(self._buffer) < 5:
            return None
        version, code, _, kind, length = self._buffer[:5]
        if version != 5:
            raise DialFailed("the program that listens at tor.socks is not tor's SOCKS port")
        if code in (_NO_CREDENTIAL, _BAD_CREDENTIAL):
            raise CredentialRefused(f"the relay could not be reached: {REASONS[code]}")
        if code != 0:
            raise DialFailed(f"the relay could not be reached: {REASONS.get(code, f'SOCKS error {code:#04x}')}")
        size = 4 + (1 + length if kind == 0x03 else _BOUND_SIZES.get(kind, 4)) + 2
        if self._take(size) is None:
            return None
        self.done, self.leftover = True, self._buffer
        return b""

    def _take(self, size: int) -> bytes | None:
        if len(self._buffer) < size:
            return None
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken


def _short(isolation: str) -> bytes:
    """Return ``isolation`` as a password that is never empty and never too long."""
    password = isolation.encode() or b"-"
    return password if len(password) <= _MAX else hashlib.sha256(password).hexdigest().encode()

"""A control port that is filtered as Tails and Whonix filter theirs: what a profile does not name is refused.

Like onion-grater it answers the authentication itself, asks tor over a connection of its own, and connects that anew
when tor was started again, without a word to the daemon.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory, connectionDone
from twisted.protocols.basic import LineOnlyReceiver

PROFILE = Path(__file__).parents[2] / "contrib/tor/onion-grater/whisperd.yml"
HERE = {"client-address": "127.0.0.1"}


class Profile:
    """The first filter of a profile: ``commands`` and ``events`` as onion-grater reads them."""

    def __init__(self, path: Path = PROFILE) -> None:
        [given] = yaml.safe_load(path.read_text())
        self.events: dict[str, Any] = given["events"]
        self.rules = [(verb, {"pattern": rule} if isinstance(rule, str) else rule)
                      for verb, rules in given["commands"].items() for rule in rules]

    def rule(self, line: str) -> int | None:
        """Return the number of the rule that lets a command pass, or None."""
        verb, _, rest = line.partition(" ")
        return next((number for number, (name, rule) in enumerate(self.rules)
                     if name == verb.upper() and re.match(rule["pattern"] + "$", rest)), None)

    def rewritten(self, line: str) -> str | None:
        """Return a command as tor gets it, or None when it may not pass."""
        verb, _, rest = line.partition(" ")
        if verb == "SETEVENTS":
            return line if set(rest.split()) <= set(self.events) else None
        number = self.rule(line)
        if number is None:
            return None
        rule = self.rules[number][1]
        return f"{verb} {_replaced(rule, rest)}" if "replacement" in rule else line

    def event(self, line: str) -> str:
        """Return an event as the daemon gets it; nothing when it is kept back."""
        name = line.split()[1]
        for rule in self.events.get(name, {}).get("response", ()):
            if re.match(rule["pattern"] + "$", line):
                return _replaced(rule, line)
        return line


def _replaced(rule: dict[str, str], text: str) -> str:
    match = re.match(rule["pattern"] + "$", text)
    assert match
    return rule["replacement"].format(*match.groups(), **HERE)


class Grater:
    """Listens on ``path`` for a tor whose control socket is ``target``, with ``cookie`` beside it. ``heard`` has what
    the daemon sent, ``refused`` what did not pass."""

    def __init__(self, reactor: Any, path: Path, target: Path, cookie: Path) -> None:
        self.place = f"unix:{path}"
        self.profile = Profile()
        self.heard: list[str] = []
        self.refused: list[str] = []
        self.connections = 0
        self.reactor = reactor
        self.target = target
        self.cookie = cookie
        factory = Factory.forProtocol(lambda: _Session(self))
        factory.noisy = False
        self._port = reactor.listenUNIX(str(path), factory, mode=0o600)

    async def stop(self) -> None:
        """Listen no more."""
        await self._port.stopListening()


class _Tor(LineOnlyReceiver):
    """The filter's connection to tor, authenticated by the cookie."""

    delimiter = b"\r\n"
    MAX_LENGTH = 65_536

    def __init__(self, session: _Session) -> None:
        self._session = session
        self._ready = False

    def connectionMade(self) -> None:
        cookie = self._session.grater.cookie.read_bytes().hex()
        self.transport.write(f"AUTHENTICATE {cookie}\r\n".encode())  # type: ignore[union-attr,call-arg]

    def lineReceived(self, line: bytes) -> None:
        if self._ready:
            self._session.tor_said(line.decode())
        else:
            assert line == b"250 OK", line
            self._ready = True
            self._session.tor_is_there(self.transport)

    def connectionLost(self, reason: Any = connectionDone) -> None:
        self._session.tor_is_gone()


class _Session(LineOnlyReceiver):
    """One connection of the daemon."""

    transport: Any
    delimiter = b"\r\n"
    MAX_LENGTH = 65_536

    def __init__(self, grater: Grater) -> None:
        self.grater = grater
        self._tor: Any = None
        self._ended = False
        self._waiting: list[str] = []
        self._events = ""
        self._swallow = 0

    def connectionMade(self) -> None:
        self.grater.connections += 1
        self._connect()

    def _connect(self) -> None:
        factory = Factory.forProtocol(lambda: _Tor(self))
        factory.noisy = False
        UNIXClientEndpoint(self.grater.reactor, str(self.grater.target)).connect(factory).addErrback(self._again)

    def _again(self, failure: Any) -> None:
        failure.trap(ConnectError)
        if not self._ended:
            self.grater.reactor.callLater(0.1, self._connect)

    def tor_is_there(self, transport: Any) -> None:
        self._tor = transport
        if self._events:
            self._swallow += 1
            self._waiting.insert(0, self._events)
        waiting, self._waiting = self._waiting, []
        for line in waiting:
            self._ask(line)

    def tor_is_gone(self) -> None:
        self._tor = None
        if not self._ended:
            self._connect()

    def lineReceived(self, line: bytes) -> None:
        text = line.decode()
        self.grater.heard.append(text)
        if text.startswith("PROTOCOLINFO"):
            self._say('250-PROTOCOLINFO 1', '250-AUTH METHODS=NULL', '250-VERSION Tor="0.4.8.1"', "250 OK")
        elif text.startswith("AUTHENTICATE"):
            self._say("250 OK")
        elif (rewritten := self.grater.profile.rewritten(text)) is None:
            self.grater.refused.append(text)
            self._say("510 Command filtered")
        else:
            self._events = rewritten if rewritten.startswith("SETEVENTS") else self._events
            self._ask(rewritten)

    def _ask(self, line: str) -> None:
        if self._tor is None:
            self._waiting.append(line)
        else:
            self._tor.write(f"{line}\r\n".encode())

    def tor_said(self, line: str) -> None:
        if line.startswith("650 "):
            line = self.grater.profile.event(line)
            if not line:
                return
        elif self._swallow and line == "250 OK":
            self._swallow -= 1
            return
        self._say(line)

    def _say(self, *lines: str) -> None:
        self.transport.write("".join(f"{line}\r\n" for line in lines).encode())

    def connectionLost(self, reason: Any = connectionDone) -> None:
        self._ended = True
        if self._tor is not None:
            self._tor.abortConnection()

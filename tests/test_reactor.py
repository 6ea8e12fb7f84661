"""The daemon's reactor, in a process of its own: events, timers, failures and the end are Twisted's."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import threading, time
from whisperd.reactor import QuietReactor, install
install()
install()
from twisted.internet import protocol, reactor
from twisted.python import log

assert type(reactor) is QuietReactor
told, failed = [], []
log.addObserver(lambda event: failed.append(event["isError"]) if event.get("isError") else None)

class Server(protocol.Protocol):
    def dataReceived(self, data):
        if data == b"fail":
            raise RuntimeError("on purpose")
        self.transport.write(data.upper())

class Client(protocol.Protocol):
    def connectionMade(self):
        self.transport.write(self.factory.word)

    def dataReceived(self, data):
        told.append(data)
        if planned.active():
            planned.reset(0.01)
        self.transport.loseConnection()

    def connectionLost(self, reason):
        told.append("closed")
        following()

def connect(word):
    factory = protocol.ClientFactory()
    factory.protocol, factory.word, factory.noisy = Client, word, False
    reactor.connectTCP("127.0.0.1", port.getHost().port, factory)

words = [b"fail", b"word", b"x" * 300000]
def following():
    if words:
        connect(words.pop(0))
    else:
        threading.Timer(0.1, reactor.callFromThread, (reactor.callLater, 0.01, reactor.stop)).start()

port = reactor.listenTCP(0, protocol.Factory.forProtocol(Server), interface="127.0.0.1")
reactor.callWhenRunning(following)
sooner = []
planned = reactor.callLater(30, sooner.append, 1)
start = time.monotonic()
reactor.callLater(20, reactor.stop)
reactor.run()
assert sooner and time.monotonic() - start < 15
assert told[0] == "closed" and told[1:3] == [b"WORD", "closed"], told[:3]
assert b"".join(told[3:-1]) == b"X" * len(b"".join(told[3:-1])) and told[-1] == "closed"
assert failed, "the failure was not logged"
"""


def test_events_timers_failures_and_the_end_are_as_in_twisted():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr

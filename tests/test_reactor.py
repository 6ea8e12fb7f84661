"""The daemon's reactor, in a process of its own: events, timers, failures and the end are Twisted's."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.tor.kit import SetClock

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


SET_BACK = """
import os, time
from whisperd.reactor import install
install()
from twisted.internet import reactor

began, steady = time.time(), reactor.seconds()
assert abs(steady - began) < 5

def set_back():
    with open(os.environ["FAKETIME_TIMESTAMP_FILE"], "w") as file:
        file.write("-1d")

def over():
    assert time.time() < began - 80_000, "the clock was not set"
    assert 0 < reactor.seconds() - steady < 20
    reactor.stop()

reactor.callLater(0.1, set_back)
reactor.callLater(0.3, over)
reactor.run()
"""


def test_what_was_planned_happens_in_time_although_the_clock_is_set_back_by_a_day(tmp_path):
    environment = {**os.environ, **SetClock(tmp_path / "offset").environment}
    done = subprocess.run([sys.executable, "-c", SET_BACK], capture_output=True, text=True, timeout=60, check=False,
                          env=environment)
    assert done.returncode == 0, done.stderr

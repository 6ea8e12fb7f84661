"""The other side of the throughput's bench: a plain TCP stream through tor, from a socket to an onion service.

``python -m contrib.bench.raw_stream sink PORT`` reads streams and answers each, when it has ended, with one byte;
``… send SOCKS ADDRESS SIZE`` sends so many bytes through the SOCKS socket of a tor and prints how long it took.
"""

from __future__ import annotations

import os
import socket
import sys
import time

from whisperd.tor.dial.socks import SocksClient

CHUNK = 65_536


def sink(port: int) -> None:
    """Take one stream after the other."""
    with socket.create_server(("127.0.0.1", port)) as server:
        while True:
            stream, _ = server.accept()
            with stream:
                while stream.recv(CHUNK):
                    pass
                stream.sendall(b".")


def send(socks: str, address: str, size: int) -> float:
    """Send ``size`` random bytes, and return the seconds until the other side has them all."""
    block = os.urandom(CHUNK)
    with connected(socks, address) as stream:
        begin = time.perf_counter()
        for start in range(0, size, CHUNK):
            stream.sendall(block[:min(CHUNK, size - start)])
        stream.shutdown(socket.SHUT_WR)
        stream.recv(1)
        return time.perf_counter() - begin


def connected(socks: str, address: str) -> socket.socket:
    """Return a connection to port 80 of an onion service; tried again while a directory is behind."""
    for _ in range(30):
        stream = socket.socket(socket.AF_UNIX)
        stream.connect(socks)
        client = SocksClient(address, 80, os.urandom(8).hex())
        stream.sendall(client.begin())
        try:
            while not client.done:
                if answer := client.receive(stream.recv(CHUNK)):
                    stream.sendall(answer)
            return stream
        except Exception:  # whatever the reason is, it passes
            stream.close()
            time.sleep(1)
    raise RuntimeError("the onion service is not reached")


if __name__ == "__main__":
    if sys.argv[1] == "sink":
        sink(int(sys.argv[2]))
    else:
        print(send(sys.argv[2], sys.argv[3], int(sys.argv[4])))

"""Ports of this machine's loopback, brought into the network of another: 'python forwarding.py NETWORK PORT...'.

Run inside the other one. It takes its ports there, goes over to NETWORK (a file of namespaces(7), as /proc/PID/ns/net),
connects there for each connection that it accepts, and is in the background as soon as the ports are open.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import os
import socket
import struct
import sys

_CLONE_NEWNET = 0x4000_0000
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1


def main(network: str, ports: list[int]) -> None:
    """Switch loopback on, open the ports, and return; a process in the background goes on."""
    outside = os.open(network, os.O_RDONLY)
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP))
    listening = [socket.create_server(("127.0.0.1", port)) for port in ports]
    if os.fork():
        return
    os.setsid()
    if ctypes.CDLL(None, use_errno=True).setns(outside, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
    asyncio.run(_serve(listening))


async def _serve(listening: list[socket.socket]) -> None:
    servers = [await asyncio.start_server(_forward_to(each.getsockname()[1]), sock=each) for each in listening]
    await asyncio.gather(*(server.serve_forever() for server in servers))


def _forward_to(port: int):
    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pump(reader, back), _pump(there, writer))

    return forward


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


if __name__ == "__main__":
    main(sys.argv[1], list(map(int, sys.argv[2:])))

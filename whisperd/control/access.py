"""Who may use the control socket: root, the daemon's own user, and the members of one group."""

from __future__ import annotations

import os
import pwd
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

_UCRED = struct.Struct("3i")


@dataclass(frozen=True)
class Peer:
    """The process at the other end of a unix socket, as the kernel knows it since it connected."""

    pid: int
    uid: int
    gid: int

    @classmethod
    def of(cls, connected: socket.socket) -> Peer:
        """Ask the kernel; raises OSError when the socket is not a connected unix socket."""
        return cls(*_UCRED.unpack(connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)))


def groups_of(peer: Peer) -> set[int]:
    """Return the peer's group ids, supplementary ones included as the user database has them."""
    try:
        name = pwd.getpwuid(peer.uid).pw_name
    except KeyError:
        return {peer.gid}
    return {peer.gid, *os.getgrouplist(name, peer.gid)}


@dataclass(frozen=True)
class Access:
    """The rule. ``owner`` is the daemon's user id; ``group`` a group id, or None when no group is named."""

    owner: int
    group: int | None = None
    groups_of: Callable[[Peer], set[int]] = groups_of

    def allows(self, peer: Peer) -> bool:
        """Return whether this peer may call the daemon's methods."""
        if peer.uid in (0, self.owner):
            return True
        return self.group is not None and self.group in self.groups_of(peer)

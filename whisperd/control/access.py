"""Who may do what over the control socket: all of it, only read, or nothing.

Root and the daemon's own user may do everything. The members of ``control.group`` may too, unless
``control.admin_group`` is named: then these administer, and the others only read. [whisperd-protocol(7), CONTROL]
"""

from __future__ import annotations

import os
import pwd
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

from whisperd.control.commands import READ, RIGHTS

EVERYTHING = frozenset(RIGHTS)
READING = frozenset({READ})
NOTHING: frozenset[str] = frozenset()

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
        user = pwd.getpwuid(peer.uid)
    except KeyError:
        return {peer.gid}
    return {peer.gid, *os.getgrouplist(user.pw_name, user.pw_gid)}


@dataclass(frozen=True)
class AccessRule:
    """The rule. ``owner`` is the daemon's user id; ``group`` and ``admins`` are group ids, None where none is named."""

    owner: int
    group: int | None = None
    admins: int | None = None
    groups_of: Callable[[Peer], set[int]] = groups_of

    def rights(self, peer: Peer) -> frozenset[str]:
        """Return the rights of this peer, those of ``commands.RIGHTS``; none: it is not served at all."""
        if peer.uid in (0, self.owner):
            return EVERYTHING
        groups = self.groups_of(peer) if self.group is not None else set()
        if self.group not in groups:
            return NOTHING
        return EVERYTHING if self.admins is None or self.admins in groups else READING

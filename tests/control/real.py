"""A real daemon in this process, without tor: it talks with itself over its own relay, by the loopback opt-in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.waiting import eventually
from whisperd.config import load
from whisperd.daemon import Daemon

PASSPHRASE = "correct horse battery"


async def started(folder: Path, reactor: Any, **keys: Any) -> Daemon:
    """Return a daemon that serves, with other keys than the defaults (``relay__access``) where they are given."""
    (folder / "downloads").mkdir()
    daemon = Daemon(load(overrides={
        "tor.mode": "off", "relay.listen": ["tcp:0:interface=127.0.0.1"], "control.socket": str(folder / "run" / "c"),
        "peer.loopback": True, "peer.links": ["relay"], "peer.downloads": str(folder / "downloads"),
        **{name.replace("__", "."): value for name, value in keys.items()}}), reactor=reactor)
    await daemon.start()
    return daemon


async def connected(daemon: Daemon, access: str = "") -> tuple[str, str]:
    """Return two conversations of this daemon that are the two sides of one."""
    chats = daemon.api.chats
    invited = await chats.invite(access=access)
    joined = await chats.join(link=str(invited.link), access=access)

    async def both() -> bool:
        return all(row.state == "connected" for row in await chats.list())

    await eventually(both)
    return invited.chat, joined.chat


def file(folder: Path, content: bytes = b"content") -> int:
    """Return the descriptor of a file with this content."""
    (folder / "file").write_bytes(content)
    return os.open(folder / "file", os.O_RDONLY)

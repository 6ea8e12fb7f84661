"""The cookie of a tor on the private network, which belongs to whoever runs the tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whisperd.tor.testnet import Testnet


@contextmanager
def readable_cookies(testnet: Testnet) -> Iterator[None]:
    """Let any user read what the control ports of its clients ask for, until the end of the block."""
    cookies = [Path(client.control.removeprefix("unix:")).with_name("control_auth_cookie")
               for client in testnet.clients]
    folders = {folder for cookie in cookies for folder in cookie.parents if folder.is_relative_to(testnet.directory)}
    before = {path: path.stat().st_mode & 0o777 for path in (*cookies, *folders)}
    try:
        for path, mode in before.items():
            path.chmod(mode | (0o011 if path in folders else 0o044))
        yield
    finally:
        for path, mode in before.items():
            path.chmod(mode)

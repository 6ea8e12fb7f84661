"""Hands for the tests of the control server: a log to read, calls in a thread, raw bytes."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from whisperd.control.client import Client


def in_thread(function: Any, *args: Any, **kwargs: Any) -> Deferred[Any]:
    return deferToThread(function, *args, **kwargs)


def call(path: str, method: str, **params: Any) -> Any:
    with Client(path) as client:
        return client.call(method, params)


def exchange(path: str, sent: bytes, answers: int = 1) -> list[dict[str, Any]]:
    """Send raw bytes, read some answers."""
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(60)
        raw.connect(path)
        with suppress(BrokenPipeError):
            raw.sendall(sent)
        with raw.makefile("rb") as lines:
            return [json.loads(lines.readline()) for _ in range(answers)]


def line(method: str, number: int | None = 1, **params: Any) -> bytes:
    message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
    if number is not None:
        message["id"] = number
    return json.dumps(message).encode() + b"\n"

"""How long tor is waited for, in seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class TorTiming:
    """The seconds that pass between attempts and that tor has for its answers; read anew at each use."""

    #: For connecting to a control port and authenticating there.
    attach: float = 15.0
    #: Until the control socket of a launched tor is open, and for a launched tor to end by itself.
    start: float = 30.0
    stop: float = 10.0
    #: Between two requests for a sign of life, and for tor's answer to one.
    keepalive: float = 30.0
    keepalive_answer: float = 30.0
    #: From an upload to the first probe of reachability.
    settle: float = 30.0
    #: Between two readings of a hostname file, and between two checks of a SOCKS port that answered.
    hostname: float = 5.0
    socks: float = 30.0
    #: Maximum between two attempts at anything.
    max_pause: float = 60.0

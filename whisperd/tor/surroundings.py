"""What tor's parts take from the machine that they run on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from whisperd.tor.clock_jumps import Clocks
from whisperd.tor.process.socket_folder import in_memory
from whisperd.tor.timing import TorTiming


@dataclass(frozen=True)
class TorSurroundings:
    """Randomness, time, patience and file systems; tests give others than those of the machine."""

    random: Callable[[int], bytes] = os.urandom
    #: The time in unix seconds.
    now: Callable[[], float] = time.time
    clocks: Clocks = field(default_factory=Clocks)
    timing: TorTiming = field(default_factory=TorTiming)
    #: Whether what is written below a folder reaches no disk.
    in_memory: Callable[[Path], bool] = in_memory

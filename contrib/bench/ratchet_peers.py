"""Ratchets that others wrote, to measure ours against: installed below build/, never dependencies.

Each is two calls: one that carries a message of 100 bytes the other way than the one before, so that the ratchet turns
each time, and one that carries it always the same way.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from contrib.bench.harness import Round, main_thread_microseconds, per_call
from contrib.bench.ratchet_floors import ASSOCIATED, PLAINTEXT, ROUND

HERE = Path(__file__).parent / "node/libsignal"
PYTHON = Path("build/ratchet-peers")
NODE = Path("build/libsignal")
#: Packages of PyPI by the modules that they bring.
PACKAGES = {"vodozemac": "vodozemac==0.10.0", "olm": "python-olm==3.2.16", "doubleratchet": "DoubleRatchet==1.3.0"}
#: Messages of a round: so many that each has its share of what Node collects of garbage on its main thread now and
#: then, as ours has of what Python frees at once. A round of SHORT most often has none.
CALLS, SHORT = 8 * ROUND, ROUND

Carry = Callable[[], object]


def install() -> dict[str, str]:
    """Install what can be; return why the others are absent, by their names."""
    absent = {}
    sys.path.append(str(PYTHON))
    for module, package in PACKAGES.items():
        if importlib.util.find_spec(module) is not None:
            continue
        done = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--target", PYTHON, package],
                              capture_output=True, text=True)
        if done.returncode:
            absent[package] = f"pip: {done.stderr.strip().splitlines()[-1:]}"
    importlib.invalidate_caches()
    if reason := _install_libsignal():
        absent["libsignal"] = reason
    return absent


def _install_libsignal() -> str | None:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        return "node and npm are not on this machine"
    NODE.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "turns.mjs"):
        shutil.copy(HERE / name, NODE)
    done = subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=NODE,
                          capture_output=True, text=True)
    return f"npm: {done.stderr.strip().splitlines()[-1:]}" if done.returncode else None


def python_peers() -> dict[str, tuple[Round, Round]]:
    """Return a round of each pattern by the names of the peers that are there; ``install`` said which are not."""
    found = {}
    for name, meet in (("vodozemac", vodozemac), ("python-olm", olm), ("DoubleRatchet", double_ratchet)):
        try:
            found[name] = (per_call(alternating(*meet()), CALLS), per_call(meet()[0], CALLS))
        except ImportError:
            continue
    return found


def alternating(one: Carry, other: Carry) -> Carry:
    """Return a call that is ``one`` and ``other`` in turns."""
    calls = [one, other]

    def carry() -> None:
        calls[0]()
        calls.reverse()

    return carry


def vodozemac() -> tuple[Carry, Carry]:
    """Return what carries a message from Anna to Ben, and back, by Matrix's Olm in Rust."""
    from vodozemac import Account

    anna, ben = Account(), Account()
    ben.generate_one_time_keys(1)
    annas = anna.create_outbound_session(ben.curve25519_key, next(iter(ben.one_time_keys.values())))
    bens, _ = ben.create_inbound_session(anna.curve25519_key, annas.encrypt(b"").to_pre_key())
    annas.decrypt(bens.encrypt(b""))
    return lambda: bens.decrypt(annas.encrypt(PLAINTEXT)), lambda: annas.decrypt(bens.encrypt(PLAINTEXT))


def olm() -> tuple[Carry, Carry]:
    """Return the same by libolm, in C, which vodozemac took the place of."""
    from olm import Account, InboundSession, OutboundSession

    anna, ben = Account(), Account()
    ben.generate_one_time_keys(1)
    key = next(iter(ben.one_time_keys["curve25519"].values()))
    annas = OutboundSession(anna, ben.identity_keys["curve25519"], key)
    first = annas.encrypt("hello")
    bens = InboundSession(ben, first)
    bens.decrypt(first)
    annas.decrypt(bens.encrypt("hello"))
    text = PLAINTEXT.decode()
    return lambda: bens.decrypt(annas.encrypt(text)), lambda: annas.decrypt(bens.encrypt(text))


def double_ratchet() -> tuple[Carry, Carry]:
    """Return the same by PyPI's DoubleRatchet, in Python, with the functions that it recommends."""
    from contrib.bench.ratchet_foreign import finish, pair

    annas, bens = pair(os.urandom(32))

    def carry(sender: Any, receiver: Any) -> None:
        finish(receiver.decrypt_message(finish(sender.encrypt_message(PLAINTEXT, ASSOCIATED)), ASSOCIATED))

    return lambda: carry(annas, bens), lambda: carry(bens, annas)


@contextmanager
def libsignal() -> Iterator[Callable[[str, int], Round] | None]:
    """Yield what makes rounds of a pattern, ``turns`` or ``one-way``, and of so many messages by libsignal's Node
    binding; None: absent.

    A round is the processor time of Node's main thread, as ours is that of one thread; what its helpers collect of
    garbage is not held against it. What it spends on the stores, which are maps in memory, is a part of it: the binding
    has no other way to keep a session."""
    if not (NODE / "node_modules/@signalapp").is_dir():
        yield None
        return
    with subprocess.Popen(["node", "turns.mjs"], cwd=NODE, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as process:

        def pattern(name: str, calls: int) -> Round:
            def run() -> float:
                before = main_thread_microseconds(process.pid)
                print(name, calls, file=process.stdin, flush=True)
                process.stdout.readline()  # type: ignore[union-attr]
                return (main_thread_microseconds(process.pid) - before) / calls

            return run

        yield pattern
        process.stdin.close()  # type: ignore[union-attr]

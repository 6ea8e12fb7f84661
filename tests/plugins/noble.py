"""Asks what the browser's libraries come to: npm's @noble and Node's WebCrypto, installed below build/.

``python -m tests.plugins.noble`` writes tests/vectors/noble/answers.json anew, from what they answer. It needs node,
npm and the network; so do the soak tests that ask them live. The tests of every run read the file.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from whisperd_plugins import mlkem, p256, sodium

from tests.house.pages import ROOT
from whisperd.plugin.identity import MemoryIdentity

SOURCES = ROOT / "contrib/bench/node/noble"
FOLDER = ROOT / "build/noble"
FILE = ROOT / "tests/vectors/noble/answers.json"
SIGNATURES = ("mldsa87", "falcon1024")
Ask = Callable[..., dict[str, Any]]


@contextmanager
def running() -> Iterator[Ask]:
    """Install the libraries and yield a function that asks Node: values go over as hexadecimal, bytes come back."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "cross.mjs"):
        shutil.copy(SOURCES / name, FOLDER)
    command = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=0"]
    subprocess.run(command, cwd=FOLDER, timeout=200, check=True)
    with subprocess.Popen(["node", "cross.mjs"], cwd=FOLDER, text=True, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as node:
        yield lambda ask, **values: _asked(node, ask, values)
        node.stdin.close()


def _asked(node: Any, ask: str, values: dict[str, Any]) -> dict[str, Any]:
    shown = {name: value.hex() if isinstance(value, bytes) else value for name, value in values.items()}
    print(json.dumps({"ask": ask, **shown}), file=node.stdin, flush=True)
    answer = json.loads(node.stdout.readline())
    return {name: bytes.fromhex(value) if isinstance(value, str) and name != "error" else value
            for name, value in answer.items()}


def record(noble: Ask) -> dict[str, Any]:
    """Return the vectors: what noble made, and what it says of what whisperd made."""
    return {
        "signatures": [_signature(noble, kind) for kind in SIGNATURES],
        "keys": [_keys(noble, os.urandom(mlkem.SEED)) for _ in range(3)],
        "encapsulations": [_encapsulation(noble) for _ in range(3)],
        "curves": [_curves(noble) for _ in range(5)],
    }


def _signature(noble: Ask, kind: str) -> dict[str, Any]:
    message, identity = os.urandom(100), MemoryIdentity([kind], os.urandom)
    theirs, ours, key = noble("sign", kind=kind, message=message), identity.sign(kind, message), identity.public(kind)
    says = [noble("verify", kind=kind, key=key, message=signed, signature=ours)["valid"]
            for signed in (message, message + b"!")]
    return {"kind": kind, "message": message, "noble": theirs, "whisperd": {"key": key, "signature": ours},
            "noble_accepts": says[0], "noble_accepts_for_another_message": says[1]}


def _keys(noble: Ask, seed: bytes) -> dict[str, Any]:
    return {"seed": seed, "mlkem1024": noble("keygen", kind="mlkem1024", seed=seed)["key"],
            "mldsa87": noble("keygen", kind="mldsa87", seed=seed[:32])["key"]}


def _encapsulation(noble: Ask) -> dict[str, Any]:
    seed = os.urandom(mlkem.SEED)
    public, _ = mlkem.keypair(seed)
    ciphertext, secret = mlkem.encapsulate(public)
    changed = ciphertext[:-1] + bytes((ciphertext[-1] ^ 1,))
    return {"seed": seed, "noble": noble("encapsulate", key=public),
            "whisperd": {"ciphertext": ciphertext, "secret": secret},
            "noble_decapsulates": noble("decapsulate", seed=seed, ciphertext=ciphertext)["secret"],
            "noble_decapsulates_when_the_last_bit_is_changed":
                noble("decapsulate", seed=seed, ciphertext=changed)["secret"]}


def _curves(noble: Ask) -> dict[str, Any]:
    own, uniform, other = os.urandom(32), os.urandom(32), sodium.public_key(bytearray(os.urandom(32)))
    key = p256.private_key(os.urandom(48))
    point = p256.public_key(p256.private_key(os.urandom(48)))
    scalar = key.private_numbers().private_value.to_bytes(32, "big")
    return {"private": own, "public": other, "secret": noble("agree", private=own, public=other)["secret"],
            "uniform": uniform, "share": noble("mapped", private=own, uniform=uniform)["share"],
            "p256_private": scalar, "p256_public": point,
            "p256": noble("p256", private=scalar, public=point, message=b"message")}


def _hexadecimal(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _hexadecimal(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_hexadecimal(inner) for inner in value]
    return value.hex() if isinstance(value, bytes) else value


if __name__ == "__main__":
    with running() as asked:
        FILE.write_text(json.dumps(_hexadecimal(record(asked)), indent=1) + "\n")

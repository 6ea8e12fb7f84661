"""The relay keeps nothing: a thousand sessions where nothing can be written, with every system call that could keep
something written down by strace. What is missing for that, strace or a mount namespace, is a failure."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from contrib.bench.dialects import Whisper, Whisperd

SESSIONS = 1_000
#: Calls that open, make, move or change files, start or reach into processes, or hand bytes to something else than a
#: socket's other end. sendto and recvfrom are left out: they are the relaying itself, and are no way to a file.
TRACED = ("%file,%process,write,writev,pwrite64,pwritev,pwritev2,sendfile,splice,tee,vmsplice,copy_file_range,sendmsg,"
          "sendmmsg,memfd_create,memfd_secret,ftruncate,fallocate,shmget,shmat,mq_open,msgget,process_vm_writev,ptrace,"
          "connect,bind,io_uring_setup,swapon,socketpair,pipe,pipe2,syslog")
_CALL = re.compile(r"^(?:\d+ +)?([a-z_0-9]+)\((.*)", re.DOTALL)
MARK = "kxqzvj"


def start(trace: Path) -> subprocess.Popen[bytes]:
    """Start a relay in a mount namespace of its own, traced; as root plainly, as anybody else in a user namespace."""
    namespace = ["--mount"] if os.geteuid() == 0 else ["--user", "--map-root-user", "--mount"]
    return subprocess.Popen(
        ["strace", "-f", "-s", "70000", "-e", f"trace={TRACED}", "-o", str(trace), "unshare", *namespace,
         sys.executable, "-B", "-m", "tests.integration.lone_relay", "--read-only"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def converse(port: int, number: int) -> str:
    """Hold one session in one of the dialects, each message with the mark in it; return the room's name."""
    pair = (Whisper if number % 2 else Whisperd)(port)
    for sender in (0, 1):
        pair.clients[sender].send(marked(pair, number, sender))
        assert MARK.encode() in pair.clients[1 - sender].receive()
    pair.close()
    return pair.room


def marked(pair: Whisper | Whisperd, number: int, sender: int) -> bytes:
    """Return a message of about 400 bytes that has the mark in it."""
    from contrib.bench.websocket_client import BINARY, TEXT, frame

    secret = f"{MARK} {number} {sender} " + "s" * 300
    if isinstance(pair, Whisperd):
        return frame(secret.encode(), BINARY)
    return frame(f'{{"type":"offer","sessionCode":"{pair.room}","offer":"{secret}"}}'.encode(), TEXT)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Iterator[SimpleNamespace]:
    """Run the thousand sessions; gives the calls since the relay's program began, those before the first session
    apart, and what it wrote for people."""
    trace = tmp_path_factory.mktemp("trace") / "calls"
    relay = start(trace)
    assert relay.stdout is not None and relay.stdin is not None and relay.stderr is not None
    line = relay.stdout.readline()
    if not line.strip().isdigit():
        relay.kill()
        pytest.fail(f"the relay did not start: {relay.stderr.read().decode()[-500:]}")
    before = sum(1 for _ in trace.open(errors="replace"))
    rooms = [converse(int(line), number) for number in range(SESSIONS)]
    relay.stdin.close()
    log = relay.stdout.read() + relay.stderr.read()
    assert relay.wait(90) == 0
    lines = trace.read_text(errors="replace").splitlines()
    begin = max(index for index, each in enumerate(lines) if "lone_relay" in each and "execve(" in each)
    yield SimpleNamespace(calls=[_CALL.match(each) for each in lines[begin + 1:]], after=lines[before:], log=log,
                          rooms=rooms)


def named(run: SimpleNamespace, *names: str) -> list[str]:
    return [call[0] for call in run.calls if call is not None and call[1] in names]


def test_no_file_was_opened_for_writing_not_even_in_vain(run) -> None:
    opened = named(run, "open", "openat", "openat2", "creat")
    assert len(opened) > 100
    wanted = [call for call in opened if re.search(r"O_WRONLY|O_RDWR|O_CREAT|O_TMPFILE|O_APPEND", call)]
    probes = [call for call in wanted if "whisperd-was-here" in call]
    assert len(probes) >= 3
    assert all(re.search(r"= -1 E(ROFS|ACCES|PERM)", call) for call in probes)
    assert [call for call in wanted if call not in probes] == []


def test_nothing_else_that_could_keep_bytes_was_asked_for(run) -> None:
    assert named(run, "memfd_create", "memfd_secret", "shmget", "shmat", "mq_open", "msgget", "ftruncate", "fallocate",
                 "splice", "tee", "vmsplice", "copy_file_range", "sendfile", "rename", "renameat", "renameat2", "link",
                 "linkat", "symlink", "symlinkat", "mkdir", "mkdirat", "mknod", "mknodat", "truncate",
                 "io_uring_setup", "swapon") == []


def test_no_other_process_was_started_or_reached(run) -> None:
    assert named(run, "fork", "vfork", "execve", "execveat", "process_vm_writev", "ptrace") == []
    assert [call for call in named(run, "clone", "clone3") if "CLONE_THREAD" not in call] == []
    assert named(run, "connect", "sendmsg", "sendmmsg") == []


def test_what_was_written_went_to_the_log_and_to_the_reactors_own_pipe_and_has_nothing_of_a_session(run) -> None:
    since = [call for call in map(_CALL.match, run.after) if call is not None]
    written = [call for call in since if call[1] in ("write", "writev", "pwrite64", "pwritev", "pwritev2")]
    assert all(re.match(r"[12], |\d+, \"(\\0|\\17|x)?\"", call[2]) for call in written), written[:5]
    everything = run.log.decode() + "".join(call[0] for call in since)
    assert not any(secret in everything for secret in (MARK, *run.rooms))
    assert b"relay-listening" in run.log
    assert b"127.0.0.1" not in run.log


def test_the_relay_dumps_no_core() -> None:
    program = ("import resource; from whisperd.confine import process; process.harden(); "
               "print(resource.getrlimit(resource.RLIMIT_CORE))")
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "(0, 0)"

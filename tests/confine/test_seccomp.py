"""The filter of system calls: a process of its own asks for everything that is denied, and for what it needs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from whisperd.confine import seccomp

#: Asked for with arguments of zero: without a filter these do no harm, and do not fail for want of a right.
HARMLESS = {"memfd_create", "userfaultfd", "process_vm_readv", "kcmp", "unshare", "io_uring_setup", "setuid", "keyctl",
            "personality", "setgroups"}

_SCRIPT = """
import ctypes, errno, json, mmap, os, socket, subprocess, sys, tempfile
from whisperd.confine import process, seccomp

library = seccomp.library()
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

def asked(number, *arguments):
    done = libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments or [0] * 6))
    return "done" if done >= 0 else errno.errorcode[ctypes.get_errno()]

def number(name):
    return library.seccomp_syscall_resolve_name(name.encode())

def tried(attempt):
    try:
        attempt()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"

def mapped(protection):
    place = libc.mmap(None, 4096, protection, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    if place == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), "mmap")
    return place

def made_executable():
    if libc.mprotect(mapped(3), 4096, 5):
        raise OSError(ctypes.get_errno(), "mprotect")

def set_uid(bit):
    with tempfile.NamedTemporaryFile() as file:
        os.chmod(file.name, bit | 0o700)

calls = json.loads(sys.argv[1])
if sys.argv[2] == "filtered":
    process.harden()
    seccomp.restrict(library)
    assert asked(number("unshare"), 0) == "EPERM", "the filter is not in force: nothing else is tried"

import threading
heard = []
print(json.dumps({
    "calls": {name: asked(number(name)) for name in calls if number(name) >= 0},
    "clone3": asked(number("clone3"), 0, 0),
    "clone into a namespace": asked(number("clone"), 0x10000000 | 0x20000, 0, 0, 0, 0) if sys.argv[2] == "filtered"
                              else "not tried",
    "families": {family: tried(lambda: socket.socket(family, socket.SOCK_DGRAM).close())
                 for family in (0, 3, 4, 9, 15, 16, 17, 38, 40, 44)},
    "raw": tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close()),
    "writable and executable": tried(lambda: mapped(7)),
    "made executable": tried(made_executable),
    "set-uid": tried(lambda: set_uid(0o4000)),
    "set-gid": tried(lambda: set_uid(0o2000)),
    "terminal input": tried(lambda: __import__("fcntl").ioctl(0, 0x5412, b"x")),
    "sockets": [tried(lambda: socket.socket(family, kind).close())
                for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6)
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)],
    "a thread": (thread := threading.Thread(target=lambda: heard.append(asked(number("unshare"), 0)))).start()
                or thread.join() or heard[0],
    "a process": subprocess.run([sys.executable, "-c", "import hashlib, sqlite3, ssl, nacl.bindings, blake3\\n"
                 "import cryptography.hazmat.primitives.asymmetric.x25519 as curve\\n"
                 "curve.X25519PrivateKey.generate()\\n"
                 "sqlite3.connect(':memory:').execute('create table t (a)')\\nprint('works')"],
                 capture_output=True, text=True).stdout.strip(),
}))
"""


def asked(mode: str, calls: list[str]) -> dict:
    done = subprocess.run([sys.executable, "-c", _SCRIPT, json.dumps(calls), mode], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=60)
    assert done.returncode == 0, done
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def filtered() -> dict:
    return asked("filtered", sorted({name for calls in seccomp.CLASSES.values() for name in calls}))


@pytest.fixture(scope="module")
def free() -> dict:
    return asked("free", sorted(HARMLESS))


@pytest.mark.parametrize("name", seccomp.CLASSES)
def test_every_call_of_a_class_is_refused(filtered, name):
    known = {call: filtered["calls"][call] for call in seccomp.CLASSES[name] if call in filtered["calls"]}
    assert known and set(known.values()) == {"EPERM"}


def test_without_the_filter_they_are_not_refused_for_that_reason(free):
    assert {name for name, outcome in free["calls"].items() if outcome == "EPERM"} <= {"keyctl", "io_uring_setup",
                                                                                    "setuid", "setgroups"}
    assert free["writable and executable"] == free["made executable"] == free["set-uid"] == free["set-gid"] == "done"


def test_namespaces_cannot_be_entered_by_clone(filtered):
    assert (filtered["clone3"], filtered["clone into a namespace"]) == ("ENOSYS", "EPERM")


def test_only_sockets_of_unix_and_the_internet_are_made(filtered):
    assert set(filtered["families"].values()) == {"EAFNOSUPPORT"}
    assert filtered["raw"] == "EPERM" and set(filtered["sockets"]) <= {"done", "EAFNOSUPPORT"}
    assert filtered["sockets"][0] == filtered["sockets"][2] == "done"


def test_memory_is_not_both_written_and_executed(filtered):
    assert filtered["writable and executable"] == filtered["made executable"] == "EPERM"


def test_no_file_becomes_set_id_and_no_terminal_is_typed_into(filtered):
    assert filtered["set-uid"] == filtered["set-gid"] == filtered["terminal input"] == "EPERM"


def test_threads_and_started_programs_are_under_it_too_and_work(filtered):
    assert filtered["a thread"] == "EPERM" and filtered["a process"] == "works"


def test_nothing_is_named_that_no_architecture_has():
    """Names that libseccomp does not know at all would deny nothing: they may only be newer than it is."""
    library = seccomp.library()
    unknown = {name for calls in seccomp.CLASSES.values() for name in calls
               if library.seccomp_syscall_resolve_name(name.encode()) == -1}
    assert unknown <= {"process_madvise", "memfd_secret", "quotactl_fd"}

"""A filter of system calls, through libseccomp where that is installed. [seccomp(2), seccomp_rule_add(3)]

A list of what is denied, by class, and not of what is allowed: tor, its transports and plug-ins run under it too, and
what they need is theirs to change. The system unit puts a list of what is allowed around it. A denied call fails with
EPERM and nothing else happens; a call of another architecture ends the process.
"""

from __future__ import annotations

import ctypes
import errno
import socket
from collections.abc import Iterator

LIBRARY = "libseccomp.so.2"

_ALLOW, _ERRNO = 0x7FFF_0000, 0x0005_0000
_TSYNC = 4
_EQUAL, _GREATER, _MASKED_EQUAL = 4, 6, 7

#: What each class is called, and its system calls.
CLASSES: dict[str, tuple[str, ...]] = {
    "tracing": ("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "pidfd_getfd",
                "perf_event_open", "lookup_dcookie"),
    "mounts": ("mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount",
               "fspick", "mount_setattr", "swapon", "swapoff", "quotactl", "quotactl_fd"),
    "namespaces": ("unshare", "setns"),
    "modules": ("init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load"),
    "kernel programs": ("bpf", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register"),
    "keys": ("add_key", "request_key", "keyctl"),
    "identity": ("setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid",
                 "setgroups", "capset"),
    "clock": ("settimeofday", "clock_settime", "clock_adjtime", "adjtimex"),
    "machine": ("reboot", "sethostname", "setdomainname", "acct", "syslog", "vhangup", "iopl", "ioperm", "modify_ldt",
                "personality", "uselib", "ustat", "sysfs", "nfsservctl", "_sysctl"),
    "handles": ("open_by_handle_at", "name_to_handle_at", "fanotify_init"),
    "memory of other processes": ("mbind", "migrate_pages", "move_pages", "set_mempolicy"),
    "unnamed files": ("memfd_create", "memfd_secret", "execveat"),
}

_NAMESPACE_FLAGS = (0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000, 0x80)
_FAMILIES = {socket.AF_UNIX, socket.AF_INET, socket.AF_INET6}
_WRITE, _EXECUTE = 2, 4
_SET_ID = (0o4000, 0o2000)
_TERMINAL_INPUT = (0x5412, 0x541C)  #: TIOCSTI and TIOCLINUX


class _Comparison(ctypes.Structure):
    """``struct scmp_arg_cmp``: argument ``arg`` compared with ``a``, or, masked by ``a``, with ``b``."""

    _fields_ = (("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


Condition = tuple[int, int, int, int]

#: Class -> what is denied by arguments: (name, comparisons, error number).
ARGUMENTS: dict[str, tuple[tuple[str, tuple[Condition, ...], int], ...]] = {
    "namespaces": (
        *(("clone", ((0, _MASKED_EQUAL, flag, flag),), errno.EPERM) for flag in _NAMESPACE_FLAGS),
        ("clone3", (), errno.ENOSYS),  # its flags stand in memory; who gets this uses clone
    ),
    "other socket families": (
        *(("socket", ((0, _EQUAL, family, 0),), errno.EAFNOSUPPORT)
          for family in range(max(_FAMILIES)) if family not in _FAMILIES),
        ("socket", ((0, _GREATER, max(_FAMILIES), 0),), errno.EAFNOSUPPORT),
        ("socket", ((1, _MASKED_EQUAL, 0xF, socket.SOCK_RAW),), errno.EPERM),
    ),
    "writable and executable memory": (
        ("mmap", ((2, _MASKED_EQUAL, _WRITE | _EXECUTE, _WRITE | _EXECUTE),), errno.EPERM),
        ("mprotect", ((2, _MASKED_EQUAL, _EXECUTE, _EXECUTE),), errno.EPERM),
        ("pkey_mprotect", ((2, _MASKED_EQUAL, _EXECUTE, _EXECUTE),), errno.EPERM),
        ("shmat", ((2, _MASKED_EQUAL, 0o100000, 0o100000),), errno.EPERM),
    ),
    "set-user-id files": tuple(
        (name, ((place, _MASKED_EQUAL, bit, bit),), errno.EPERM)
        for name, place in (("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("fchmodat2", 2)) for bit in _SET_ID),
    "terminal input": tuple(
        ("ioctl", ((1, _MASKED_EQUAL, 0xFFFF_FFFF, request),), errno.EPERM) for request in _TERMINAL_INPUT),
}


def names() -> tuple[str, ...]:
    """Return every class that is denied."""
    return tuple(dict.fromkeys((*CLASSES, *ARGUMENTS)))


def library() -> ctypes.CDLL | None:
    """Return libseccomp, or None where it is not installed."""
    try:
        found = ctypes.CDLL(LIBRARY, use_errno=True)
    except OSError:
        return None
    found.seccomp_init.restype = ctypes.c_void_p
    found.seccomp_init.argtypes = [ctypes.c_uint32]
    found.seccomp_release.argtypes = [ctypes.c_void_p]
    found.seccomp_attr_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32]
    found.seccomp_load.argtypes = [ctypes.c_void_p]
    found.seccomp_syscall_resolve_name.argtypes = [ctypes.c_char_p]
    found.seccomp_rule_add_array.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint,
                                             ctypes.POINTER(_Comparison)]
    return found


def restrict(found: ctypes.CDLL) -> None:
    """Put the filter into force for every thread of this process and all that it starts, with ``library()``.

    Raises OSError where libseccomp or the kernel refuses; no_new_privs has to be set.
    """
    context = found.seccomp_init(_ALLOW)
    if not context:
        raise OSError(errno.ENOMEM, "libseccomp makes no filter")
    try:
        _checked(found.seccomp_attr_set(context, _TSYNC, 1))
        for name, conditions, number in _rules():
            call = found.seccomp_syscall_resolve_name(name.encode())
            if call < 0:  # this architecture, or this libseccomp, has no such call
                continue
            compared = (_Comparison * len(conditions))(*(_Comparison(*each) for each in conditions))
            _checked(found.seccomp_rule_add_array(context, _ERRNO | number, call, len(conditions), compared))
        _checked(found.seccomp_load(context))
    finally:
        found.seccomp_release(context)


def _rules() -> Iterator[tuple[str, tuple[Condition, ...], int]]:
    for calls in CLASSES.values():
        yield from ((name, (), errno.EPERM) for name in calls)
    for rules in ARGUMENTS.values():
        yield from rules


def _checked(result: int) -> None:
    if result < 0:
        raise OSError(-result, f"libseccomp: error {-result}")

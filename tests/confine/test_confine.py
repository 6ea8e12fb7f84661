"""The parts of the confinement: what a program needs to run, what a configuration writes, what is refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.house import pages
from whisperd.config import load
from whisperd.confine.programs import needed_to_run
from whisperd.confine.rules import folders, rules_for


def rules(tmp_path: Path, **keys: object):
    given = {name.replace("__", "."): value for name, value in keys.items()}
    socket = str(tmp_path / "run" / "control.sock")
    return rules_for(load(None, {"control.socket": socket, "tor.data_dir": str(tmp_path / "tor"), **given}))


def test_a_relay_without_tor_writes_beside_its_socket_only_and_runs_nothing(tmp_path):
    found = rules(tmp_path, tor__mode="off")
    assert found.writable == {tmp_path / "run", Path("/dev/null")} and found.programs == frozenset()


def test_a_launched_tor_may_be_run_and_may_write_its_data(tmp_path):
    found = rules(tmp_path, tor__binary=sys.executable)
    assert tmp_path / "tor" in found.writable and Path(sys.executable).resolve() in found.programs
    assert (tmp_path / "tor").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(("mode", "key", "there"), [("attach", "persistent", True), ("attach", "ephemeral", False),
                                                    ("off", "persistent", False)])
def test_the_folder_of_the_onion_key_is_writable_only_where_a_key_is_kept(tmp_path, mode, key, there):
    found = rules(tmp_path, tor__mode=mode, onion__key=key, onion__key_file=str(tmp_path / "keys" / "onion.key"))
    assert (tmp_path / "keys" in found.writable) is there


@pytest.mark.parametrize(("kind", "enabled", "there"), [("sealed", True, True), ("memory", True, False),
                                                        ("sealed", False, False)])
def test_the_folder_of_the_store_is_writable_only_where_one_is_kept(tmp_path, kind, enabled, there):
    found = rules(tmp_path, tor__mode="off", store__kind=kind, peer__enabled=enabled,
                  store__file=str(tmp_path / "kept" / "store.db"))
    assert (tmp_path / "kept" in found.writable) is there


def test_kept_access_codes_and_unix_listeners_have_their_folders(tmp_path):
    found = rules(tmp_path, tor__mode="off", relay__access_file=str(tmp_path / "codes" / "kept"),
                  relay__listen=(f"unix:{tmp_path}/front/relay.sock:mode=660", f"haproxy:unix:{tmp_path}/tor-side/r"))
    assert found.writable >= {tmp_path / "codes", tmp_path / "front", tmp_path / "tor-side"}


def test_the_page_names_every_key_that_makes_a_folder_writable_and_no_other(tmp_path):
    config = load(None, {
        "control.audit": f"{tmp_path}/audit", "onion.key": "persistent", "peer.downloads": str(tmp_path),
        "store.kind": "sealed", "relay.access_file": f"{tmp_path}/codes", "relay.listen": (f"unix:{tmp_path}/a",)})
    page = pages.source("whisperd-security.7")
    body = re.search(r"^\.Sh CONFINEMENT\n.*?deleted only\n(.*?)^\.El$", page, re.M | re.S)
    named = set(re.findall(r"^\.Ic ([a-z]+\.[a-z_]+)", body[1], re.M))
    in_words = {"control.socket": "folder of the control socket", "relay.listen": "each listener that is a unix socket"}
    assert named | in_words.keys() == {key for key, _ in folders(config)}
    assert all(words in pages.text("whisperd-security.7") for words in in_words.values())


def test_sockets_of_a_tor_go_to_the_temporary_folder_where_the_path_is_too_long(tmp_path):
    deep = tmp_path / ("x" * (107 - len(str(tmp_path)) - 12))
    found = rules(tmp_path, control__socket=str(deep / "c.sock"))
    assert Path(tempfile.gettempdir()) in found.writable


def test_no_temporary_folder_is_no_reason_to_fail(tmp_path):
    """As under 'ulimit -f 0', where not even Python finds one."""
    script = ("import tempfile\nfrom whisperd.config import load\nfrom whisperd.confine.rules import rules_for\n"
              f"rules_for(load(None, {{'control.socket': '{tmp_path}/c', 'tor.mode': 'off'}}))\nprint('fine')\n")
    done = subprocess.run(["/bin/sh", "-c", 'ulimit -f 0 && exec "$@"', "sh", sys.executable, "-c", script],
                          stdout=subprocess.PIPE, text=True)
    assert done.stdout == "fine\n"


def test_a_program_needs_itself_and_its_loader(tmp_path):
    program, loader = needed_to_run("sh")
    assert program == Path("/bin/sh").resolve()
    assert subprocess.run([loader, "/bin/true"]).returncode == 0


def test_a_script_needs_its_interpreter(tmp_path):
    script = tmp_path / "tor"
    script.write_text("#!/bin/sh -e\ntrue\n")
    script.chmod(0o700)
    assert needed_to_run(str(script)) == [script, *needed_to_run("/bin/sh")]


@pytest.mark.parametrize("content", [b"", b"#!", b"\x7fELF", b"\x7fELF\x02\x01" + b"\xff" * 60, b"text"],
                         ids=["empty", "no interpreter", "short", "nonsense", "text"])
def test_a_program_that_is_none_needs_nothing_else(tmp_path, content):
    path = tmp_path / "tor"
    path.write_bytes(content)
    path.chmod(0o700)
    assert needed_to_run(str(path)) == [path]


def test_a_program_that_is_missing_needs_nothing():
    assert needed_to_run("tor-that-is-not-there") == []


def confined(prelude: str, sandbox: str) -> subprocess.CompletedProcess[str]:
    """Confine a process of its own, after some words of Python, as an ordinary user; it prints what is in force."""
    script = (
        "import os\nfrom whisperd import confine as package\nfrom whisperd.confine import landlock, seccomp\n"
        f"from whisperd.config import load\nos.getuid() or os.setuid(65534)\n{prelude}\n"
        "config = {'control.socket': '/tmp/whisperd-refused.sock', 'tor.mode': 'off', 'daemon.sandbox': '%s'}\n"
        "found = package.confine(load(None, config))\n"
        "print(found.landlock > 0, len(found.seccomp) > 0, found.why)\n")
    return subprocess.run([sys.executable, "-c", script % sandbox], capture_output=True, text=True)


def denied(number: str) -> str:
    """Return words of Python after which a filter, as that of a container, answers Landlock's first call so."""
    return ("import ctypes, errno\nctypes.CDLL(None).prctl(38, 1, 0, 0, 0)\nlibrary = seccomp.library()\n"
            "filter = library.seccomp_init(0x7FFF0000)\n"
            f"library.seccomp_rule_add_array(filter, 0x50000 | errno.{number}, 444, 0, (seccomp._Comparison * 0)())\n"
            "assert library.seccomp_load(filter) == 0")


@pytest.mark.parametrize(("prelude", "shown", "why"), [
    ("import errno\ndef none():\n    raise OSError(errno.ENOSYS, '')\nlandlock.abi = none", "False True",
     "this kernel has no Landlock\n"),
    ("landlock.abi = lambda: 2", "True True", "does not keep files from being cut short"),
    (denied("ENOSYS"), "False True", "this kernel has no Landlock, or the filter of system calls around"),
    (denied("EPERM"), "False True", "a filter of system calls denies Landlock (Operation not permitted)"),
    (denied("EOPNOTSUPP"), "False True", "Landlock is switched off in this kernel"),
    ("seccomp.LIBRARY = 'libseccomp-that-is-not-there.so'", "True False", "libseccomp is not installed"),
    # without no_new_privs the kernel refuses; libseccomp sets it itself
    ("package.process.harden = lambda: None", "False True", "the kernel refused Landlock"),
], ids=["no Landlock", "old Landlock", "hidden", "denied", "switched off", "no libseccomp", "refused"])
def test_what_cannot_be_had_stops_a_daemon_where_it_is_required_and_is_named_where_not(prelude, shown, why):
    preferred, required = confined(prelude, "prefer"), confined(prelude, "require")
    assert preferred.stdout.startswith(shown) and why in preferred.stdout, preferred
    assert required.returncode and "daemon.sandbox is 'require', but " in required.stderr
    assert why.rstrip() in required.stderr


@pytest.mark.parametrize(("number", "remedy"), [("EPERM", "allow landlock_create_ruleset"), ("ENOSYS", "Linux 6.2"),
                                                ("EOPNOTSUPP", "lsm=landlock,")])
def test_what_mends_a_missing_landlock_is_told(number, remedy):
    done = confined(f"{denied(number)}\nimport atexit\natexit.register(lambda: print(found.remedy))", "prefer")
    assert remedy in done.stdout, done


def test_what_can_be_had_is_in_force_and_nothing_is_missing():
    assert confined("", "require").stdout == "True True \n"


def test_nobody_of_the_same_user_reads_its_memory_or_environment():
    """As an ordinary user, because root may do anything."""
    script = (
        "import ctypes, os, sys\nfrom whisperd.confine import process\nos.getuid() or os.setuid(65534)\n"
        "ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)\n"
        "def readable():\n"
        "    child = os.fork()\n"
        "    if child:\n        return os.waitpid(child, 0)[1] == 0\n"
        "    try:\n        open(f'/proc/{os.getppid()}/environ').read()\n"
        "    except OSError:\n        os._exit(1)\n"
        "    os._exit(0)\n"
        "before = readable()\nprocess.harden()\nprint(before, readable(), process.facts())\n")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=dict(os.environ))
    assert done.stdout.startswith("True False "), done
    assert "False" not in done.stdout.partition("{")[2]

"""The default store leaves nothing: strace writes down what a daemon opens for writing in a whole conversation."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from tests.integration.killed import Person, everything_arrived, meet, relay

#: A call that succeeded and makes, opens for writing, or moves something: the path or paths are in its words.
_WRITES = re.compile(r"\b(?:open|openat|openat2|creat)\(.*(?:O_WRONLY|O_RDWR|O_CREAT)|"
                     r"\b(?:mkdir|mkdirat|rename|renameat|renameat2|link|linkat|symlink|symlinkat|mknod|mknodat|truncate)\(")
_PATHS = re.compile(r'"([^"]*)"')


def test_a_conversation_in_memory_writes_nothing_but_the_control_socket_and_its_lock(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    meeting, url = relay(tmp_path / "relay")
    people = [Person(tmp_path, name, url, sealed=False) for name in ("anna", "ben")]
    anna, ben = people
    log = tmp_path / "calls"
    try:
        meet(anna, ben, "strace", "-f", "-qq", "-z", "-o", str(log), "-e", "trace=%file,mknod,truncate")
        for _ in range(3):
            assert anna.say() and ben.say()
        everything_arrived(anna, ben)
        anna.call("chat.end", chat="c1")
        anna.call("stop")
        anna.process.wait()
    finally:
        for process in (*people, meeting):
            process.stop()
    calls = [line for line in log.read_text().splitlines() if _WRITES.search(line)]
    written = {path for line in calls for path in _PATHS.findall(line)}
    tried = {path for path in written if re.fullmatch(rf"{tempfile.gettempdir()}/[a-z0-9_]{{8}}", path)}
    assert [path for path in tried if Path(path).exists()] == []  # Python looks for a folder for temporary files
    written -= tried
    folder = str(tmp_path / "anna")
    assert written <= {"/dev/null", "/dev/tty", folder, f"{folder}/control.sock", f"{folder}/control.sock.lock"}, calls
    assert any("control.sock.lock" in line for line in calls), "strace saw nothing"
    assert {path.name for path in (tmp_path / "anna").rglob("*") if path.is_file()} <= {
        "whisperd.toml", "whisperd-store", "control.sock.lock"}

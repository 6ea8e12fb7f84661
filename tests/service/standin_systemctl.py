#!/usr/bin/python3
"""A stand-in for systemctl where no systemd runs: starts, reloads and stops what an installed unit says.

It takes from [Service] what decides whether the daemon works: ExecStart, ExecReload, User, Environment, the runtime and
state folders, NOTIFY_SOCKET, and like Type=notify it returns when the daemon has said READY=1. What systemd confines
from outside is not done here. Run by the Python of the machine under test, so it imports nothing of ours.
"""

import os
import pwd
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

UNITS = (Path("/etc/systemd/system"), Path("/usr/lib/systemd/system"), Path("/lib/systemd/system"))
STATE = Path("/run/standin")
READY_SECONDS = 120


class Unit:
    """One service, as its file says."""

    def __init__(self, name: str) -> None:
        self.name = name.removesuffix(".service")
        path = next((folder / f"{self.name}.service" for folder in UNITS
                     if (folder / f"{self.name}.service").is_file()), None)
        if path is None:
            sys.exit(f"Unit {name}.service could not be found.")
        self.values: dict[str, list[str]] = {}
        section = ""
        for line in path.read_text().splitlines():
            if line.startswith("["):
                section = line
            elif section == "[Service]" and "=" in line and not line.startswith("#"):
                key, _, value = line.partition("=")
                self.values.setdefault(key, []).append(value)
        self.pid_file = STATE / f"{self.name}.pid"
        self.log = STATE / f"{self.name}.log"

    def one(self, key: str, default: str = "") -> str:
        return self.values.get(key, [default])[-1]

    def start(self) -> None:
        STATE.mkdir(exist_ok=True)
        user = self._user()
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
                       "HOME": user.pw_dir, "USER": user.pw_name}
        for line in self.values.get("Environment", []):
            environment |= dict(word.split("=", 1) for word in shlex.split(line))
        for kind, parent in (("Runtime", "/run"), ("State", "/var/lib")):
            if folder := self.one(f"{kind}Directory"):
                path = Path(parent, folder)
                path.mkdir(exist_ok=True)
                path.chmod(int(self.one(f"{kind}DirectoryMode", "0755"), 8))
                os.chown(path, user.pw_uid, user.pw_gid)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address = f"{STATE}/{self.name}.notify"
        Path(address).unlink(missing_ok=True)
        listener.bind(address)
        os.chmod(address, 0o666)
        environment["NOTIFY_SOCKET"] = address
        command = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups", "--no-new-privs",
                   "--bounding-set=-all", "--inh-caps=-all", *shlex.split(self.one("ExecStart"))]
        with self.log.open("ab") as log:
            process = subprocess.Popen(command, env=environment, cwd="/", stdin=subprocess.DEVNULL, stdout=log,
                                       stderr=log, start_new_session=True)
        self.pid_file.write_text(str(process.pid))
        end = time.monotonic() + READY_SECONDS
        listener.settimeout(0.5)
        while time.monotonic() < end:
            if process.poll() is not None:
                sys.exit(f"{self.name}.service failed: {self.log.read_text()}")
            try:
                if "READY=1" in listener.recv(4096).decode().splitlines():
                    return
            except TimeoutError:
                continue
        sys.exit(f"{self.name}.service was not ready in time: {self.log.read_text()}")

    def reload(self) -> None:
        environment = {**os.environ, "MAINPID": self.pid_file.read_text()}
        for line in self.values.get("Environment", []):
            environment |= dict(word.split("=", 1) for word in shlex.split(line))
        user = self._user()
        sys.exit(subprocess.run(["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups",
                                 *shlex.split(self.one("ExecReload"))], env=environment, check=False).returncode)

    def stop(self) -> None:
        pid = int(self.pid_file.read_text())
        os.kill(pid, signal.SIGTERM)
        while Path(f"/proc/{pid}").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text():
            time.sleep(0.05)
        self.pid_file.unlink()

    def _user(self) -> pwd.struct_passwd:
        return pwd.getpwnam(self.one("User", "root"))


def main(words: list[str]) -> None:
    options = {word for word in words if word.startswith("-")}
    verb, *names = [word for word in words if not word.startswith("-")]
    for name in names:
        unit = Unit(name)
        if verb == "start" or (verb == "enable" and "--now" in options):
            unit.start()
        elif verb == "restart":
            unit.stop()
            unit.start()
        elif verb in ("reload", "stop"):
            getattr(unit, verb)()
        elif verb not in ("enable", "disable", "daemon-reload", "preset", "is-enabled", "mask", "unmask"):
            sys.exit(f"the stand-in knows nothing of 'systemctl {verb}'")


if __name__ == "__main__":
    main(sys.argv[1:])

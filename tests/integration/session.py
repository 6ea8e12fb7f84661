"""A desktop session without a desktop: a D-Bus and gnome-keyring in folders of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PASSWORD = b"password of the session"

_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={socket}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>
"""

_WAIT = """
import secretstorage, time
from contextlib import closing
with closing(secretstorage.dbus_init()) as bus:
    end = time.monotonic() + 60
    while not secretstorage.check_service_availability(bus):
        assert time.monotonic() < end, "the keyring does not come"
        time.sleep(0.02)
    assert not secretstorage.get_default_collection(bus).is_locked()
"""

_LOCK = """
import secretstorage
from contextlib import closing
with closing(secretstorage.dbus_init()) as bus:
    collection = secretstorage.get_default_collection(bus)
    collection.lock()
    assert collection.is_locked()
"""


class Session:
    """Its bus starts no program, so nobody is ever prompted. ``environment`` is that of a program in it."""

    def __init__(self, folder: Path) -> None:
        self._home = folder / "home"
        self._run = folder / "run"
        for made in (self._home, self._run):
            made.mkdir(mode=0o700)
        socket, config = self._run / "bus", folder / "bus.conf"
        config.write_text(_BUS.format(socket=socket))
        gone = {"DISPLAY", "WAYLAND_DISPLAY", "PYTHON_KEYRING_BACKEND"}
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in gone and not name.startswith("XDG_")},
            "HOME": str(self._home), "XDG_RUNTIME_DIR": str(self._run),
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={socket}"}
        self._bus = subprocess.Popen(["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address=1"],
                                     stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=self.environment)
        assert self._bus.stdout is not None and self._bus.stdout.readline()  # it listens
        self._keyring: subprocess.Popen[bytes] | None = None

    def log_in(self) -> None:
        """Start the keyring and unlock it, as the login does."""
        self._keyring = subprocess.Popen(
            ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"], env=self.environment,
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert self._keyring.stdin is not None
        self._keyring.stdin.write(PASSWORD)
        self._keyring.stdin.close()
        self._do(_WAIT)

    def log_out(self) -> None:
        """End the keyring; its file stays."""
        if self._keyring is not None:
            self._keyring.terminate()
            self._keyring.wait()
            self._keyring = None

    def lock(self) -> None:
        """Lock the keyring, as somebody does who leaves the desk."""
        self._do(_LOCK)

    def close(self) -> None:
        self.log_out()
        self._bus.terminate()
        self._bus.communicate()

    def _do(self, program: str) -> None:
        subprocess.run([sys.executable, "-c", program], env=self.environment, check=True, timeout=120)

    def files(self) -> dict[Path, bytes]:
        """Return what the keyring has on the disk."""
        return {path: path.read_bytes() for path in self._home.rglob("*") if path.is_file()}

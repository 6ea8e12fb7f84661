"""Paths of the configuration through the installed programs, as a user who is not root, for every key that is one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.installed.kit import PATIENCE, Account, Installation, until
from tests.installed.kit.account import give
from tests.scratch import new_folder
from whisperd.config import KEYS, Key
from whisperd.config.paths import LISTENERS, PLACE
from whisperd.errors import ConfigError

PATHS = [key for key in KEYS if key.path]


class User:
    """A user without rights, whose home is ``home`` and who stands in the empty folder ``here``."""

    def __init__(self, programs: Installation, folder: Path) -> None:
        self._account = Account(programs, folder / "home")
        self._account.environment.pop("LANG")
        self.home, self.here, self.file = folder / "home", give(new_folder("here", folder)), folder / "whisperd.toml"

    def spawn(self, program: str, *words: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start an installed program as this user."""
        return self._account.spawn([program, *words], cwd=self.here, environment=environment)

    def run(self, program: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return self._account.text_of([program, *words], stdin=subprocess.DEVNULL, cwd=self.here,
                                     environment=environment)

    def whisperd(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run("whisperd", "--config", str(self.file), *words)

    def write(self, key: Key, path: str) -> None:
        """Write a configuration whose line 3 has the key."""
        text = f"unix:{path}" if key.path in (PLACE, LISTENERS) else path
        section, _, name = key.name.partition(".")
        given = [text] if isinstance(key.default, tuple) else text
        more = "tls_certificate = '/c'\ntls_key = '/k'\n" if name == "tls_listen" else ""
        self.file.write_text(f"# One key.\n[{section}]\n{name} = {json.dumps(given)}\n{more}")


@pytest.fixture
def user(programs: Installation) -> Iterator[User]:
    folder = give(new_folder("user"))
    yield User(programs, folder)
    shutil.rmtree(folder)


@pytest.mark.parametrize("key", PATHS, ids=lambda key: key.name)
def test_a_path_that_is_none_is_refused_by_check_and_start_in_the_same_words(user, key):
    for path in ("keys/there", "~no-such-user/there", "/a\0b"):
        user.write(key, path)
        said = [user.whisperd("config", "check"), user.whisperd("run")]
        assert [each.returncode for each in said] == [ConfigError.exit_status] * 2, said
        assert f"whisperd: {key.name} " in said[0].stderr and f"({user.file}, line 3). " in said[0].stderr
        assert said[0].stderr == said[1].stderr
        assert path != "keys/there" or f"{user.here}/keys/there" in said[0].stderr
    assert list(user.here.iterdir()) == list(user.home.iterdir()) == []


@pytest.mark.parametrize("key", PATHS, ids=lambda key: key.name)
def test_a_path_in_the_home_folder_is_shown_as_it_is_meant(user, key):
    user.write(key, "~/there")
    shown = json.loads(user.whisperd("config", "show", "--json").stdout)[key.name]
    one = shown[0] if isinstance(key.default, tuple) else shown
    assert one.removeprefix("unix:") == f"{user.home}/there"
    assert list(user.here.iterdir()) == []


def test_whisperctl_says_it_in_the_same_words(user):
    user.write(PATHS[0], "keys/there")
    said = user.run("whisperctl", "config", "check", str(user.file)).stderr
    assert said.replace("whisperctl", "whisperd").replace("\n", ". ", 1) == user.whisperd("config", "check").stderr


EVERYWHERE = """
[control]
socket = "~/run/control.sock"
audit = "~/log/audit"
[relay]
listen = ["unix:~/run/relay.sock:mode=600"]
access = "code"
access_file = "~/keep/codes"
[tor]
mode = "off"
binary = "~/bin/tor"
data_dir = "~/tor"
[onion]
key = "persistent"
key_file = "~/keep/onion.key"
[peer]
downloads = "~/Downloads"
[store]
kind = "sealed"
file = "~/store/store.db"
unlock = "credential"
argon2_memory = 64
"""


def test_a_daemon_uses_the_home_folder_of_its_user_and_makes_no_folder_of_that_name(user):
    user.file.write_text(EVERYWHERE)
    (user.home / "secrets").mkdir()
    (user.home / "secrets/whisperd-store").write_text("six words that nobody will guess")
    assert user.whisperd("config", "check").stdout == f"{user.file}: ok\n"
    with user.spawn("whisperd", f"--config=../{user.file.name}",
                    CREDENTIALS_DIRECTORY=str(user.home / "secrets")) as daemon:
        try:
            running = until_running(user, daemon)
            shown = json.loads(user.run("whisperctl", "--socket=~/run/control.sock", "--json", "config", "show").stdout)
            assert os.path.isabs(shown["source"]) and user.file.samefile(shown["source"])
        finally:
            daemon.terminate()
            assert daemon.wait(PATIENCE) == 0
    assert running["socket"] == f"{user.home}/run/control.sock"
    assert f"{user.home}/Downloads" in running["confinement"]["writable"]
    assert (user.home / "log/audit").is_file() and (user.home / "store/store.db").is_file()
    assert list(user.here.iterdir()) == []


def until_running(user: User, daemon: subprocess.Popen[bytes]) -> dict:
    """Return the status of a daemon, as soon as it answers."""
    done = []

    def answers() -> bool:
        done[:] = [user.run("whisperctl", "--json", "status", WHISPERD_SOCKET="~/run/control.sock")]
        assert daemon.poll() is None, done
        return done[0].returncode == 0

    until(answers, lambda: str(done))
    return json.loads(done[0].stdout)


@pytest.mark.parametrize("name", ["WHISPERD_SOCKET", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME"])
def test_a_relative_path_in_the_environment_stops_the_start(user, name):
    for words in (("config", "check"), ("run",)):
        done = user.run("whisperd", *words, **{name: "there"})
        assert done.returncode == ConfigError.exit_status and f"whisperd: {name} is 'there'" in done.stderr
    assert list(user.here.iterdir()) == []


def test_a_tilde_that_the_shell_left_alone_is_a_home_folder_in_options(user):
    (user.home / "my.toml").write_text("[control]\nsocket = '~/run/control.sock'\n")
    assert user.run("whisperd", "--config=~/my.toml", "config", "check").stdout == f"{user.home}/my.toml: ok\n"
    assert user.run("whisperctl", "config", "check", "~/my.toml").stdout == f"{user.home}/my.toml: ok\n"
    down = user.run("whisperd", "testnet", "down", "--dir=~/net", "--json")
    assert down.returncode or json.loads(down.stdout)["directory"] == f"{user.home}/net"
    assert list(user.here.iterdir()) == []

"""'config check' finds what would keep the daemon from starting, with its line, and opens and makes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from whisperd.cli.verbs.config import checked, verdict
from whisperd.errors import ConfigError, OnionKeyUnusable, PluginUnknown, StoreUnusable, WhisperdError

ABSENT = "a-group-that-is-not-there"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder for which ``@`` stands in the configurations below."""
    (tmp_path / "shared").write_text("ED25519-V3:AAAA")
    (tmp_path / "shared").chmod(0o644)
    (tmp_path / "nonsense").write_text("nonsense")
    (tmp_path / "nonsense").chmod(0o600)
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    return tmp_path


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def look(place: Path, text: str) -> tuple[str, list[str]]:
    """Return the verdict's first line, and what was not looked at, of a file that has a comment in front."""
    path = place / "whisperd.toml"
    path.write_text(f"# 1\n{text.replace('@', str(place))}")
    before = files(place)
    try:
        config, unseen = checked(path)
    finally:
        assert files(place) == before
    return verdict(config, unseen)[0], unseen


LISTENERS = ["8787", "carrier-pigeon:1", "tcp:", "tcp:http", "tcp:65536", "tcp:-1", "tcp:1:interface=example.org",
             "tcp:1:interfaces=127.0.0.1", "unix:", "unix:@/relay:mode=rw", "haproxy:", "haproxy:haproxy:tcp:1",
             "haproxy:tcp:99999", "systemd:", "systemd:domain=INET", "systemd:domain=X25:name=relay",
             "systemd:domain=INET:name=", "systemd:domain=INET:index=one", "systemd:domain=INET:index=0:name=relay",
             "unix:@/nonsense", "haproxy:unix:@/nonsense"]


@pytest.mark.parametrize("listener", LISTENERS)
def test_a_listener_that_is_none_is_named_with_its_line(place, listener):
    with pytest.raises(ConfigError, match=r"^relay\.listen.*line 3\)$"):
        look(place, f"[relay]\nlisten = ['tcp:1', '{listener}']\n")


@pytest.mark.parametrize(("text", "error", "said", "line"), [
    (f"[control]\ngroup = '{ABSENT}'\n", ConfigError, f"control.group names the group {ABSENT}", 3),
    (f"[control]\ngroup = '0'\nadmin_group = '{ABSENT}'\n", ConfigError, "control.admin_group names", 4),
    ("[control]\nsocket = '@/nonsense'\n", ConfigError, "exists and is not a socket", None),
    ("[control]\nsocket = '@/open/c'\n", ConfigError, "everybody may write", None),
    ("[control]\naudit = '@/open'\n", ConfigError, "/open cannot be written: Is a directory", 3),
    ("[control]\naudit = '@/nonsense/audit'\n", ConfigError, "control.audit", 3),
    ("[onion]\nlisten = 'unix:@/onion'\n", ConfigError, "onion.listen", 3),
    ("[relay]\ntls_listen = ['tcp:1']\ntls_certificate = '@/absent'\ntls_key = '@/absent'\n", ConfigError,
     "/absent cannot be read: No such file or directory", 4),
    ("[relay]\ntls_certificate = '@/a'\ntls_key = '@/b'\ntls_listen = ['ssl:1']\n", ConfigError, "relay.tls_listen", 5),
    ("[relay]\naccess_file = '@/shared'\n", ConfigError, "other users than its owner may read it", 3),
    ("[relay]\naccess_file = '@/nonsense'\n", ConfigError, "its content is not what this program writes", 3),
    ("[relay]\naccess_file = '@/open'\n", ConfigError, "/open cannot be used: Is a directory", 3),
    ("[onion]\nkey = 'persistent'\nkey_file = '@/shared'\n", OnionKeyUnusable, "other users than its owner may read",
     4),
    ("[onion]\nkey = 'persistent'\nkey_file = '@/nonsense'\n", OnionKeyUnusable, "contains no ED25519-V3 key", 4),
    ("[onion]\nkey = 'persistent'\nkey_file = '@/nonsense/key'\n", ConfigError, "nonsense is not a folder", 4),
    ("[tor]\nnetwork = '@/absent'\n", ConfigError, "/absent: No such file", 3),
    ("[tor]\nmode = 'managed'\n[onion]\nhostname_file = '@/nonsense'\n", WhisperdError, "version 3 onion address",
     None),
    ("[store]\nkind = 'sealed'\nfile = '@/shared'\n", StoreUnusable, "other users can read or write", None),
    ("[peer]\nkex = ['rot13']\n", PluginUnknown, "there is no kex plug-in rot13", None),
    ("[peer]\nratchet = ['rot13']\n", PluginUnknown, "there is no ratchet plug-in rot13", None),
])
def test_what_would_stop_the_start_is_named_with_its_remedy(place, text, error, said, line):
    with pytest.raises(error) as caught:
        look(place, text)
    assert said in caught.value.message and caught.value.remedy
    assert (f"whisperd.toml, line {line})" in caught.value.message) is bool(line)


@pytest.mark.parametrize("text", [
    f"[relay]\nenabled = false\naccess_file = '@/{ABSENT}/x'\nlisten = ['nonsense']\n",
    "[peer]\nenabled = false\nkex = ['rot13']\n[store]\nkind = 'sealed'\nfile = '@/shared'\n",
    "[tor]\nmode = 'off'\nnetwork = '@/absent'\n[onion]\nlisten = 'nonsense'\nkey = 'persistent'\n"
    "key_file = '@/shared'\n",
    "[onion]\nkey = 'persistent'\nkey_file = '@/new/folder/key'\n[relay]\naccess_file = '@/new/codes'\n",
    "[relay]\nlisten = ['tcp:0:interface=\\:\\:1', 'unix:@/new/relay:mode=600', 'haproxy:unix:@/new/tor']\n",
    "[control]\ngroup = '0'\nadmin_group = '0'\naudit = '@/new/audit'\nsocket = '@/new/c'\n",
])
def test_what_is_switched_off_or_will_be_made_is_no_mistake(place, text):
    assert look(place, text) == (f"{place}/whisperd.toml: ok", [])


def test_what_only_the_daemon_will_see_is_said_not_to_have_been_looked_at(place):
    _, unseen = look(place, """
[relay]
listen = ["systemd:domain=INET:name=relay", "haproxy:systemd:domain=UNIX:index=0"]
tls_listen = ["tcp:1"]
tls_certificate = "/run/credentials/whisperd.service/tls.pem"
tls_key = "/run/credentials/whisperd.service/tls.key"
[tor]
mode = "managed"
[onion]
hostname_file = "@/absent"
""")
    assert [line.split(":")[0] for line in unseen] == [
        "relay.listen", "relay.listen", "relay.tls_certificate", "relay.tls_key", "onion.hostname_file"]


@pytest.mark.skipif(os.geteuid() != 0, reason="root gives up a right here")
def test_it_looks_with_the_rights_of_whoever_types_it():
    with TemporaryDirectory() as folder:
        config = Path(folder) / "whisperd.toml"
        config.write_text(f"[onion]\nkey = 'persistent'\nkey_file = '{folder}/key'\n"
                          "[control]\nsocket = '/tmp/c'\n[tor]\ndata_dir = '/tmp/tor'\n")
        Path(folder).chmod(0o755)
        os.chown(folder, 65534, 65534)
        # Not another user's name, who might not be let into the folder of this program itself.
        without = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", sys.executable, "-m", "whisperd"]
        done = subprocess.run([*without, "--config", str(config), "config", "check"], capture_output=True, text=True)
    assert done.returncode == ConfigError.exit_status
    assert f"onion.key_file: the folder {folder} cannot be used: this user may not write to it" in done.stderr


@pytest.mark.parametrize("name", ["whisperctl", "whisperd"])
def test_both_programs_say_it_with_the_remedy(place, name):
    path = place / "whisperd.toml"
    path.write_text(f'[control]\ngroup = "{ABSENT}"\n')
    words = ["config", "check", str(path)] if name == "whisperctl" else ["--config", str(path), "config", "check"]
    done = subprocess.run([Path(sys.executable).with_name(name), *words], capture_output=True, text=True)
    assert done.returncode == ConfigError.exit_status and "Traceback" not in done.stderr
    assert f"({path}, line 2)" in done.stderr and "Create it ('addgroup --system NAME')" in done.stderr


def test_the_start_says_it_in_the_same_words(place):
    path = place / "whisperd.toml"
    path.write_text(f'[tor]\nmode = "off"\n[control]\nsocket = "{place}/c"\ngroup = "{ABSENT}"\n')
    said = [subprocess.run([sys.executable, "-m", "whisperd", "--config", str(path), *words], capture_output=True,
                           text=True) for words in (["config", "check"], ["run"])]
    assert [done.returncode for done in said] == [6, 6]
    assert said[0].stderr.splitlines()[-1] == said[1].stderr.splitlines()[-1]

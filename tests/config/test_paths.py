"""A path in the configuration is absolute or in somebody's home; everything else is refused with what to write."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from whisperd.config import KEYS, Key, default_path, default_socket, load
from whisperd.config.paths import (
    FILE,
    FILE_OR_LOG,
    FOLDER,
    LISTENERS,
    PLACE,
    PROGRAM,
    SOCKET,
    configured,
    typed,
    typed_path,
)
from whisperd.errors import ConfigError, UsageError

KINDS = (FILE, FOLDER, SOCKET, FILE_OR_LOG, PROGRAM, PLACE, LISTENERS)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder of a user who is not root."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def value(path: str, kind: str) -> str:
    """Return a path as a key of this kind has it."""
    return f"unix:{path}" if kind in (PLACE, LISTENERS) else path


def refused(text: str, kind: str = FILE) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        configured("some.key", text, kind)
    assert caught.value.message.startswith("some.key ") and caught.value.remedy
    assert caught.value.message.isprintable()
    return caught.value


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("given", "meant"), [
    ("~/a/b", "{home}/a/b"), ("~/a//b", "{home}/a/b"), ("/a/./b", "/a/b"), ("//a/b", "/a/b"),
    ("/a b/\u00e4", "/a b/\u00e4"),
    ("/a/b~", "/a/b~"), ("/~a/b", "/~a/b"), ("/a/100%", "/a/100%"), ("/no-such/../b", "/b"), ("/a/..b", "/a/..b"),
])
def test_a_path_becomes_an_absolute_one(home, kind, given, meant):
    assert configured("some.key", value(given, kind), kind) == value(meant.format(home=home), kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("given", "said"), [
    ("a/b", "not an absolute path"), ("./a", "not an absolute path"), ("../a", "not an absolute path"),
    (" /a", "not an absolute path"), ("~no-such-user/a", "there is no user 'no-such-user'"),
    ("$HOME/a", "does not expand $HOME"), ("${HOME}/a", "does not expand ${HOME}"),
    ("/home/$USER/a", "does not expand $USER"), ("/run/x-$USER", "does not expand $USER"),
    ("%h/a", "does not expand %h"), ("/run/user/%U/a", "does not expand %U"),
    ("/a/~/b", "only at the start of a path"), ("/a/~", "only at the start of a path"),
    ("~/~/a", "only at the start of a path"),
    ("/a\0b", r"'\x00'"), ("/a\nb", r"'\n'"), ("/a\x1b[2J", r"'\x1b'"), ("/a\u2028b", r"'\u2028'"),
    ("/a\udcff", "not UTF-8 text"),
])
def test_what_is_no_path_is_named_with_the_remedy(home, kind, given, said):
    assert said in refused(value(given, kind), kind).message


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != FOLDER])
@pytest.mark.parametrize("given", ["/a/", "~/", "/a/."])
def test_a_file_has_no_slash_at_its_end(home, kind, given):
    assert "is the name of a folder" in refused(value(given, kind), kind).message


def test_a_folder_may_have_one(home):
    assert configured("some.key", "~", FOLDER) == configured("some.key", "~/", FOLDER) == str(home)
    assert configured("some.key", "/a/", FOLDER) == "/a"


@pytest.mark.parametrize("kind", KINDS)
def test_the_remedy_has_the_absolute_path(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    assert f'"{value(f"{tmp_path}/x/y", kind)}"' in refused(value("x/y", kind), kind).remedy


def test_the_system_daemon_has_no_home(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    error = refused("~/keys/onion")
    assert "the system daemon has no home folder" in error.message and '"/var/lib/whisperd/keys/onion"' in error.remedy


def test_the_home_of_a_named_user_is_the_same_for_everybody(monkeypatch):
    for user in (0, 1000):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        assert configured("some.key", "~root/a", FILE) == f"{pwd.getpwnam('root').pw_dir}/a"


@pytest.mark.parametrize("there", ["/", "/nonexistent", "relative", "~"])
def test_a_home_that_is_none_is_refused(home, monkeypatch, there):
    monkeypatch.setenv("HOME", there)
    refused("~/a")


def test_two_dots_follow_symbolic_links(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "er")
    assert configured("some.key", f"{tmp_path}/link/../a", FILE) == f"{tmp_path}/deep/a"


@pytest.mark.parametrize("kind", [SOCKET, PLACE, LISTENERS])
def test_a_path_of_a_socket_is_no_longer_than_the_kernel_takes(kind):
    assert configured("some.key", value("/" + "x" * 106, kind), kind)
    assert "107 bytes" in refused(value("/" + "x" * 107, kind), kind).message
    assert "107 bytes" in refused(value("/" + "\u00e4" * 54, kind), kind).message


def test_what_is_no_path_stays_as_it_is(home):
    assert configured("some.key", "log", FILE_OR_LOG) == "log"
    assert configured("some.key", "tor", PROGRAM) == "tor"
    assert configured("some.key", "tcp:127.0.0.1:9051", PLACE) == "tcp:127.0.0.1:9051"
    for listener in ("tcp:0:interface=127.0.0.1", "systemd:domain=UNIX:name=~", "haproxy:tcp:1", "nonsense"):
        assert configured("some.key", listener, LISTENERS) == listener
    for kind in KINDS:
        assert configured("some.key", "", kind) == ""


@pytest.mark.parametrize("given", ["/run/tor/control", "~/control", "nonsense", "unix:", "tcp:", "control"])
def test_a_place_without_its_kind_is_refused(given):
    assert "must be 'unix:PATH' or 'tcp:HOST:PORT'" in refused(given, PLACE).message


@pytest.mark.parametrize(("given", "meant"), [
    ("unix:~/a:mode=660", "unix:{home}/a:mode=660"), ("haproxy:unix:~/a", "haproxy:unix:{home}/a"),
    ("unix:address=~/a:mode=660", "unix:address={home}/a:mode=660"),
    ("unix:mode=660:address=~/a", "unix:mode=660:address={home}/a"),
    ("unix:~/a\\:b\\=c\\\\d:lockfile=0", "unix:{home}/a\\:b\\=c\\\\d:lockfile=0"),
])
def test_the_path_of_a_listener_is_found_among_its_fields(home, given, meant):
    assert configured("some.key", given, LISTENERS) == meant.format(home=home)


@pytest.mark.parametrize("name", ["WHISPERD_SOCKET", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME"])
def test_a_path_of_the_environment_follows_the_same_rules(home, monkeypatch, name):
    def look() -> str:
        default_path()
        return " ".join([default_socket(), *map(str, load().flat().values())])

    monkeypatch.setenv(name, "~/there")
    assert "~" not in look() and (name == "XDG_CONFIG_HOME" or f"{home}/there" in look())
    for bad in ("there", "./there", "$HOME/there", "/a\udcff"):
        monkeypatch.setenv(name, bad)
        with pytest.raises(ConfigError, match=f"^{name} "):
            look()


@pytest.mark.parametrize("there", ["~", "relative"])
def test_a_relative_home_makes_no_place(home, monkeypatch, there):
    for name in ("XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", there)
    with pytest.raises(ConfigError, match="HOME is"):
        load()


def test_a_nul_is_refused_in_every_string(tmp_path):
    for key in KEYS:
        if isinstance(key.default, str | tuple):
            with pytest.raises(ConfigError, match=key.name.replace(".", r"\.")):
                key.check("a\0b" if isinstance(key.default, str) else ["a\0b"])


def test_a_launched_tor_cannot_have_quotes_in_its_path(tmp_path):
    path = tmp_path / "whisperd.toml"
    path.write_text("[tor]\ndata_dir = '/a\"b'\n")
    with pytest.raises(ConfigError, match=r"^tor\.data_dir .*, line 2\)$"):
        load(path)


def test_a_typed_path_may_be_relative_and_its_tilde_is_the_typists(home, monkeypatch):
    monkeypatch.chdir("/")
    assert typed("~/a") == f"{home}/a" and typed("a/~/b") == "a/~/b" and typed("./~") == "./~"
    assert typed_path("a") == Path("/a") and typed_path(Path("~/a")) == home / "a"
    for bad in ("~no-such-user/a", "a\0b"):
        with pytest.raises(UsageError):
            typed(bad)


@pytest.mark.parametrize("key", [key for key in KEYS if key.path], ids=lambda key: key.name)
def test_a_part_that_no_name_can_be_is_refused(key: Key) -> None:
    for name, fits in (("a" * 255, True), ("a" * 256, False), ("é" * 128, False), ("a" * 256 + "/b", False)):
        path = f"unix:/x/{name}" if key.path in (PLACE, LISTENERS) else f"/x/{name}"
        given = [path] if isinstance(key.default, tuple) else path
        if fits and key.path not in (SOCKET, PLACE, LISTENERS):  # a socket's path is shorter altogether
            key.check(given)
        elif not fits:
            with pytest.raises(ConfigError, match=r"longer than (255|107) bytes") as caught:
                key.check(given)
            assert key.name in caught.value.message and caught.value.remedy

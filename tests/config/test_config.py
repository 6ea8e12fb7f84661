"""whisperd.toml -> Config: every mistake is named, nothing is guessed."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperd.config import KEYS, Config, daemon_socket, default_socket, load
from whisperd.errors import ConfigError


def written(folder: Path, text: str) -> Path:
    path = folder / "whisperd.toml"
    path.write_text(text)
    return path


def refused(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(written(folder, text))
    assert caught.value.remedy
    return caught.value.message


def test_defaults_have_both_roles_tor_only_and_nothing_kept():
    config = load()
    assert config.relay.enabled and config.peer.enabled
    assert config.tor.mode == "launch"
    assert config.onion.key == "ephemeral"
    assert not config.peer.loopback


def test_a_file_overrides_only_what_it_names(tmp_path):
    config = load(written(tmp_path, '[relay]\nlisten = ["tcp:18787:interface=127.0.0.1"]\n[tor]\nmode = "off"\n'))
    assert config.relay.listen == ("tcp:18787:interface=127.0.0.1",)
    assert config.tor.mode == "off"
    assert config.relay.max_frame == load().relay.max_frame


def test_a_misspelled_key_is_named_with_the_likely_one(tmp_path):
    message = refused(tmp_path, "[relay]\nmax_frames = 4096\n")
    assert "relay.max_frames" in message and "did you mean relay.max_frame?" in message


def test_an_unknown_section_is_named(tmp_path):
    assert "[rely]" in refused(tmp_path, "[rely]\nlisten = []\n")


def test_a_key_outside_of_a_section_is_named(tmp_path):
    assert "listen" in refused(tmp_path, 'listen = "tcp:1"\n')


@pytest.mark.parametrize(("line", "hint"), [
    ("max_frame = 1", "minimum is 36864"),
    ("max_frame = 99999999", "maximum is 16777216"),
    ("max_frame = true", "whole number"),
    ('max_frame = "64 KB"', "whole number"),
    ("listen = 8787", "list of strings"),
    ("listen = [8787]", "list of strings"),
    ("listen = []", "relay.listen is empty"),
    ("enabled = 1", "true or false"),
])
def test_a_value_that_does_not_fit_says_what_would(tmp_path, line, hint):
    assert hint in refused(tmp_path, f"[relay]\n{line}\n")


def test_a_choice_that_does_not_exist_lists_those_that_do(tmp_path):
    assert "launch, attach, managed, off" in refused(tmp_path, '[tor]\nmode = "on"\n')


def test_both_roles_off_is_refused(tmp_path):
    assert "both roles" in refused(tmp_path, "[relay]\nenabled = false\n[peer]\nenabled = false\n")


def test_a_socket_path_that_the_kernel_would_cut_is_refused(tmp_path):
    assert "107 bytes" in refused(tmp_path, f'[control]\nsocket = "/{"x" * 107}"\n')


def test_no_toml_names_the_line(tmp_path):
    assert "line 1" in refused(tmp_path, "[relay\n")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match="does not exist"):
        load(tmp_path / "absent.toml")


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "whisperd.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError):
        load(path)


def test_a_secret_is_not_shown_unless_asked_for(tmp_path):
    config = load(written(tmp_path, '[tor]\npassword = "hunter2"\n'))
    assert config.flat()["tor.password"] == "(set)"
    assert config.flat(secrets=True)["tor.password"] == "hunter2"


def test_a_config_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        load().relay = None


def test_the_environment_names_the_socket(monkeypatch):
    monkeypatch.setenv("WHISPERD_SOCKET", "/somewhere/else.sock")
    assert default_socket() == "/somewhere/else.sock"
    assert load().control.socket == "/somewhere/else.sock"


@pytest.mark.parametrize(("relay", "words"), [
    ("a" * 56 + ".onion", "not the address of a relay"), ("https://" + "a" * 56 + ".onion", "without HTTPS"),
    ("http://relay.example", "not the address of a relay"), ("http://short.onion", "not the address of a relay"),
    ("http://127.0.0.1:70000", "not the address of a relay"), ("", "not the address of a relay"),
    ("http://127.0.0.1:8787", "peer.loopback is false"), ("http://localhost", "peer.loopback is false"),
])
def test_a_relay_that_can_never_be_reached_is_refused(tmp_path, relay, words):
    assert words in refused(tmp_path, f'[peer]\nrelay = ["{relay}"]\n')


@pytest.mark.parametrize("more", ["", "http://127.0.0.1:8787", "HTTP://[::1]/"])
def test_relays_that_can_be_reached_are_taken(tmp_path, more):
    relays = ["http://" + "a" * 56 + ".onion/", *([more] if more else [])]
    loopback = str(bool(more)).lower()
    assert load(written(tmp_path, f"[peer]\nrelay = {relays}\nloopback = {loopback}\n")).peer.relay == tuple(relays)


def test_a_daemon_without_the_peer_role_needs_no_relay(tmp_path):
    assert load(written(tmp_path, '[peer]\nenabled = false\nrelay = "nonsense"\n')).peer.relay == ("nonsense",)


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    """Folders for the system's socket and for that of a user who is not root, both empty."""
    monkeypatch.delenv("WHISPERD_SOCKET", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "user"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr("whisperd.config.config.SYSTEM_RUNTIME", tmp_path / "system")
    for folder in (tmp_path / "user" / "whisperd", tmp_path / "system"):
        folder.mkdir(parents=True)
    return tmp_path


def test_the_system_is_asked_where_the_user_has_no_socket(runtime):
    own, system = runtime / "user" / "whisperd" / "control.sock", runtime / "system" / "control.sock"
    assert daemon_socket() == str(own)
    system.touch()
    assert daemon_socket() == str(system) and default_socket() == str(own)
    own.touch()
    assert daemon_socket() == str(own)


def test_a_socket_that_is_named_is_the_one_that_is_asked(runtime, monkeypatch):
    (runtime / "system" / "control.sock").touch()
    monkeypatch.setenv("WHISPERD_SOCKET", str(runtime / "none.sock"))
    assert daemon_socket() == str(runtime / "none.sock")


def test_every_default_passes_its_own_check():
    assert all(key.check(key.default) == key.default for key in KEYS)


@given(st.sampled_from(KEYS), st.one_of(st.integers(), st.text(max_size=20), st.booleans(), st.floats(),
                                        st.lists(st.text(max_size=5), max_size=3), st.none()))
def test_any_value_is_taken_as_its_type_or_refused(key, value):
    try:
        checked = key.check(value)
    except ConfigError as error:
        assert key.name in error.message
    else:
        assert type(checked) is type(key.default)


def test_flat_has_every_key_once():
    config = load()
    assert isinstance(config, Config)
    assert list(config.flat()) == [key.name for key in KEYS]


def test_a_tls_listener_needs_a_certificate_and_a_key(tmp_path):
    assert "relay.tls_key" in refused(tmp_path, '[relay]\ntls_listen = ["tcp:443"]\n[tor]\nmode = "off"\n')


@pytest.mark.parametrize(("text", "hint"), [
    ("[relay]\nonion_location = true\n", "relay.tls_listen is empty"),
    ('[relay]\nonion_location = true\ntls_listen = ["tcp:443"]\ntls_certificate = "/c"\ntls_key = "/k"\n'
     '[tor]\nmode = "off"\n', "an onion service that everybody can reach"),
    ('[relay]\nonion_location = true\ntls_listen = ["tcp:443"]\ntls_certificate = "/c"\ntls_key = "/k"\n'
     '[onion]\nprivate = true\n', "an onion service that everybody can reach"),
    ('[store]\ncredential = "/run/credentials/store"\n', "a path, not a name"),
    ('[control]\nadmin_group = "adm"\n', "control.admin_group is set, but control.group is empty"),
])
def test_what_makes_no_sense_together_is_refused(tmp_path, text, hint):
    assert hint in refused(tmp_path, text)


def test_a_secret_may_come_from_the_service_manager(tmp_path, monkeypatch):
    (tmp_path / "tor.password").write_text("swordfish\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    config = load()
    assert config.tor.password == "swordfish" and config.origins["tor.password"] == "credential"
    assert config.flat()["tor.password"] == "(set)"
    config = load(written(tmp_path, '[tor]\npassword = "of the file"\n'))
    assert config.tor.password == "of the file" and config.origins["tor.password"] == "file"


@pytest.mark.parametrize("content", [b"x" * 4097, b"\xff\xfe"])
def test_a_credential_that_is_no_secret_is_named_and_not_shown(tmp_path, monkeypatch, content):
    (tmp_path / "tor.password").write_bytes(content)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(ConfigError, match=r"the credential tor\.password"):
        load()


@pytest.mark.parametrize("name", [".", "..", "a/b", "a" * 256, "é" * 128])
def test_a_credential_that_can_be_no_file_of_its_folder_is_refused(tmp_path, name):
    assert "store.credential" in refused(tmp_path, f'[store]\ncredential = "{name}"\n')


def test_a_store_leaves_room_for_the_names_beside_it(tmp_path):
    assert "store.file" in refused(tmp_path, f'[store]\nfile = "{tmp_path}/{"a" * 248}"\n')
    assert load(written(tmp_path, f'[store]\nfile = "{tmp_path}/{"a" * 247}"\n')).store.file.endswith("a" * 247)


@pytest.mark.parametrize("device", ["/dev/full", "/dev/zero", "/dev/urandom"])
def test_a_device_without_end_is_no_configuration(device):
    with pytest.raises(ConfigError, match="is a device") as caught:
        load(Path(device))
    assert caught.value.remedy


def test_nothing_is_the_configuration_without_a_key():
    assert load(Path("/dev/null")).flat() == load().flat()


def test_a_file_without_end_is_no_configuration(tmp_path):
    path = tmp_path / "whisperd.toml"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ConfigError, match="larger than 1,048,576 bytes"):
        load(path)
    path.write_bytes(b"#" + bytes([10]) * ((1 << 20) - 1))
    assert load(path)


def test_a_pipe_is_read_to_its_end_and_one_that_gives_nothing_is_refused():
    for content, said in ((b"[relay]\nmax_rooms = 7\n", ""), (b"", "is empty"), (b"#" * 60_000, "")):
        reading, writing = os.pipe()
        os.write(writing, content)
        os.close(writing)
        if said:
            with pytest.raises(ConfigError, match=said):
                load(Path(f"/dev/fd/{reading}"))
        else:
            assert load(Path(f"/dev/fd/{reading}"))
        os.close(reading)

"""The configuration in force: shown without secrets, compared with the file, and read again as far as that goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from whisperd import logs
from whisperd.config import AT_START, KEYS, Config, load
from whisperd.control.api import opt_ins
from whisperd.control.roles import Roles
from whisperd.control.settings import Settings
from whisperd.errors import ConfigError
from whisperd.relay.limits_from_config import ConfiguredBounds
from whisperd.wire import results


class Role:
    """Keeps the settings that it is given."""

    def __init__(self, failing: bool = False) -> None:
        self.given: Any = None
        self.failing = failing

    def reload(self, settings: Any) -> None:
        if self.failing:
            raise ConfigError("no such certificate")
        self.given = settings


class Written:
    """A configuration file, and the settings of a daemon that started with it."""

    def __init__(self, folder: Path, text: str, **roles: Any) -> None:
        self.path = folder / "whisperd.toml"
        self.write(text)
        config = load(self.path)
        self.settings = Settings(config, Roles(config, **{"relay": Role(), "peer": Role(), **roles}))

    def write(self, text: str) -> None:
        self.path.write_text(text)

    def shown(self) -> dict[str, tuple[object, str]]:
        return {row.key: (row.value, row.origin) for row in self.settings.show().keys}


def test_every_key_is_shown_with_its_origin_and_no_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("WHISPERD_SOCKET", "/run/elsewhere.sock")
    shown = Written(tmp_path, '[tor]\npassword = "swordfish"\n[relay]\nmax_rooms = 5\n').shown()
    assert list(shown) == [key.name for key in KEYS]
    assert shown["tor.password"] == ("(set)", "file")
    assert shown["relay.max_rooms"] == (5, "file")
    assert shown["relay.max_connections"] == (0, "default")
    assert shown["control.socket"] == ("/run/elsewhere.sock", "environment")


def test_a_caller_s_value_is_shown_as_such():
    config = load(None, {"tor.mode": "off"})
    shown = Settings(config, Roles(config)).show()
    assert results.KeyShown(key="tor.mode", value="off", origin="caller") in shown.keys


def test_a_difference_says_whether_a_reload_is_enough(tmp_path):
    written = Written(tmp_path, "")
    assert written.settings.diff().changes == []
    written.write('[relay]\nmax_rooms = 5\nlisten = ["tcp:1"]\n[log]\nlevel = "error"\n[tor]\nmode = "off"\n')
    changes = {row.key: (row.running, row.file, row.needs) for row in written.settings.diff().changes}
    assert changes == {
        "log.level": ("info", "error", "reload"), "relay.max_rooms": (0, 5, "reload"),
        "relay.listen": (("tcp:8787:interface=127.0.0.1",), ("tcp:1",), "restart"),
        "tor.mode": ("launch", "off", "restart")}


def test_another_secret_is_told_apart_without_being_shown(tmp_path):
    written = Written(tmp_path, '[tor]\npassword = "swordfish"\n')
    written.write('[tor]\npassword = "hunter2"\n')
    change, = written.settings.diff().changes
    assert (change.running, change.file) == ("(set)", "(set, another)")


def test_a_secret_of_the_wrong_type_is_not_repeated(tmp_path):
    written = Written(tmp_path, "")
    written.write("[tor]\npassword = 123456\n")
    with pytest.raises(ConfigError) as caught:
        written.settings.diff()
    assert "123456" not in str(caught.value)


@pytest.mark.parametrize("off", ["relay", "peer"])
def test_a_role_that_is_off_needs_a_restart(tmp_path, off):
    written = Written(tmp_path, "", **{off: None})
    written.write("[relay]\nmax_rooms = 5\n[peer]\nmax_chats = 5\n")
    needs = {row.key.partition(".")[0]: row.needs for row in written.settings.diff().changes}
    assert needs.pop(off) == "restart" and set(needs.values()) == {"reload"}


def test_a_reload_puts_into_force_what_it_may_and_names_the_rest(tmp_path):
    relay, peer = Role(), Role()
    written = Written(tmp_path, "", relay=relay, peer=peer)
    written.write('[relay]\naccess = "code"\nlisten = ["tcp:1"]\n[peer]\nmax_chats = 5\n')
    assert written.settings.reload() == results.Reloaded(changed=["relay.access", "peer.max_chats"],
                                                         restart=["relay.listen"])
    assert relay.given.access == "code" and relay.given.listen == ("tcp:8787:interface=127.0.0.1",)
    assert peer.given.max_chats == 5
    shown = written.shown()
    assert shown["relay.access"] == ("code", "file") and shown["relay.listen"][1] == "default"
    assert "relay.access" in opt_ins(written.settings.config)
    assert [row.key for row in written.settings.diff().changes] == ["relay.listen"]


def test_the_least_severity_that_is_logged_changes_at_once(tmp_path, capsys):
    written = Written(tmp_path, "")
    written.write('[log]\nlevel = "error"\n')
    try:
        assert written.settings.reload().changed == ["log.level"]
        logs.note("relay-listening", listeners=1)
        assert capsys.readouterr().err == ""
    finally:
        logs.configure()


def test_after_a_refusal_nothing_has_changed(tmp_path):
    written = Written(tmp_path, "", relay=Role(failing=True))
    before: Config = written.settings.config
    written.write("[relay]\nmax_rooms = 5\n")
    with pytest.raises(ConfigError):
        written.settings.reload()
    assert written.settings.config is before


def test_every_key_of_the_relay_that_is_said_to_be_live_is_read_by_its_reload():
    """The bounds, and what RelayService.reload gives to access, the listeners and TLS."""
    read = {f"relay.{name}" for name in (
        *ConfiguredBounds.__struct_fields__, "access", "access_guesses", "circuit_access_guesses", "cors",
        "onion_location", "tls_certificate", "tls_key", "tls_require_pq")}
    assert {key.name for key in KEYS if key.section == "relay" and key.name not in AT_START} == read

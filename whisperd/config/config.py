"""whisperd.toml -> a frozen Config.

One table, ``KEYS``, gives every key its type, default, bounds and help; the man page test, ``config show`` and the
loader all read it. A key that is misspelled, of the wrong type or out of bounds is a ConfigError that names it.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from whisperd.config import paths as paths
from whisperd.config.checks import check_together
from whisperd.config.keys import BY_NAME, KEYS, Value
from whisperd.config.lines import located
from whisperd.config.systemd_credentials import credential
from whisperd.errors import ConfigError

#: What is named as the source where no file was read.
BUILT_IN = "built-in defaults"
#: Where a value comes from that is not the default.
FILE, ENVIRONMENT, CALLER, CREDENTIAL = "file", "environment", "caller", "credential"



@dataclass(frozen=True)
class Section:
    """The values of one section, as attributes."""

    values: Mapping[str, Value]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(name) from None


@dataclass(frozen=True)
class Config:
    """Every key with its value in force, by section: ``config.relay.max_frame``."""

    daemon: Section
    control: Section
    log: Section
    relay: Section
    tor: Section
    onion: Section
    peer: Section
    store: Section
    source: str = field(default=BUILT_IN)
    origins: Mapping[str, str] = field(default_factory=dict)  #: by key; others: default

    def with_values(self, values: Mapping[str, Value], origins: Mapping[str, str]) -> Config:
        """Return this with other values of some keys, by their full names."""
        changed: dict[str, Any] = {}
        for section in {name.partition(".")[0] for name in values}:
            changed[section] = Section({**getattr(self, section).values, **_of_section(values, section)})
        return replace(self, **changed, origins=origins)

    def flat(self, *, secrets: bool = False) -> dict[str, Value]:
        """Return every key's value by its full name; secrets are shown as ``"(set)"`` unless asked for."""
        shown: dict[str, Value] = {}
        for key in KEYS:
            value = getattr(self, key.section).values[key.name.partition(".")[2]]
            shown[key.name] = "(set)" if key.secret and value and not secrets else value
        return shown


def load(path: Path | None = None, overrides: Mapping[str, object] | None = None) -> Config:
    """Read ``path`` (None: defaults only), put ``overrides`` (full names) on top, fill in the places.

    Raises ConfigError, with the key and its line in the file, when anything does not fit.
    """
    with located(path):
        return _loaded(path, overrides)


def _loaded(path: Path | None, overrides: Mapping[str, object] | None) -> Config:
    given: dict[str, object] = {}
    if path is not None:
        given.update(_read(path))
    origins = dict.fromkeys(given, FILE) | dict.fromkeys(overrides or {}, CALLER)
    given.update(overrides or {})
    for name in given:
        if name not in BY_NAME:
            raise ConfigError(_unknown(name), remedy="Remove it or spell it right; whisperd.toml(5) lists every key.")
    for name in (key.name for key in KEYS if key.secret and key.default == "" and not given.get(key.name)):
        if found := credential(name, os.environ):
            given[name], origins[name] = found, CREDENTIAL
    values = {key.name: key.check(given[key.name]) if key.name in given else key.default for key in KEYS}
    if not values["control.socket"] and os.environ.get("WHISPERD_SOCKET"):
        origins["control.socket"] = ENVIRONMENT
    _fill_places(values)
    sections = {section: Section(_of_section(values, section)) for section in {key.section for key in KEYS}}
    config = Config(**sections, source=str(path) if path else BUILT_IN, origins=origins)
    check_together(config)
    return config


def _of_section(values: Mapping[str, Value], section: str) -> dict[str, Value]:
    return {name.partition(".")[2]: value for name, value in values.items() if name.partition(".")[0] == section}


def default_path() -> Path | None:
    """Return the configuration file that is used when none is named, or None when there is none."""
    places = [Path("/etc/whisperd/whisperd.toml")]
    if os.geteuid() != 0 and (os.environ.get("XDG_CONFIG_HOME") or paths.has_home()):
        places.insert(0, _xdg("XDG_CONFIG_HOME", ".config") / "whisperd.toml")
    return next((place for place in places if paths.is_there(place)), None)


def default_socket() -> str:
    """Return the control socket's place: WHISPERD_SOCKET, else the system's for root, else the user's."""
    if named := paths.from_environment("WHISPERD_SOCKET", paths.SOCKET):
        return named
    return str(_runtime_dir() / "control.sock")


def _runtime_dir() -> Path:
    if os.geteuid() == 0:
        return Path("/run/whisperd")
    if runtime := paths.from_environment("XDG_RUNTIME_DIR"):
        return Path(runtime) / "whisperd"
    return Path(f"/run/user/{os.geteuid()}/whisperd")


def _state_dir() -> Path:
    return Path("/var/lib/whisperd") if os.geteuid() == 0 else _xdg("XDG_STATE_HOME", ".local/state")


def _xdg(variable: str, fallback: str) -> Path:
    return Path(paths.from_environment(variable) or f"{paths.home()}/{fallback}") / "whisperd"


def _fill_places(values: dict[str, Value]) -> None:
    places = {"control.socket": default_socket, "tor.data_dir": lambda: str(_state_dir() / "tor"),
              "onion.key_file": lambda: str(_state_dir() / "onion.key"),
              "store.file": lambda: str(_state_dir() / "store" / "store.db")}
    for name, place in places.items():
        values[name] = values[name] or BY_NAME[name].check(place())


def _read(path: Path) -> dict[str, object]:
    try:
        document = tomllib.loads(paths.content(path))
    except FileNotFoundError:
        raise ConfigError(f"there is no file {path}", remedy="Name one that exists with --config.") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not text in UTF-8: byte {error.start + 1} cannot be read",
                          remedy="Convert it to UTF-8, for example with iconv(1).") from None
    except ValueError as error:  # of tomllib, and of Python for a number of thousands of digits
        raise ConfigError(f"{path} is not TOML: {error}", remedy="Mend the line that is named.") from None
    except RecursionError:
        raise ConfigError(f"{path} has lists or tables that stand inside of each other too often",
                          remedy="whisperd.toml(5) lists every key; none needs more than a list.") from None
    return dict(_flatten(document))


def _flatten(document: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    sections = {key.section for key in KEYS}
    for section, content in document.items():
        if not isinstance(content, dict):
            raise ConfigError(f"{section} stands outside of a section")
        if section not in sections:
            raise ConfigError(f"there is no section [{section}]; there are {', '.join(sorted(sections))}")
        yield from ((f"{section}.{name}", value) for name, value in content.items())


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name, BY_NAME, 1)
    return f"there is no key {name}" + (f"; did you mean {close[0]}?" if close else "")

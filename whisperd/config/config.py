"""Loading the configuration: whisperd.toml, the environment and the caller's overrides become a frozen ``Config``.

A key that is misspelled, of the wrong type or out of bounds is a ConfigError that names it.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from whisperd.config import paths as paths
from whisperd.config.checks import check_together
from whisperd.config.keys import BY_NAME, KEYS, Value
from whisperd.config.lines import located
from whisperd.config.sections import BUILT_IN, Config
from whisperd.config.systemd_credentials import credential
from whisperd.errors import ConfigError

#: Where a value comes from that is not the default.
FILE, ENVIRONMENT, CALLER, CREDENTIAL = "file", "environment", "caller", "credential"
#: Where the system's daemon has its control socket.
SYSTEM_RUNTIME = Path("/run/whisperd")
_SOCKET_NAME = "control.sock"


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
            raise ConfigError(_unknown(name), remedy="Remove it or correct its spelling. whisperd.toml(5) lists all "
                              "keys.")
    for name in (key.name for key in KEYS if key.secret and key.default == "" and not given.get(key.name)):
        if found := credential(name, os.environ):
            given[name], origins[name] = found, CREDENTIAL
    values = {key.name: key.check(given[key.name]) if key.name in given else key.default for key in KEYS}
    if not values["control.socket"] and os.environ.get("WHISPERD_SOCKET"):
        origins["control.socket"] = ENVIRONMENT
    _fill_places(values)
    config = Config.of(values, str(path) if path else BUILT_IN, origins)
    check_together(config)
    return config


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
    return str(_runtime_dir() / _SOCKET_NAME)


def daemon_socket() -> str:
    """Return the control socket of the daemon that is asked where none is named: default_socket, but the system's for a
    user who has no socket there and may open the system's."""
    socket = default_socket()
    if os.environ.get("WHISPERD_SOCKET") or os.path.lexists(socket):
        return socket
    system = str(SYSTEM_RUNTIME / _SOCKET_NAME)
    return system if os.access(system, os.W_OK) else socket


def _runtime_dir() -> Path:
    if os.geteuid() == 0:
        return SYSTEM_RUNTIME
    if runtime := paths.from_environment("XDG_RUNTIME_DIR"):
        return Path(runtime) / "whisperd"
    return Path(f"/run/user/{os.geteuid()}/whisperd")


def _state_dir() -> Path:
    return Path("/var/lib/whisperd") if os.geteuid() == 0 else _xdg("XDG_STATE_HOME", ".local/state")


def _xdg(variable: str, fallback: str) -> Path:
    return Path(paths.from_environment(variable) or f"{paths.home()}/{fallback}") / "whisperd"


def _fill_places(values: dict[str, Value]) -> None:
    places: dict[str, Callable[[], str]] = {
        "control.socket": default_socket, "tor.data_dir": lambda: str(_state_dir() / "tor"),
        "onion.key_file": lambda: str(_state_dir() / "onion.key"),
        "store.file": lambda: str(_state_dir() / "store" / "store.db")}
    for name, place in places.items():
        values[name] = values[name] or BY_NAME[name].check(place())


def _read(path: Path) -> dict[str, object]:
    try:
        document = tomllib.loads(paths.content(path))
    except FileNotFoundError:
        raise ConfigError(f"the file {path} does not exist", remedy="Name an existing file with --config.") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text: byte {error.start + 1} is invalid",
                          remedy="Convert it to UTF-8, for example with iconv(1).") from None
    except ValueError as error:  # of tomllib, and of Python for a number of thousands of digits
        raise ConfigError(f"{path} is not TOML: {error}", remedy="Correct the line that is named.") from None
    except RecursionError:
        raise ConfigError(f"in {path}, lists or tables are nested too deeply",
                          remedy="No key needs more than a list. whisperd.toml(5) lists all keys.") from None
    return dict(_flatten(document))


def _flatten(document: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    sections = {key.section for key in KEYS}
    for section, content in document.items():
        if not isinstance(content, dict):
            raise ConfigError(f"{section} is not inside a section")
        if section not in sections:
            raise ConfigError(f"there is no section [{section}]; the sections are {', '.join(sorted(sections))}")
        yield from ((f"{section}.{name}", value) for name, value in content.items())


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name, BY_NAME, 1)
    return f"there is no key {name}" + (f"; did you mean {close[0]}?" if close else "")

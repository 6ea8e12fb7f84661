"""What a path may be in a key of the configuration, in the environment and on a command line. [whisperd.toml(5), PATHS]

A configured path stands for the same file whoever reads it and from wherever: it is absolute, or begins with ``~`` for
the home folder of the user who runs the daemon. A typed path may be relative, as with any other program.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import select
import stat
import unicodedata
from collections.abc import Callable
from pathlib import Path

from whisperd.config import listener_path
from whisperd.errors import ConfigError, UsageError

#: Kinds of path keys. FILE_OR_LOG may be the word "log"; a PROGRAM may be a name in PATH; a PLACE is ``unix:PATH`` or
#: ``tcp:HOST:PORT``; LISTENERS are endpoint strings, one or a list.
FILE, FOLDER, SOCKET, FILE_OR_LOG, PROGRAM = "file", "folder", "socket", "file or 'log'", "program"
PLACE, LISTENERS = "unix: or tcp: address", "listeners"
#: Maximum length of a unix socket's path, in bytes. [unix(7)]
MAX_SOCKET = 107
#: Maximum length of one part of a path and of a whole one, in bytes. [path_resolution(7)]
MAX_PART, MAX_PATH = 255, 4_095
#: Maximum size of a configuration file in bytes.
MAX_FILE = 1 << 20
#: Seconds that a pipe may take to give the next part of a configuration.
_PIPE_SECONDS = 10
#: /dev/null, the one device that may stand for an empty configuration.
_NULL = os.makedev(1, 3)

_VARIABLE = re.compile(r"\$\{?[A-Za-z_]\w*\}?|(?:(?<=/)|\A)%[A-Za-z](?=/|\Z)", re.ASCII)
_STATE = "/var/lib/whisperd"


def configured(key: str, text: str, kind: str) -> str:
    """Return the value of a path key with its path as an absolute one; an empty value stays empty.

    Raises ConfigError that names ``key`` and says how to write it.
    """
    if not text or (kind == FILE_OR_LOG and text == "log"):
        return text
    if kind == LISTENERS:
        _check_characters(key, text)
        path = listener_path.unix_path(text)
        return listener_path.with_unix_path(text, _absolute(key, path, SOCKET, "unix:")) if path else text
    if kind == PLACE:
        return _place(key, text)
    if kind == PROGRAM and "/" not in text and not text.startswith("~"):
        _check_characters(key, text)
        _check_length(key, text)
        return text
    return _absolute(key, text, kind)


def from_environment(variable: str, kind: str = FOLDER) -> str:
    """Return the path in an environment variable, empty where it is not set; raises ConfigError as ``configured``."""
    return configured(variable, os.environ.get(variable, ""), kind)


def home() -> str:
    """Return the home folder of the user who runs this, by HOME or the list of users.

    Raises ConfigError where there is none, or only a relative one.
    """
    named = _named_home()
    if not named.startswith("/"):
        raise ConfigError("this user has no home folder" if not named else
                          f"HOME is {named!r}, which is not an absolute path",
                          remedy="Set HOME to the absolute path of this user's home folder.")
    return named


def has_home() -> bool:
    """Return whether a home folder is named for this user, if only one that is not there."""
    return bool(_named_home())


def _named_home() -> str:
    if named := os.environ.get("HOME"):
        return named
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return ""


def is_there(place: Path) -> bool:
    """Return whether a configuration is there, if only a folder or something else in its place, which is told when it
    is read.

    Raises ConfigError for a place that this user cannot look at.
    """
    try:
        return place.exists()
    except OSError as error:
        raise ConfigError(f"{place} cannot be examined: {error.strerror}",
                          remedy="Name the file with --config, or give this user access to its folder.") from None


def content(path: Path) -> str:
    """Return the text of a configuration file, which may be a pipe such as <(...) of a shell.

    Raises ConfigError for what has no end, gives nothing or too much; OSError and UnicodeDecodeError as Python does.
    """
    with open(path, "rb", buffering=0, opener=_opened) as file:
        kind = os.fstat(file.fileno())
        device = stat.S_ISCHR(kind.st_mode) or stat.S_ISBLK(kind.st_mode)
        if (device and kind.st_rdev != _NULL) or stat.S_ISSOCK(kind.st_mode):
            raise ConfigError(f"{path} is a device, not a file", remedy="Name a file with --config.")
        pipe, text = stat.S_ISFIFO(kind.st_mode), b""
        while len(text) <= MAX_FILE:
            if pipe and not select.select([file], [], [], _PIPE_SECONDS)[0]:
                raise ConfigError(f"nothing was written to the pipe {path} for {_PIPE_SECONDS} seconds",
                                  remedy="Check the program that writes to it, or name a file with --config.")
            more = file.read(MAX_FILE + 1 - len(text))
            if not more:
                break
            text += more
    if len(text) > MAX_FILE:
        raise ConfigError(f"{path} is larger than {MAX_FILE:,} bytes, the maximum for a configuration file",
                          remedy="Name the right file with --config.")
    if pipe and not text:
        raise ConfigError(f"the pipe {path} is empty",
                          remedy="Write the configuration into it first, or name a file with --config.")
    return text.decode()


def _opened(path: str, flags: int) -> int:
    """Open what may be a pipe that nobody has opened for writing, without waiting for that."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def typed(text: str) -> str:
    """Return a path from a command line with ``~`` replaced, which a shell does not do in ``--option=~/FILE``.

    Raises UsageError for what can be no path.
    """
    if "\0" in text:
        raise UsageError(f"{text!r} is not a path: it contains a NUL character", remedy="Type the path again.")
    if not text.startswith("~"):
        return text
    expanded = os.path.expanduser(text)
    if not expanded.startswith("/"):
        raise UsageError(f"no home folder was found for {text.partition('/')[0]!r}",
                         remedy=f"Type the whole path, or {'./' + text!r} if that is the name of a file.")
    return expanded


def typed_path(text: str | Path) -> Path:
    """Return a typed path as an absolute one."""
    return Path(typed(str(text))).absolute()


def _place(key: str, text: str) -> str:
    kind, _, rest = text.partition(":")
    if kind == "unix" and rest:
        return f"unix:{_absolute(key, rest, SOCKET, 'unix:')}"
    if kind == "tcp" and rest:
        _check_characters(key, text)
        return text
    path = text if text.startswith(("/", "~")) else "/run/tor/control"
    raise ConfigError(f"{key} is {text!r}; it must be 'unix:PATH' or 'tcp:HOST:PORT'",
                      remedy=f"Write {_quoted('unix:' + path)} or \"tcp:127.0.0.1:PORT\".")


def _absolute(key: str, text: str, kind: str, prefix: str = "") -> str:
    """Return the absolute path for ``text``; ``prefix`` stands before it in the key's value, for the remedy."""
    _check_characters(key, text)

    def write(path: str) -> str:
        return f"Write the whole path, for example {_quoted(prefix + path)}."

    if variable := _VARIABLE.search(text):
        raise ConfigError(f"{key} is {text!r}, but whisperd does not expand {variable[0]}",
                          remedy="Write the whole path, or start it with ~ for the home folder of the daemon's user.")
    if "~" in text.split("/")[1:]:
        raise ConfigError(f"{key} is {text!r}, but ~ means a home folder only at the start of a path",
                          remedy=write(f"{_STATE}/{os.path.basename(text.rstrip('/'))}"))
    path = _expanded(key, text, write)
    if not path.startswith("/"):
        raise ConfigError(f"{key} is {text!r}, which is not an absolute path", remedy=write(_from_here(text)))
    if kind != FOLDER and path.rstrip(".").endswith("/"):
        raise ConfigError(f"{key} is {text!r}, which is the name of a folder",
                          remedy=f"Name the {'file' if kind == FILE_OR_LOG else kind} itself, without a slash at the "
                                 "end.")
    path = _resolved(path)
    _check_length(key, path)
    if kind == SOCKET and len(os.fsencode(path)) > MAX_SOCKET:
        raise ConfigError(f"{key} is longer than {MAX_SOCKET} bytes, the maximum for the path of a unix socket",
                          remedy="Choose a shorter path.")
    return path


def _check_length(key: str, path: str) -> None:
    if any(len(os.fsencode(part)) > MAX_PART for part in path.split("/")):
        raise ConfigError(f"{key} has a part between slashes that is longer than {MAX_PART} bytes, the maximum for a "
                          "file name", remedy="Choose a shorter name.")
    if len(os.fsencode(path)) > MAX_PATH:
        raise ConfigError(f"{key} is longer than {MAX_PATH:,} bytes, the maximum for a path",
                          remedy="Choose a shorter path.")


def _expanded(key: str, text: str, write: Callable[[str], str]) -> str:
    """Return ``text`` with a home folder for ``~`` or ``~user`` at its beginning."""
    if not text.startswith("~"):
        return text
    user, slash, rest = text[1:].partition("/")
    if user:
        try:
            folder = pwd.getpwnam(user).pw_dir
        except (KeyError, UnicodeEncodeError):
            raise ConfigError(f"{key} is {text!r}, but there is no user {user!r}",
                              remedy=write(f"/home/NAME/{rest}")) from None
    elif os.geteuid() == 0:
        raise ConfigError(f"{key} is {text!r}, but the system daemon has no home folder",
                          remedy=write(f"{_STATE}/{rest}".rstrip("/")))
    else:
        try:
            folder = home()
        except ConfigError as error:
            raise ConfigError(f"{key} is {text!r}, but {error.message}", remedy=error.remedy) from None
    if not folder.startswith("/") or folder.strip("/") == "" or not os.path.isdir(folder):
        raise ConfigError(f"{key} is {text!r}, but the home folder {folder!r} does not exist",
                          remedy=write(f"{_STATE}/{rest}".rstrip("/")))
    return f"{folder.rstrip('/')}{slash}{rest}"


def _resolved(path: str) -> str:
    """Return a path without superfluous slashes, ``.`` and ``..``; what stands before a ``..`` is followed through
    symbolic links, as the kernel does."""
    parts = path.split("/")
    if ".." in parts:
        last = len(parts) - parts[::-1].index("..")
        path = "/".join([os.path.realpath("/".join(parts[:last])), *parts[last:]])
    return "/" + os.path.normpath(path).lstrip("/")


def _from_here(text: str) -> str:
    """Return what a relative path stood for in this folder."""
    try:
        return os.path.normpath(os.path.join(os.getcwd(), text))
    except OSError:
        return f"{_STATE}/{os.path.basename(text)}"


def _check_characters(key: str, text: str) -> None:
    for character in text:
        if unicodedata.category(character) in ("Cc", "Zl", "Zp"):
            raise ConfigError(f"{key} contains the character {character!r}, which is not allowed in this path",
                              remedy="Remove it, or choose another path.")
    try:
        text.encode()
        os.fsencode(text)
    except UnicodeEncodeError:
        raise ConfigError(f"{key} is {text!r}, which is not UTF-8 text or cannot be written in this locale",
                          remedy="Choose a path of plain characters, or run whisperd in a UTF-8 locale.") from None


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)

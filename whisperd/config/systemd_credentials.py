"""Secrets that a service manager hands over in a folder of the daemon's own. [systemd.exec(5), CREDENTIALS]"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from whisperd.errors import ConfigError

#: Most bytes of one secret.
MAX = 4096


def credential(name: str, environment: Mapping[str, str]) -> str:
    """Return the credential of this name without its newline, empty where there is none; raises ConfigError."""
    folder = environment.get("CREDENTIALS_DIRECTORY")
    if not folder:
        return ""
    try:
        with (Path(folder) / name).open("rb") as given:
            content = given.read(MAX + 1)
        if len(content) > MAX:
            raise ConfigError(f"the credential {name} is larger than {MAX} bytes")
        return content.decode().rstrip("\r\n")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"the credential {name} is not text",
                          remedy=f"Check LoadCredential={name} in the unit, and the file that it names.") from None

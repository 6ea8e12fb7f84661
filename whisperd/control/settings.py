"""The configuration that is in force beside the one in the file: shown, compared, and read again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from whisperd import logs
from whisperd.config import BUILT_IN, KEYS, Config, Key, Value, default_path, load

Row = dict[str, Any]


class Settings:
    """``config`` is in force. ``relay`` and ``peer`` are the roles that take new settings, None where one is off;
    ``reopen`` opens files anew that somebody may have moved away."""

    def __init__(self, config: Config, *, relay: Any, peer: Any, reopen: Callable[[], None] = lambda: None) -> None:
        self.config = config
        self._reopen = reopen
        self._roles = {"relay": relay, "peer": peer}

    def attach_peer(self, peer: Any) -> None:
        """Have this peer read the configuration again, too; None while there is none."""
        self._roles["peer"] = peer

    def show(self) -> Row:
        """Return the source's name, and every key with its value and its origin; no secret."""
        origins = self.config.origins
        return {"source": self.config.source,
                "keys": [{"key": name, "value": value, "origin": origins.get(name, "default")}
                         for name, value in self.config.flat().items()]}

    def diff(self) -> Row:
        """Return each key that differs with both values and what puts the file's into force; raises ConfigError."""
        new = self._read()
        shown, other = self.config.flat(), new.flat()
        return {"source": new.source, "changes": [
            {"key": key.name, "running": shown[key.name], "file": _differing(key, shown[key.name], other[key.name]),
             "needs": "reload" if self._live(key) else "restart"} for key in self._changed(new)]}

    def reload(self) -> Row:
        """Put into force what needs no restart; raises ConfigError, and then nothing has changed."""
        new = self._read()
        changed = self._changed(new)
        live = [key.name for key in changed if self._live(key)]
        values = new.flat(secrets=True)
        merged = self.config.with_values({name: values[name] for name in live}, _origins(self.config, new, live))
        for name, role in self._roles.items():
            if role is not None:
                role.reload(getattr(merged, name))
        if "log.level" in live:
            logs.set_level(merged.log.level)
        self._reopen()
        self.config = merged
        return {"changed": live, "restart": [key.name for key in changed if key.name not in live]}

    def _read(self) -> Config:
        source = self.config.source
        return load(default_path() if source == BUILT_IN else Path(source))

    def _changed(self, new: Config) -> list[Key]:
        before, after = self.config.flat(secrets=True), new.flat(secrets=True)
        return [key for key in KEYS if before[key.name] != after[key.name]]

    def _live(self, key: Key) -> bool:
        """Return whether a change of the key takes effect now: a role that is off reads nothing until a start."""
        return key.live and self._roles.get(key.section, self) is not None


def _differing(key: Key, running: Value, new: Value) -> Value:
    return "(set, another)" if key.secret and running == new else new


def _origins(running: Config, new: Config, live: list[str]) -> dict[str, str]:
    """Return where the values come from after those of ``live`` were taken over."""
    kept = {name: origin for name, origin in running.origins.items() if name not in live}
    return kept | {name: origin for name, origin in new.origins.items() if name in live}

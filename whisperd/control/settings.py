"""The configuration that is in force beside the one in the file: shown, compared, and read again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from whisperd import logs
from whisperd.config import BUILT_IN, KEYS, Config, Key, Value, default_path, load
from whisperd.control.roles import Roles
from whisperd.wire import results


class Settings:
    """``config`` is in force; the roles take new values of their sections. ``reopen()`` opens files anew that somebody
    may have moved away."""

    def __init__(self, config: Config, roles: Roles, reopen: Callable[[], None] = lambda: None) -> None:
        self.config = config
        self._roles = roles
        self._reopen = reopen

    def show(self) -> results.ConfigShown:
        """Return the source's name, and every key with its value and its origin; no secret."""
        origins = self.config.origins
        return results.ConfigShown(source=self.config.source, keys=[
            results.KeyShown(key=name, value=value, origin=origins.get(name, "default"))
            for name, value in self.config.flat().items()])

    def diff(self) -> results.ConfigDiff:
        """Return each key that differs with both values and what puts the file's into force; raises ConfigError."""
        new = self._read()
        shown, other = self.config.flat(), new.flat()
        return results.ConfigDiff(source=new.source, changes=[
            results.KeyDiffers(key=key.name, running=shown[key.name],
                               file=_differing(key, shown[key.name], other[key.name]),
                               needs="reload" if self._live(key) else "restart") for key in self._changed(new)])

    def reload(self) -> results.Reloaded:
        """Put into force what needs no restart; raises ConfigError, and then nothing has changed."""
        new = self._read()
        changed = self._changed(new)
        live = [key.name for key in changed if self._live(key)]
        values = new.flat(secrets=True)
        merged = self.config.with_values({name: values[name] for name in live}, _origins(self.config, new, live))
        if self._roles.relay is not None:
            self._roles.relay.reload(merged.relay)
        if self._roles.peer is not None:
            self._roles.peer.reload(merged.peer)
        if "log.level" in live:
            logs.set_level(merged.log.level)
        self._reopen()
        self.config = merged
        return results.Reloaded(changed=live, restart=[key.name for key in changed if key.name not in live])

    def _read(self) -> Config:
        source = self.config.source
        return load(default_path() if source == BUILT_IN else Path(source))

    def _changed(self, new: Config) -> list[Key]:
        before, after = self.config.flat(secrets=True), new.flat(secrets=True)
        return [key for key in KEYS if before[key.name] != after[key.name]]

    def _live(self, key: Key) -> bool:
        """Return whether a change of the key takes effect now: a role that is off reads nothing until a start."""
        there = {"relay": self._roles.relay is not None, "peer": self._roles.peer is not None}
        return key.live and there.get(key.section, True)


def _differing(key: Key, running: Value, new: Value) -> Value:
    return "(set, another)" if key.secret and running == new else new


def _origins(running: Config, new: Config, live: list[str]) -> dict[str, str]:
    """Return where the values come from after those of ``live`` were taken over."""
    kept = {name: origin for name, origin in running.origins.items() if name not in live}
    return kept | {name: origin for name, origin in new.origins.items() if name in live}

"""Which links a conversation has, and which one of them carries its frames. [whisperd-protocol(7), PATHS]

A core. A path is *open* when frames can go over it, and *proven* when the other side itself was heard there. Frames go
over one path, the best of those that are proven; while none is, the best one that is open is tried, and after PROOF
seconds the next. Relays are entered one after the other until one of them is proven; then the others are left. As both
sides stay in every room that they have entered, they meet as soon as there is one that both can reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Seconds without a path to the other side before one more relay is entered.
STAGGER = 10.0
#: Seconds that the other side has to be heard on the path that is used, before another open one is tried.
PROOF = 20.0

RELAY, ONION = "relay", "onion"


@dataclass(frozen=True)
class ConnectPath:
    """Begin to connect, and go on with it."""

    key: str


@dataclass(frozen=True)
class LeavePath:
    """Be there no more."""

    key: str


@dataclass(frozen=True)
class Use:
    """Send over this path from now on. ``heard`` says that the other side was just heard there."""

    key: str
    heard: bool


@dataclass(frozen=True)
class ProbePath:
    """Greet the other side on this path, and go on over the one that is used."""

    key: str


@dataclass(frozen=True)
class Lost:
    """No path is open any more."""

    reason: str


PathEffect = ConnectPath | LeavePath | Use | ProbePath | Lost
Effects = list[PathEffect]


@dataclass
class _Path:
    key: str
    kind: str
    rank: tuple[int, int]
    passive: bool
    patience: float
    wanted: bool = False
    open: bool = False
    proven: bool = False
    refused: bool = False
    probed: bool = False
    doubts: int = 0
    due: float | None = None

    def order(self) -> tuple[bool, int, tuple[int, int]]:
        return (not self.proven, self.doubts, self.rank)

    def close(self) -> None:
        self.open = self.proven = self.probed = False
        self.doubts = 0


class Paths:
    """The paths of one conversation; ``kinds`` are those that may carry its texts, the best first.

    Without RELAY among them the relays serve to meet, and are left when another path is proven. ``key`` names a path
    everywhere."""

    def __init__(self, kinds: Sequence[str]) -> None:
        self._kinds = tuple(kinds)
        self._paths: dict[str, _Path] = {}
        self._live: _Path | None = None
        self._entered: _Path | None = None
        self._began = False
        self._stagger_at: float | None = None
        self._doubt_at: float | None = None

    @property
    def live(self) -> str | None:
        """The path that is used, None while there is none."""
        return self._live.key if self._live else None

    @property
    def proven(self) -> bool:
        """Whether the other side was heard on the path that is used."""
        return self._live is not None and self._live.proven

    def kind(self, key: str) -> str:
        """Return of what kind a path is."""
        return self._paths[key].kind

    def add(self, key: str, kind: str, place: int, now: float, *, passive: bool = False,
            patience: float = 0.0) -> Effects:
        """There is one more; a smaller ``place`` is better than another one of its kind.

        A ``passive`` one is not connected from here, and nothing is sent on it before it is proven. One with
        ``patience`` waits so many seconds for a better one of its kind."""
        known = self._kinds.index(kind) if kind in self._kinds else len(self._kinds)
        self._paths[key] = _Path(key, kind, (known, place), passive, patience)
        return self._settle(now) if self._began else []

    def remove(self, key: str, now: float) -> Effects:
        """There is no such path any more."""
        path = self._paths.pop(key, None)
        if path is None:
            return []
        effects = self._closed(path, "link-lost", now)
        return [LeavePath(key), *effects] if path.wanted else effects

    def start(self, now: float) -> Effects:
        """Begin with the best relay."""
        self._began = True
        return self._settle(now)

    def opened(self, key: str, now: float) -> Effects:
        """Frames can go over this path, over a connection that is new on one of the two sides."""
        path = self._paths[key]
        path.close()
        path.open, path.refused = True, False
        if path.passive:
            return []
        again = self._use(path, now, heard=False) if path is self._live else []
        return [*again, *self._settle(now)]

    def closed(self, key: str, reason: str, now: float) -> Effects:
        """No frames go over this path any more."""
        return self._closed(self._paths[key], reason, now)

    def troubled(self, key: str, now: float) -> Effects:
        """This path cannot be opened for now: the next one need not wait."""
        if self._paths[key] is self._entered and self._stagger_at is not None:
            self._stagger_at = now
        return self._settle(now)

    def refused(self, key: str, now: float) -> Effects:
        """The relay of this path does not let this side in; it is asked again as long as the path is wanted."""
        path = self._paths[key]
        path.refused = True
        effects = self._closed(path, "link-lost", now)
        return [*effects, *self.troubled(key, now)]

    @property
    def exhausted(self) -> bool:
        """Whether every relay has refused this side since it was open last, and nothing else is open."""
        return self._live is None and all(path.refused for path in self._relays())

    def heard(self, key: str, now: float, *, greeting: bool = False) -> Effects:
        """An authentic frame came over this path. A ``greeting`` says that the other side began to use it."""
        path, live = self._paths[key], self._live
        was_proven = path.proven
        path.open = path.proven = True
        path.doubts = 0
        if path is live:
            if not was_proven:
                self._doubt_at = None
            renewed = path.passive and not was_proven  # another connection has taken the place of the one before
            effects: Effects = [Use(key, heard=True)] if renewed else []
        elif live is None or not live.proven or path.rank < live.rank:
            effects = self._use(path, now, heard=True)
        elif greeting:  # the other side does not reach us by the better one, or did not when it said so
            live.proven, live.probed, live.doubts = False, False, live.doubts + 1
            effects = self._use(path, now, heard=True)
        else:
            return []
        return [*effects, *self._settle(now)]

    def confirmed(self) -> Effects:
        """There is a key, by which the other side can be greeted."""
        for path in self._paths.values():
            path.probed = False
        return self._probes()

    def tick(self, now: float) -> Effects:
        """Do what is due; to be called at ``wake_at``."""
        if self._doubt_at is not None and now >= self._doubt_at and self._live is not None:
            self._doubt_at = now + PROOF
            if len(self._usable()) > 1:
                self._live.doubts += 1
        return self._settle(now)

    @property
    def wake_at(self) -> float | None:
        """When ``tick`` is to be called, or None."""
        waiting = [self._stagger_at, self._doubt_at, *(path.due for path in self._paths.values())]
        return min((time for time in waiting if time is not None), default=None)

    # -- inside ---------------------------------------------------------------------------------------------------

    def _relays(self) -> list[_Path]:
        return sorted((path for path in self._paths.values() if path.kind == RELAY), key=lambda path: path.rank)

    def _usable(self) -> list[_Path]:
        return [path for path in self._paths.values() if path.open and (path.proven or not path.passive)]

    def _closed(self, path: _Path, reason: str, now: float) -> Effects:
        path.close()
        lost: Effects = []
        if path is self._live:
            self._live = self._doubt_at = None
            if not self._usable():
                lost = [Lost(reason)]
        return [*lost, *self._settle(now)]

    def _use(self, path: _Path, now: float, *, heard: bool) -> Effects:
        self._live = path
        path.proven = heard
        self._doubt_at = None if heard else now + PROOF
        return [Use(path.key, heard)]

    def _settle(self, now: float) -> Effects:
        """Choose the path to use, and connect and leave others as follows from it."""
        best = min(self._usable(), key=_Path.order, default=None)
        used = self._use(best, now, heard=False) if best is not None and best is not self._live else []
        return [*used, *self._staff_relays(now), *self._staff_onions(now), *self._probes()]

    def _probes(self) -> Effects:
        """Greet on what is better than the path in use, once after it was opened."""
        live = self._live
        if live is None or not live.proven:
            return []
        better = [path for path in self._paths.values() if path.rank < live.rank
                  and path.open and not (path.proven or path.passive or path.probed)]
        for path in better:
            path.probed = True
        return [ProbePath(path.key) for path in better]

    def _staff_relays(self, now: float) -> Effects:
        relays = self._relays()
        live = self._live if self._live is not None and self._live.proven else None
        if live is None:
            return self._enter_more(relays, now)
        opened = [path for path in relays if path.open]
        if live.kind == RELAY:
            return self._leave_others([live, *(path for path in opened if path.rank < live.rank)], relays)
        if RELAY not in self._kinds:
            return self._leave_others([], relays)
        return self._leave_others(opened[:1], relays) if opened else self._enter_more(relays, now)

    def _leave_others(self, used: list[_Path], relays: list[_Path]) -> Effects:
        self._stagger_at = None
        if used:
            self._entered = used[0]
        return [effect for path in relays if path.wanted and path not in used for effect in self._leave(path)]

    def _enter_more(self, relays: list[_Path], now: float) -> Effects:
        """Enter the relay that was used last, or the first one, and after each STAGGER one more."""
        missing = [path for path in relays if not path.wanted]
        if missing and (len(missing) == len(relays) or self._due(now)):
            self._entered = self._entered if self._entered in missing else missing[0]
            self._entered.wanted = True
            missing.remove(self._entered)
            self._stagger_at = now + STAGGER if missing else None
            return [ConnectPath(self._entered.key)]
        if missing and self._stagger_at is None:
            self._stagger_at = now + STAGGER
        return []

    def _due(self, now: float) -> bool:
        return self._stagger_at is not None and now >= self._stagger_at

    def _staff_onions(self, now: float) -> Effects:
        """Connect to the other side's onion service, unless it came to a better one."""
        effects: Effects = []
        onions = [path for path in self._paths.values() if path.kind == ONION]
        for path in onions:
            if path.passive:
                continue
            if any(other.proven and other.rank < path.rank for other in onions):
                path.due = None
                effects += self._leave(path) if path.wanted else []
            elif not path.wanted and path.due is None and path.patience:
                path.due = now + path.patience
            elif not path.wanted and (path.due is None or now >= path.due):
                path.due, path.wanted = None, True
                effects.append(ConnectPath(path.key))
        return effects

    def _leave(self, path: _Path) -> Effects:
        path.wanted = False
        path.close()
        return [LeavePath(path.key)]



"""The plug-ins that this daemon may use: bundled ones from a table, others by entry point and only when named.

Before a plug-in is used for the first time it has to provide its interface, state this API version, have a proper
id, version and level, and pass its own self-test [whisperd-plugins(7), LOADING].
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, NamedTuple

from zope.interface import Interface
from zope.interface.verify import verifyObject

from whisperd import __version__
from whisperd.errors import PluginRefused, PluginUnknown
from whisperd.interfaces import API_VERSION, ICodeKeyExchange, IKeyExchange, IRatchet, Level, Random

KEX = "kex"
RATCHET = "ratchet"
#: The interface of each kind of plug-in.
INTERFACES: dict[str, type[Interface]] = {KEX: IKeyExchange, RATCHET: IRatchet}
#: The plug-ins that come with whisperd: what a class path ``module:name`` leads to is called without arguments.
BUNDLED: dict[str, dict[str, str]] = {
    KEX: {
        "pqxdh-25519-mlkem1024-mldsa87": "whisperd_plugins.pqxdh_mldsa87:PqxdhMlkem1024Mldsa87",
        "pqxdh-25519-mlkem1024-falcon1024": "whisperd_plugins.pqxdh_falcon1024:PqxdhMlkem1024Falcon1024",
        "pqxdh-25519-mlkem1024": "whisperd_plugins.pqxdh:PqxdhMlkem1024",
        "cpace-25519": "whisperd_plugins.cpace_exchange:Cpace25519",
        "x3dh-25519": "whisperd_plugins.x3dh:X3dh",
        "p256-simple": "whisperd_plugins.p256_simple:P256Simple",
    },
    RATCHET: {
        "triple-cascade": "whisperd_plugins.cascade:TripleCascade",
        "triple": "whisperd_plugins.triple:Triple",
        "kem-every-turn-cascade": "whisperd_plugins.cascade:KemEveryTurnCascade",
        "kem-every-turn": "whisperd_plugins.kem_every_turn:KemEveryTurn",
        "double-he-cascade": "whisperd_plugins.cascade:DoubleHeaderEncryptedCascade",
        "double-he": "whisperd_plugins.double_he:DoubleHeaderEncrypted",
        "double-cascade": "whisperd_plugins.cascade:DoubleCascade",
        "double": "whisperd_plugins.double:Double",
    },
}
#: What the bundled ones say of themselves, so that the table can say it without importing them: version and level.
STATED: dict[str, tuple[int, Level]] = {
    "pqxdh-25519-mlkem1024-mldsa87": (1, Level.QUANTUM_RESISTANT),
    "pqxdh-25519-mlkem1024-falcon1024": (1, Level.QUANTUM_RESISTANT),
    "pqxdh-25519-mlkem1024": (1, Level.ENHANCED),
    "cpace-25519": (1, Level.ENHANCED),
    "x3dh-25519": (1, Level.STANDARD),
    "p256-simple": (1, Level.STANDARD),
    "triple-cascade": (1, Level.QUANTUM_RESISTANT),
    "triple": (1, Level.QUANTUM_RESISTANT),
    "kem-every-turn-cascade": (1, Level.QUANTUM_RESISTANT),
    "kem-every-turn": (1, Level.QUANTUM_RESISTANT),
    "double-he-cascade": (1, Level.ENHANCED),
    "double-he": (1, Level.ENHANCED),
    "double-cascade": (1, Level.STANDARD),
    "double": (1, Level.STANDARD),
}
#: Which extra of whisperd brings a package that only some bundled plug-ins need, and who needs one.
EXTRAS = {"pqcrypto": "falcon"}
NEEDS = {"pqxdh-25519-mlkem1024-falcon1024": "pqcrypto"}
#: The identity key kinds that a key exchange may ask for.
IDENTITY_KINDS = frozenset({"ed25519", "x25519", "mldsa87", "falcon1024", "p256", "mlkem1024"})

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,47}\Z")


class PluginOffer(NamedTuple):
    """What a handshake says of a plug-in that this side can use."""

    id: str
    version: int
    level: int


@dataclass(frozen=True)
class PluginSource:
    """Where a plug-in comes from: a class path and the distribution that it belongs to."""

    kind: str
    id: str
    target: str
    distribution: str
    bundled: bool = True

    @property
    def module(self) -> str:
        return self.target.partition(":")[0]

    def make(self) -> Any:
        """Import the module and return the plug-in; raises whatever its code raises."""
        made: Any = importlib.import_module(self.module)
        for name in self.target.partition(":")[2].split("."):
            made = getattr(made, name)
        return made()

    def sha256(self) -> str:
        """Return the SHA-256 of the module's source in hexadecimal, or "" when there is no source to be read."""
        try:
            return hashlib.sha256(_source_file(self.module).read_bytes()).hexdigest()
        except (ImportError, OSError, ValueError):
            return ""


class Registry:
    """The plug-ins that were named, loaded and checked, in the order in which they are offered."""

    def __init__(self, allowed: Iterable[str] = (), random: Random = os.urandom) -> None:
        self.random = random
        self._allowed = frozenset(allowed)
        self._sources = {(source.kind, source.id): source for source in _bundled()}
        self._foreign = list(_foreign())
        self._loaded: dict[tuple[str, str], Any] = {}
        self._adopt_foreign()

    @classmethod
    def load(
        cls,
        kex_ids: Iterable[str],
        ratchet_ids: Iterable[str],
        allowed: Iterable[str] = (),
        random: Random = os.urandom,
    ) -> Registry:
        """Return a registry that offers these plug-ins, best first; ``allowed`` names those of other distributions.

        Raises PluginUnknown for an id that nobody provides and PluginRefused for one that must not be used.
        """
        registry = cls(allowed, random)
        for kind, ids in ((KEX, kex_ids), (RATCHET, ratchet_ids)):
            for plugin_id in ids:
                registry.require(kind, plugin_id)
        return registry

    @classmethod
    def preflight(cls, kex_ids: Iterable[str], ratchet_ids: Iterable[str], allowed: Iterable[str] = ()) -> None:
        """Raise what ``load`` does for ids that nobody provides or that are not allowed; no plug-in's code is run."""
        registry = cls(allowed)
        for kind, ids in ((KEX, kex_ids), (RATCHET, ratchet_ids)):
            for plugin_id in ids:
                registry._source(kind, plugin_id)

    def kex(self, plugin_id: str) -> Any:
        """Return the IKeyExchange of this id; raises PluginUnknown when it was not loaded."""
        return self._get(KEX, plugin_id)

    def ratchet(self, plugin_id: str) -> Any:
        """Return the IRatchet of this id; raises PluginUnknown when it was not loaded."""
        return self._get(RATCHET, plugin_id)

    def offers_kex(self) -> list[PluginOffer]:
        """Return the key exchanges that may be used, best first; one that needs a code is not offered without one."""
        return [offer for offer in self._offers(KEX) if not ICodeKeyExchange.providedBy(self.kex(offer.id))]

    def offers_code_kex(self) -> list[PluginOffer]:
        """Return the key exchanges over a code that may be used, best first."""
        return [offer for offer in self._offers(KEX) if ICodeKeyExchange.providedBy(self.kex(offer.id))]

    def offers_ratchet(self) -> list[PluginOffer]:
        """Return the ratchets that may be used, best first."""
        return self._offers(RATCHET)

    def require(self, kind: str, plugin_id: str) -> Any:
        """Load and check a plug-in once, and return it; raises PluginUnknown or PluginRefused."""
        key = (kind, plugin_id)
        if key not in self._loaded:
            self._loaded[key] = checked(self._source(kind, plugin_id))
        return self._loaded[key]

    def _source(self, kind: str, plugin_id: str) -> PluginSource:
        source = self._sources.get((kind, plugin_id))
        if source is None:
            installed = any((found.kind, found.id) == (kind, plugin_id) for found in self._foreign)
            raise _unknown(kind, plugin_id, installed)
        return source

    def table(self) -> list[dict[str, Any]]:
        """Return one row for every plug-in that is there, for ``whisperctl plugins``.

        ``state`` is "loaded" (offered), "available" (bundled or allowed, not configured), "incomplete" (bundled, and an
        extra that brings what it needs is not installed), "not-allowed" (its code was not run) or "shadows" (it has the
        id of a bundled one and is never run).
        """
        rows = [self._row(source, "loaded" if key in self._loaded else _usable(source))
                for key, source in self._sources.items()]
        for source in self._foreign:
            if self._sources.get((source.kind, source.id)) is not source:
                rows.append(self._row(source, "shadows" if _is_bundled(source.id) else "not-allowed"))
        return rows

    def _adopt_foreign(self) -> None:
        for source in self._foreign:
            if source.id not in self._allowed:
                continue
            if _is_bundled(source.id):
                raise PluginRefused(f"{source.distribution} contains a plug-in with the name of a bundled one, "
                                    f"{source.id}",
                                    remedy="Remove the name from peer.plugins, or uninstall that distribution.")
            if (source.kind, source.id) in self._sources:
                raise _two_distributions(source.id)
            self._sources[(source.kind, source.id)] = source

    def _get(self, kind: str, plugin_id: str) -> Any:
        try:
            return self._loaded[(kind, plugin_id)]
        except KeyError:
            raise PluginUnknown(f"the {kind} plug-in {plugin_id} is not loaded") from None

    def _offers(self, kind: str) -> list[PluginOffer]:
        return [PluginOffer(plugin.id, plugin.version, int(plugin.level))
                for (found, _), plugin in self._loaded.items() if found == kind]

    def _row(self, source: PluginSource, state: str) -> dict[str, Any]:
        plugin = self._loaded.get((source.kind, source.id)) if state == "loaded" else None
        stated = STATED[source.id] if source.bundled else (None, None)
        version, level = (plugin.version, plugin.level) if plugin else stated
        return {
            "kind": source.kind,
            "id": source.id,
            "distribution": source.distribution,
            "version": version,
            "api": plugin.api if plugin else API_VERSION if source.bundled else None,
            "level": Level(level).name.lower().replace("_", "-") if level else None,
            "state": state,
            "sha256": source.sha256(),
        }


def checked(source: PluginSource) -> Any:
    """Return the plug-in of ``source`` after every check; raises PluginRefused that says which one failed."""
    plugin = made(source)
    if plugin_fault := fault(plugin, source.kind, source.id):
        raise PluginRefused(f"{source.id} of {source.distribution} {plugin_fault}")
    try:
        plugin.self_test()
    except Exception as error:
        raise PluginRefused(f"{source.id} of {source.distribution} failed its self-test: {error!r}") from error
    return plugin


def made(source: PluginSource) -> Any:
    """Return the plug-in of ``source`` as its code makes it; raises PluginRefused when that fails."""
    try:
        return source.make()
    except Exception as error:
        raise PluginRefused(f"{source.id} of {source.distribution} cannot be imported: {error}",
                            remedy=_missing(error)) from error


def sources(plugin_id: str) -> list[PluginSource]:
    """Return where the plug-ins of this id come from, allowed or not; a bundled one stands before all others.

    Raises PluginUnknown when there is none, and PluginRefused when two distributions bring the same."""
    found = [source for source in _bundled() if source.id == plugin_id] or \
            [source for source in _foreign() if source.id == plugin_id]
    if not found:
        raise PluginUnknown(f"there is no plug-in {plugin_id}")
    if len({source.kind for source in found}) < len(found):
        raise _two_distributions(plugin_id)
    return found


def _missing(error: Exception) -> str | None:
    """Return what to install when a package is missing that an extra of whisperd brings."""
    extra = EXTRAS.get((error.name or "").partition(".")[0]) if isinstance(error, ModuleNotFoundError) else None
    return f"Install its dependencies: pip install 'whisperd[{extra}]'." if extra else None


def fault(plugin: Any, kind: str, plugin_id: str) -> str | None:
    """Return what keeps ``plugin`` from being a plug-in of this kind and id, or None when its face is right."""
    try:
        verifyObject(INTERFACES[kind], plugin)
    except Exception as error:
        return f"does not provide {INTERFACES[kind].__name__}: {error}"
    if plugin.api != API_VERSION:
        return f"was written for API version {plugin.api}, but this is version {API_VERSION}"
    if not isinstance(plugin.id, str) or not _ID.match(plugin.id):
        return "has an id that does not consist of 1 to 48 characters of a-z, 0-9 and '-'"
    if plugin.id != plugin_id:
        return f"says that its id is {plugin.id}"
    if type(plugin.version) is not int or not 1 <= plugin.version <= 255:
        return "has a version that is not a whole number from 1 to 255"
    if plugin.level not in tuple(Level):
        return "states a security level that does not exist"
    if kind == KEX and not set(plugin.identity_kinds) <= IDENTITY_KINDS:
        return "needs a kind of identity key that does not exist"
    return None


def _usable(source: PluginSource) -> str:
    """Return the state of a plug-in that may be used and was not loaded."""
    needed = NEEDS.get(source.id) if source.bundled else None
    return "incomplete" if needed and importlib.util.find_spec(needed) is None else "available"


def _bundled() -> Iterator[PluginSource]:
    for kind, targets in BUNDLED.items():
        for plugin_id, target in targets.items():
            yield PluginSource(kind, plugin_id, target, f"whisperd {__version__}")


def _foreign() -> Iterator[PluginSource]:
    for kind in INTERFACES:
        for entry in importlib.metadata.entry_points(group=f"whisperd.{kind}"):
            name = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "unknown"
            yield PluginSource(kind, entry.name, entry.value, name, bundled=False)


def _source_file(module: str) -> Path:
    """Return where a module's source is, without importing it or the packages that it is in; raises ImportError."""
    top, *inner = module.split(".")
    found = importlib.util.find_spec(top)
    for part in inner:
        if found is None:
            break
        top = f"{top}.{part}"
        found = PathFinder.find_spec(top, found.submodule_search_locations)
    if found is None or found.origin is None:
        raise ImportError(f"there is no module {module}")
    return Path(found.origin)


def _is_bundled(plugin_id: str) -> bool:
    return any(plugin_id in targets for targets in BUNDLED.values())


def _two_distributions(plugin_id: str) -> PluginRefused:
    return PluginRefused(f"two distributions contain a plug-in named {plugin_id}", remedy="Uninstall one of them.")


def _unknown(kind: str, plugin_id: str, installed: bool) -> PluginUnknown:
    if installed:
        return PluginUnknown(f"the {kind} plug-in {plugin_id} is installed but not allowed",
                             remedy="If you trust the distribution that it comes from, add it to peer.plugins.")
    return PluginUnknown(f"there is no {kind} plug-in {plugin_id}")

"""What every handshake of this daemon is made with: the plug-ins, identities and randomness of one process."""

from __future__ import annotations

from dataclasses import dataclass

from whisperd.interfaces import Random
from whisperd.peer.handshake.handshake import Terms
from whisperd.peer.handshake.keys import InviteKeys
from whisperd.peer.handshake.negotiation import check_floor
from whisperd.peer.handshake.plugins import AllPlugins, NewIdentity, Plugins


@dataclass(frozen=True)
class Suites:
    """``plugins`` has the key exchanges and ratchets; ``new_identity(kinds, random)`` makes an IIdentity."""

    plugins: AllPlugins
    new_identity: NewIdentity
    random: Random

    def check_floor(self, floor: int, plugins: Plugins | None = None) -> None:
        """Raise FloorNotMet when the suites here, or those of ``plugins``, cannot reach ``floor``."""
        check_floor(plugins or self.plugins, floor)

    def terms(self, keys: InviteKeys, invite_floor: int, floor: int, plugins: Plugins | None = None) -> Terms:
        """Return what this side brings to one handshake; ``plugins`` are all that there are if not given."""
        return Terms(keys, invite_floor, floor, plugins or self.plugins, self.new_identity, self.random)

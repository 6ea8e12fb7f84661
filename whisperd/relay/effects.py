"""What the rooms decide: values that the caller carries out, in the order in which they come."""

from __future__ import annotations

from collections.abc import Hashable

from msgspec import Struct


class Seated(Struct, frozen=True):
    """``client`` has got this seat, 0 or 1; ``peer`` says whether the other seat has a live connection."""

    client: Hashable
    seat: int
    peer: bool


class Paired(Struct, frozen=True):
    """Both seats of ``client``'s room have a live connection from now on."""

    client: Hashable


class PartnerGone(Struct, frozen=True):
    """The other seat has no connection any more; ``reason`` is ``left`` (for good) or ``lost``."""

    client: Hashable
    reason: str


class Refuse(Struct, frozen=True):
    """Tell ``client`` of the error ``code``, a key of wire.frames.ERRORS; after a fatal one it has no seat."""

    client: Hashable
    code: str


Effect = Seated | Paired | PartnerGone | Refuse

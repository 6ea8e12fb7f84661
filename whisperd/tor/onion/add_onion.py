"""Publishing over the control connection alone: ADD_ONION and DEL_ONION [control-spec, 3.27, 3.28].

The service lives as long as the connection, and its key is in no file. Tor names no circuits in this way.

A connection over TCP can be dead without tor's knowledge, and then tor holds the service for it and refuses it to the
next one. No other connection may remove it; but tor notices as soon as it has something to say there. Every connection
that publishes hears of descriptors, so one is fetched.
"""

from __future__ import annotations

from whisperd.errors import OnionTaken, TorCommandFailed
from whisperd.tor.control.control_port import TorControl
from whisperd.tor.onion.publication import Publication


class AddOnion:
    """The way that works with every tor that has a control port."""

    tells_circuits = False

    def lost(self, published: set[str], held: set[str]) -> bool:
        """As ``PublicationMethod.lost``: what is added belongs to the connection."""
        return not published <= held

    async def publish(self, control: TorControl, offer: Publication) -> None:
        """As ``PublicationMethod.publish``; raises OnionTaken too: the next attempt may work at once."""
        command, label = add_onion(offer), offer.key.address.removesuffix(".onion")
        try:
            await control.request(command)
        except OnionTaken:
            if not await _accepted(control, f"DEL_ONION {label}"):
                await _accepted(control, f"HSFETCH {label}")
                raise
            await control.request(command)  # it was detached from every connection

    async def remove(self, control: TorControl, address: str, timeout: float) -> None:
        """As ``PublicationMethod.remove``."""
        await control.request(f"DEL_ONION {address.removesuffix('.onion')}", timeout)


async def _accepted(control: TorControl, command: str) -> bool:
    try:
        await control.request(command)
    except TorCommandFailed:
        return False
    return True


def add_onion(offer: Publication) -> str:
    """Return the command for ``offer``."""
    flags = [flag for flag, on in (("V3Auth", offer.clients), ("MaxStreamsCloseCircuit", offer.max_streams)) if on]
    words = ["ADD_ONION", offer.key.text]
    words += [f"Flags={','.join(flags)}"] if flags else []
    words += [f"MaxStreams={offer.max_streams}"] if offer.max_streams else []
    words += ["PoWDefensesEnabled=1"] if offer.pow else []
    words += [f"Port={offer.outside},127.0.0.1:{offer.inside}"]
    return " ".join([*words, *(f"ClientAuthV3={client}" for client in offer.clients)])

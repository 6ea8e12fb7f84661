"""Publishing over the control connection alone: ADD_ONION and DEL_ONION [control-spec, 3.27, 3.28].

The service lives as long as the connection, and its key is in no file. Tor names no circuits in this way.
"""

from __future__ import annotations

from whisperd.tor.control import ControlConnection
from whisperd.tor.offer import Offer


class AddOnion:
    """The way that works with every tor that has a control port."""

    tells_circuits = False

    async def publish(self, control: ControlConnection, offer: Offer) -> None:
        await control.request(add_onion(offer))

    async def remove(self, control: ControlConnection, address: str, timeout: float) -> None:
        await control.request(f"DEL_ONION {address.removesuffix('.onion')}", timeout)


def add_onion(offer: Offer) -> str:
    """Return the command for ``offer``."""
    flags = [flag for flag, on in (("V3Auth", offer.clients), ("MaxStreamsCloseCircuit", offer.max_streams)) if on]
    words = ["ADD_ONION", offer.key.text]
    words += [f"Flags={','.join(flags)}"] if flags else []
    words += [f"MaxStreams={offer.max_streams}"] if offer.max_streams else []
    words += ["PoWDefensesEnabled=1"] if offer.pow else []
    words += [f"Port={offer.outside},127.0.0.1:{offer.inside}"]
    return " ".join([*words, *(f"ClientAuthV3={client}" for client in offer.clients)])

"""The control command that publishes an onion service [control-spec, 3.27]."""

from __future__ import annotations

from collections.abc import Sequence

from whisperd.tor.onionkey import OnionKey


def add_onion(key: OnionKey, outside: int, inside: int, *, clients: Sequence[str] = (), max_streams: int = 0,
              pow: bool = False) -> str:
    """Return ADD_ONION for what listens on 127.0.0.1:``inside``, at port ``outside`` of the address.

    With ``clients`` (public keys in base32) nobody else finds the service. A circuit that opens more than
    ``max_streams`` connections at a time is closed (0: any number). ``pow`` has clients prove work when it is flooded.
    """
    flags = [flag for flag, on in (("V3Auth", clients), ("MaxStreamsCloseCircuit", max_streams)) if on]
    words = ["ADD_ONION", key.text]
    words += [f"Flags={','.join(flags)}"] if flags else []
    words += [f"MaxStreams={max_streams}"] if max_streams else []
    words += ["PoWDefensesEnabled=1"] if pow else []
    words += [f"Port={outside},127.0.0.1:{inside}"]
    return " ".join([*words, *(f"ClientAuthV3={client}" for client in clients)])

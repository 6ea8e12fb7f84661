"""A private Tor network: real tor processes on loopback, without any internet, for rehearsals, the demo and tests."""

from whisperd.tor.testnet.network import ClientNode, Testnet
from whisperd.tor.testnet.state import Status, down, status

__all__ = ["ClientNode", "Status", "Testnet", "down", "status"]

"""A private Tor network: real tor processes on loopback, without any internet, for rehearsals, the demo and tests.

In: a folder and a number of clients. Out: a running Testnet, whose clients have control and SOCKS sockets and whose
network file lets any other tor join; its status; and its end, with nothing left behind.
"""

from whisperd.tor.testnet.network import ClientNode as ClientNode
from whisperd.tor.testnet.network import Testnet as Testnet
from whisperd.tor.testnet.state import Status as Status
from whisperd.tor.testnet.state import down as down
from whisperd.tor.testnet.state import status as status

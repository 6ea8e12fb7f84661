"""The way out: every outgoing connection of the daemon is opened here.

In: the address of an onion service, or of this machine where that is allowed, and a factory. Out: what the factory
built, connected through tor's SOCKS port, or a typed error. No name is ever looked up, and no clearnet address dialled.
"""

from whisperd.tor.dial.dialer import Dialer as Dialer
from whisperd.tor.dial.endpoints import LocalAddress as LocalAddress

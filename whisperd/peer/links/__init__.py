"""How frames come to the other side: over a seat in a relay's room, or over onion services of the two sides.

In: relays and rooms (``Relays``), and frames to send. Out: the one link that a conversation sees, a multipath, which
has others below it and takes the best of them; what it reports, and frames that came in, whose ``Verdict`` it is told.
"""

from whisperd.peer.links.context import LinkContext as LinkContext
from whisperd.peer.links.context import LinkTiming as LinkTiming
from whisperd.peer.links.link import NOT_THEIRS as NOT_THEIRS
from whisperd.peer.links.link import ConversationLink as ConversationLink
from whisperd.peer.links.link import ConversationLinkOwner as ConversationLinkOwner
from whisperd.peer.links.link import Link as Link
from whisperd.peer.links.link import LinkOwner as LinkOwner
from whisperd.peer.links.link import Verdict as Verdict
from whisperd.peer.links.routes import TOKEN_SIZE as TOKEN_SIZE
from whisperd.peer.links.routes import Host as Host
from whisperd.peer.links.routes import Relays as Relays
from whisperd.peer.links.routes import check_access as check_access
from whisperd.peer.links.routes import choose as choose

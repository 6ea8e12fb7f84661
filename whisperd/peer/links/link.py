"""The contract of links: what the owner of a link may ask of it, what it reports, and what the owner says to a frame.

A link carries frames to the other side: unreliable as a whole, ordered while it lives. It owns its sockets.
A conversation sees one link, a multipath, which has others below it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from twisted.internet.defer import Deferred

from whisperd.errors import WhisperdError


def _nothing() -> None:
    """Nothing follows."""


@dataclass(frozen=True)
class Verdict:
    """What a frame showed about who sent it, and what follows from it.

    The link first acts on what was shown, so that an answer goes over the connection that the frame came by, and then
    calls ``proceed``, at once and exactly once.
    """

    #: Whether the frame is authentic: only the other side can have sent it.
    theirs: bool = False
    #: Whether the other side began to use the link that the frame came over.
    greeting: bool = False
    #: Whether it is answered by ``reply``.
    replied: bool = False
    #: Does what follows from the frame.
    proceed: Callable[[], None] = _nothing


#: The verdict on a frame that shows nothing and from which nothing follows.
NOT_THEIRS = Verdict()


class Link(Protocol):
    """Frames in, frames out. It reports to the LinkOwner that it is started with."""

    @property
    def name(self) -> str:
        """The kind of link that 'chat list' shows: relay or onion."""

    @property
    def seated(self) -> bool:
        """Whether a relay has given this side a seat, on a connection that lives."""

    def start(self, owner: LinkOwner, /) -> None:
        """Begin to connect, and keep reconnecting until ``stop``."""

    def send(self, frame: bytes) -> None:
        """Hand over one binary frame; it is dropped while the other side is absent."""

    def rejoin(self, delay: float) -> None:
        """Leave now, and come back after ``delay`` seconds. ``link_down`` is not reported for it."""

    def woke(self) -> None:
        """This machine has slept: find out soon whether the connection still lives."""

    def stop(self, leave: bool = True) -> Deferred[None]:
        """Close; without ``leave`` a relay holds the seat for who comes back with its token.

        Returns a Deferred that fires when the sockets are closed. Nothing is reported after this call."""


class LinkOwner(Protocol):
    """What a link reports to."""

    def link_up(self, link: Link, /) -> None:
        """Both sides are on this link now; frames flow. Reported again when the other side came back anew."""

    def link_down(self, link: Link, reason: str, /) -> None:
        """Frames no longer reach the other side; ``reason`` is a word of whisperctl(1), LINKS."""

    def link_troubled(self, link: Link, error: WhisperdError, /) -> None:
        """The link cannot be made for now, for the reason of ``error``; it goes on trying."""

    def link_failed(self, link: Link, error: WhisperdError, /) -> None:
        """Whoever the link leads to does not let this side in, for the reason of ``error``.

        The link goes on trying until it is stopped, and reports it again: the owner decides what it is worth."""

    def frame_received(self, link: Link, frame: bytes, /) -> Verdict:
        """One binary frame came in; return what it shows."""


class ConversationLink(Protocol):
    """The one link that a conversation sees. It reports to the ConversationLinkOwner that it is started with."""

    @property
    def name(self) -> str:
        """The kind of link that carries the frames: relay or onion."""

    @property
    def seated(self) -> bool:
        """Whether any relay has given this side a seat, on a connection that lives."""

    @property
    def direct(self) -> str:
        """How far a direct link is: a word of whisperctl(1), LINKS."""

    def start(self, owner: ConversationLinkOwner, /) -> None:
        """Begin to connect, and keep reconnecting until ``stop``."""

    def send(self, frame: bytes) -> None:
        """Hand over one binary frame; it is dropped while the other side is absent."""

    def reply(self, frame: bytes) -> None:
        """Hand over one binary frame where the last one came from whose verdict was ``replied``."""

    def rejoin(self, delay: float) -> None:
        """Leave now, and come back after ``delay`` seconds. ``link_down`` is not reported for it."""

    def woke(self) -> None:
        """This machine has slept."""

    def confirmed(self) -> None:
        """The key of the conversation is confirmed, by which the other side can be greeted; said once or more often."""

    def told(self, payload: bytes) -> None:
        """The other side said something of its links. [whisperd-protocol(7), PATHS]"""

    def stop(self, leave: bool = True) -> Deferred[None]:
        """Close, as ``Link.stop`` does."""


class ConversationLinkOwner(Protocol):
    """What the one link of a conversation reports to."""

    def link_up(self, link: ConversationLink, /, heard: bool = False) -> None:
        """Both sides are on this link now; reported again whenever frames go over another connection from now on.

        ``heard`` says that the other side was heard there already."""

    def link_down(self, link: ConversationLink, reason: str, /) -> None:
        """Frames no longer reach the other side; ``reason`` is a word of whisperctl(1), LINKS."""

    def link_troubled(self, link: ConversationLink, error: WhisperdError, /) -> None:
        """No link can be made for now, for the reason of ``error``; it goes on trying."""

    def link_failed(self, link: ConversationLink, error: WhisperdError, /) -> None:
        """No relay lets this side in, for the reason of ``error``; it goes on trying until it is stopped."""

    def frame_received(self, link: ConversationLink, frame: bytes, /) -> Verdict:
        """One binary frame came in; return what it shows."""

    def link_moved(self, name: str) -> None:
        """Frames go over a link of this kind from now on."""

    def greeting(self) -> list[bytes]:
        """Return frames that greet the other side on another link than the one in use."""

    def hold(self, on: bool) -> None:
        """Let texts and files wait for a link that may carry them, or not any more."""

    def tell_of_links(self, payload: bytes) -> None:
        """Tell the other side something of this side's links."""

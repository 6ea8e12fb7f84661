"""The opening handshake of a connection: plain HTTP gets an answer, a WebSocket is let in or told why not.

It is read by ``relay.web`` and not by autobahn, so that plain HTTP gets proper answers, the whole head has one
deadline, and no header and no address is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from whisperd.relay import web
from whisperd.relay.buckets import Scope
from whisperd.relay.fastpath import BINARY, TEXT
from whisperd.relay.lean import LeanProtocol
from whisperd.relay.session import WhisperdSession
from whisperd.relay.wh15p3r import Wh15p3rSession

if TYPE_CHECKING:
    from whisperd.relay.factory import RelayFactory


class OpeningProtocol(LeanProtocol):
    """One connection until it is a WebSocket, or has its answer; a Wire comes of it."""

    factory: RelayFactory

    def processHandshake(self) -> None:
        try:
            head = web.read_head(self.data)
            if head is None:
                return
            wanted = web.upgrade(head)
        except web.HttpRefused as error:
            self._answer(web.refusal(error))
            return
        if wanted is None:
            self._answer(self.factory.page(head))
            return
        source = self.factory.source(self.transport)
        denial = self.factory.relay.limits.connect(source, self.factory.relay.now())
        if denial is not None:
            self._answer(web.denial(503, denial.code, denial.retry_after))
        else:
            self._open(wanted, head.rest, source)

    def handshake_over(self) -> None:
        """Turn a client away that has not sent the whole head of its request in time."""
        if self.state == self.STATE_CONNECTING:
            self.factory.relay.limits.refused["handshake-timeout"] += 1
            self._answer(web.denial(408, "handshake-timeout"))

    def _answer(self, response: bytes) -> None:
        self.transport.write(web.secured(response) if self.factory.secure else response)
        self.wasClean = True
        self.dropConnection(abort=False)

    def _open(self, wanted: web.Upgrade, rest: bytes, source: Scope) -> None:
        dialect = Wh15p3rSession if wanted.subprotocol is None else WhisperdSession
        self.usual = TEXT if wanted.subprotocol is None else BINARY
        self.session = dialect(self.factory.relay, self, source)  # type: ignore[arg-type]
        self.opened(web.switch(wanted), rest)

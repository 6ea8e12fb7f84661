"""What tor reports of the uploads of an onion service's descriptors [control-spec, 4.1.25]."""

from __future__ import annotations


class Uploads:
    """Counts the uploads of one onion service (``address``, with ``.onion``).

    One that worked would do, but a client that asks before the others have worked too may ask the wrong directories
    only, and then does not ask those again for a quarter of an hour.
    """

    def __init__(self, address: str) -> None:
        self.done = 0
        self._label = address.removesuffix(".onion")
        self._under_way = 0

    def hear(self, event: str) -> None:
        """Take the text of one HS_DESC event: ``ACTION ADDRESS AUTH HSDIR …``; those of others change nothing."""
        action, address, *_ = [*event.split(), "", ""]
        if address != self._label:
            return
        if action == "UPLOAD":
            self._under_way += 1
        elif action in ("UPLOADED", "FAILED"):
            self._under_way = max(self._under_way - 1, 0)
            self.done += action == "UPLOADED"

    @property
    def complete(self) -> bool:
        """Whether at least one upload worked and none is under way any more."""
        return self.done > 0 and self._under_way == 0

"""What tor reports of the uploads of an onion service's descriptors [control-spec, 4.1.25]."""

from __future__ import annotations

from collections import Counter


class DescriptorUploads:
    """Counts the uploads of one onion service (``address``, with ``.onion``).

    One that worked would do, but a client that asks before the others have worked too may ask the wrong directories
    only, and then does not ask those again for a quarter of an hour. And there are two descriptors, for two periods of
    time; each goes out when its own introduction points are ready, and which of them a client asks for depends on the
    hour.
    """

    def __init__(self, address: str) -> None:
        self.done = 0
        self._label = address.removesuffix(".onion")
        self._under_way: Counter[str] = Counter()  # to which directories, which a filter may call by one name
        self._waiting: set[str] = set()
        self._refused = self._outdated = 0

    def hear(self, event: str) -> None:
        """Take the text of one HS_DESC event: ``ACTION ADDRESS AUTH HSDIR DESCRIPTOR …``; those of others, and
        of descriptors that are fetched, change nothing."""
        action, address, _, directory, descriptor, *rest = [*event.split(), "", "", "", "", ""]
        if address != self._label:
            return
        if action == "CREATED":
            self._waiting.add(descriptor)
        elif action == "UPLOAD":
            self._under_way[directory] += 1
            self._waiting.discard(descriptor)
        elif action == "UPLOADED" or (action == "FAILED" and directory in self._under_way):
            self._under_way -= Counter([directory])
            self.done += action == "UPLOADED"
            self._refused += action == "FAILED"
            self._outdated += "REASON=UPLOAD_REJECTED" in rest

    @property
    def complete(self) -> bool:
        """Whether at least one upload worked, none is under way any more, and no descriptor waits for its turn."""
        return self.begun and not self._under_way

    @property
    def begun(self) -> bool:
        """Whether at least one upload worked, and uploads of every descriptor have begun."""
        return self.done > 0 and not self._waiting

    @property
    def failed(self) -> bool:
        """Whether every upload failed and none is under way any more; tor does not try again soon."""
        return self._refused > 0 and not self.done and not self._under_way and not self._waiting

    @property
    def outdated(self) -> bool:
        """Whether that was so because directories hold a descriptor that counts as newer: one made by a later clock,
        for the counter in it goes by the time of day [rend-spec-v3, REV-COUNTER-MGMT]."""
        return self.failed and self._outdated > 0

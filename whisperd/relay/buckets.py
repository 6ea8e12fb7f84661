"""The token bucket: how often something may happen, with a burst of it at once."""

from __future__ import annotations

from msgspec import Struct


class TokenBucket(Struct, frozen=True):
    """A rate a second, 0 for none, and how many seconds of it may be used at once.

    What is used up of it stands elsewhere, as one number: the time ``until`` when the rate is used up in advance, 0.0
    for a full bucket. ``n`` of something that may come ``rate`` times a second use up ``n / rate`` seconds, three
    bursts at most; more than that in advance means that the clock has gone back, and the bucket is full.
    """

    rate: float
    burst: float

    def spent(self, until: float, now: float) -> float:
        """Return how many seconds of the rate are used up."""
        ahead = until - now
        return ahead if 0.0 < ahead <= 3 * self.burst else 0.0

    def charge(self, until: float, amount: float, now: float) -> float:
        """Use up ``amount``; return how many seconds are used up then, so that ``until`` is that much after now."""
        if not self.rate:
            return 0.0
        ahead, most = until - now, 3 * self.burst
        return min((ahead if 0.0 < ahead <= most else 0.0) + amount / self.rate, most)

    def wait(self, until: float, now: float) -> float:
        """Return the seconds until one more fits in; 0 when it does now, as it always does into a full bucket."""
        if not self.rate:
            return 0.0
        return max(self.spent(until, now) - max(self.burst - 1 / self.rate, 0.0), 0.0)

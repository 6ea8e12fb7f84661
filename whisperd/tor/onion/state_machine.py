"""The life of an onion service as one table of states. Nothing here talks to tor: ``PublishingSteps`` does.

What is not in the table changes nothing: an event that comes late, from a tor that is gone already, is no error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

ABSENT, ADDING, PUBLISHING, UP, LOST = STATES = ("absent", "adding", "publishing", "up", "lost")

#: There is a tor that reaches its network, and something to publish.
BEGIN = "begin"
#: Tor took the onion service, or did not take it, or the key cannot be used.
ADDED, REFUSED = "added", "refused"
#: Tor uploaded the descriptor to a directory: clients find the service from now on.
UPLOADED = "uploaded"
#: The time that publishing may take is over.
OVERDUE = "overdue"
#: It is to be published anew: nobody gets through, or what tor was told of it has changed.
AGAIN = "again"
#: The connection to tor is gone, and with it the onion service.
TOR_LOST = "tor_lost"
#: The service is not wanted any more.
WITHDRAW = "withdraw"
EVENTS = (BEGIN, ADDED, REFUSED, UPLOADED, OVERDUE, AGAIN, TOR_LOST, WITHDRAW)

#: State and event, and the state that follows. Waiting longer than planned is no reason to begin anew: tor goes on
#: trying to upload by itself, and a new start would throw away the introduction points it has. Only when every upload
#: failed does it not, and AGAIN comes after a pause.
TABLE: dict[tuple[str, str], str] = {
    (ABSENT, BEGIN): ADDING,
    (ADDING, ADDED): PUBLISHING,
    (ADDING, REFUSED): LOST,
    (ADDING, TOR_LOST): LOST,
    (ADDING, WITHDRAW): ABSENT,
    (PUBLISHING, UPLOADED): UP,
    (PUBLISHING, OVERDUE): PUBLISHING,
    (PUBLISHING, AGAIN): ADDING,
    (PUBLISHING, TOR_LOST): LOST,
    (PUBLISHING, WITHDRAW): ABSENT,
    (UP, AGAIN): ADDING,
    (UP, TOR_LOST): LOST,
    (UP, WITHDRAW): ABSENT,
    (LOST, BEGIN): ADDING,
    (LOST, TOR_LOST): LOST,
    (LOST, WITHDRAW): ABSENT,
}


class PublishingSteps(Protocol):
    """What the machine has done; each returns at once."""

    def entered(self, state: str) -> None:
        """Tell whoever wants to know that the onion service is in ``state`` now."""

    def add(self) -> None:
        """Ask tor to add the onion service; ADDED or REFUSED follows."""

    def renew(self) -> None:
        """Ask tor to remove the onion service and to add it again; ADDED or REFUSED follows."""

    def start_deadline(self) -> None:
        """Have OVERDUE follow unless the descriptor is uploaded in time."""

    def report_overdue(self) -> None:
        """Report that publishing takes too long."""

    def note_upload(self) -> None:
        """Note the time, forget the errors, answer whoever waits for the address."""

    def retry_later(self) -> None:
        """Have BEGIN follow after a pause."""

    def cancel_timers(self) -> None:
        """Call off the deadline and the pause."""

    def forget(self) -> None:
        """Forget what is published; who withdraws it asks tor to remove it."""


def steps_of(steps: PublishingSteps) -> dict[tuple[str, str], tuple[Callable[[], None], ...]]:
    """Return what is done, in order, at each change of the TABLE that has something done."""
    withdrawn = (steps.cancel_timers, steps.forget)
    return {
        (ABSENT, BEGIN): (steps.add,),
        (ADDING, ADDED): (steps.start_deadline,),
        (ADDING, REFUSED): (steps.retry_later,),
        (PUBLISHING, UPLOADED): (steps.cancel_timers, steps.note_upload),
        (PUBLISHING, OVERDUE): (steps.report_overdue,),
        (PUBLISHING, AGAIN): (steps.cancel_timers, steps.renew),
        (PUBLISHING, TOR_LOST): (steps.cancel_timers,),
        (UP, AGAIN): (steps.cancel_timers, steps.renew),
        (LOST, BEGIN): (steps.cancel_timers, steps.add),
        (LOST, TOR_LOST): (steps.cancel_timers,),
        **{(state, WITHDRAW): withdrawn for state in (ADDING, PUBLISHING, UP, LOST)},
    }


class OnionLife:
    """One onion service, in the state ``absent`` at first; every change of its ``state`` is one of the TABLE."""

    def __init__(self, steps: PublishingSteps) -> None:
        self.state = ABSENT
        self._entered = steps.entered
        self._steps = steps_of(steps)

    def happen(self, event: str) -> None:
        """Go on as the TABLE says, and have done what belongs to it."""
        change = (self.state, event)
        if change not in TABLE:
            return
        before, self.state = self.state, TABLE[change]
        if self.state != before:
            self._entered(self.state)
        for step in self._steps.get(change, ()):
            step()

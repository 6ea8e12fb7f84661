"""The life of an onion service as one table of states. Nothing here talks to tor: ``Hands`` does.

What is not in the table changes nothing: an event that comes late, from a tor that is gone already, is no error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from automat import TypeMachineBuilder


class Onion(Protocol):
    """What can happen to an onion service."""

    def begin(self) -> None:
        """There is a tor that reaches its network, and something to publish."""

    def added(self) -> None:
        """Tor took the onion service."""

    def refused(self) -> None:
        """Tor did not take it, or the key cannot be used."""

    def uploaded(self) -> None:
        """Tor uploaded the descriptor to a directory: clients find the service from now on."""

    def overdue(self) -> None:
        """The time that publishing may take is over."""

    def again(self) -> None:
        """It is to be published anew: nobody gets through, or what tor was told of it has changed."""

    def tor_lost(self) -> None:
        """The connection to tor is gone, and with it the onion service."""

    def withdraw(self) -> None:
        """The service is not wanted any more."""


class Hands(Protocol):
    """What the machine has done; each returns at once."""

    def entered(self, state: str) -> None:
        """Tell whoever wants to know that the onion service is in ``state`` now."""

    def add(self) -> None:
        """Ask tor to add the onion service; ``added`` or ``refused`` follows."""

    def renew(self) -> None:
        """Ask tor to remove the onion service and to add it again; ``added`` or ``refused`` follows."""

    def start_deadline(self) -> None:
        """Have ``overdue`` follow unless the descriptor is uploaded in time."""

    def complain(self) -> None:
        """Report that publishing takes too long."""

    def rejoice(self) -> None:
        """Note the time, forget the errors, answer whoever waits for the address."""

    def try_later(self) -> None:
        """Have ``begin`` follow after a pause."""

    def forget_timers(self) -> None:
        """Call off the deadline and the pause."""

    def remove(self) -> None:
        """Ask tor to remove the onion service, if it is there."""


ABSENT, ADDING, PUBLISHING, UP, LOST = STATES = ("absent", "adding", "publishing", "up", "lost")

#: From, what happened, to, what is done then. Waiting longer than planned is no reason to begin anew: tor goes on
#: trying to upload by itself, and a new start would throw away the introduction points it has. Only when every upload
#: failed does it not, and ``again`` comes after a pause.
TABLE: tuple[tuple[str, Callable[..., None], str, tuple[Callable[..., None], ...]], ...] = (
    (ABSENT, Onion.begin, ADDING, (Hands.add,)),
    (ADDING, Onion.added, PUBLISHING, (Hands.start_deadline,)),
    (ADDING, Onion.refused, LOST, (Hands.try_later,)),
    (ADDING, Onion.tor_lost, LOST, ()),
    (PUBLISHING, Onion.uploaded, UP, (Hands.forget_timers, Hands.rejoice)),
    (PUBLISHING, Onion.overdue, PUBLISHING, (Hands.complain,)),
    (PUBLISHING, Onion.again, ADDING, (Hands.forget_timers, Hands.renew)),
    (PUBLISHING, Onion.tor_lost, LOST, (Hands.forget_timers,)),
    (UP, Onion.again, ADDING, (Hands.forget_timers, Hands.renew)),
    (UP, Onion.tor_lost, LOST, ()),
    (LOST, Onion.begin, ADDING, (Hands.forget_timers, Hands.add)),
    (LOST, Onion.tor_lost, LOST, (Hands.forget_timers,)),
    *((state, Onion.withdraw, ABSENT, (Hands.forget_timers, Hands.remove)) for state in (ADDING, PUBLISHING, UP, LOST)),
)

_INPUTS = (Onion.begin, Onion.added, Onion.refused, Onion.uploaded, Onion.overdue, Onion.again,
           Onion.tor_lost, Onion.withdraw)


@dataclass
class _Life:
    hands: Hands
    state: str = ABSENT

    def enter(self, state: str, steps: tuple[Callable[..., None], ...]) -> None:
        changed, self.state = state != self.state, state
        if changed:
            self.hands.entered(state)
        for step in steps:
            getattr(self.hands, step.__name__)()


def _build() -> Callable[[_Life], Onion]:
    builder = TypeMachineBuilder(Onion, _Life)
    states = {name: builder.state(name) for name in STATES}
    rows = {(source, event): (target, steps) for source, event, target, steps in TABLE}
    for source in STATES:
        for event in _INPUTS:
            if (source, event) in rows:
                target, steps = rows[source, event]
                states[source].upon(event).to(states[target])(_step(target, steps))
            else:
                states[source].upon(event).loop().returns(None)
    return builder.build()


def _step(target: str, steps: tuple[Callable[..., None], ...]) -> Callable[[Onion, _Life], None]:
    def step(onion: Onion, life: _Life) -> None:
        life.enter(target, steps)

    return step


_new_machine = _build()


def new_onion(hands: Hands) -> Onion:
    """Return the machine of one onion service, in the state ``absent``."""
    return _new_machine(_Life(hands))

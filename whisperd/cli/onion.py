"""The verbs around tor and the relay's onion service."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from whisperd.control.client import CALL_SECONDS

if TYPE_CHECKING:
    from whisperd.cli.verbs import Caller


def republish(caller: Caller, wait: float) -> None:
    answer = caller.call("onion.republish", CALL_SECONDS + wait, wait=wait)
    caller.show(answer, [f"the onion service is {caller.paint.state(answer['state'])}"])


def newnym(caller: Caller) -> None:
    caller.show(caller.call("tor.newnym"), ["new circuits from now on; connections that are open keep theirs"])


#: By the verb's words.
VERBS: dict[str, Callable[..., None]] = {
    "onion republish": republish,
    "tor newnym": newnym,
}

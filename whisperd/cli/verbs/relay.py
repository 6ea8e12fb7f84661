"""The verbs of whoever runs a relay: drain and resume, limits, access codes, metrics; and reading the configuration
again."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from whisperd.cli import render
from whisperd.cli.caller import Caller
from whisperd.cli.render import Paint, Row
from whisperd.control.client import CALL_SECONDS
from whisperd.errors import TimedOut


def drain(caller: Caller, stop: bool, wait: float) -> None:
    answer = caller.call("relay.drain", CALL_SECONDS + wait, stop=stop, wait=wait)
    if wait and not answer["drained"]:
        raise TimedOut(f"the relay still has {render.count(answer['rooms'], 'room')}")
    left = "no room is left" if answer["drained"] else f"{render.count(answer['rooms'], 'room')} left"
    caller.show(answer, [f"the relay is draining; {left}"])


def resume(caller: Caller) -> None:
    caller.show(caller.call("relay.resume"), ["the relay opens new rooms again"])


def limits(caller: Caller) -> None:
    answer = caller.call("relay.limits")
    caller.show(answer, _limits(answer, caller.paint))


def _limits(rows: Iterable[Row], paint: Paint) -> list[str]:
    """Return the table of 'whisperctl relay limits'."""
    heads = ("LIMIT", "SCOPE", "MAX", "USED", "REFUSED", "SLOWED")
    return render.table(heads, [(
        row["limit"], row["scope"], str(row["max"]), "-" if row["used"] is None else str(row["used"]),
        str(row["refused"]), str(row["slowed"]),
    ) for row in rows], paint)


def metrics(caller: Caller) -> None:
    answer = caller.call("metrics")
    caller.show(answer, [render.clean(line) for line in answer["text"].splitlines()])


def reload(caller: Caller) -> None:
    answer = caller.call("reload")
    lines = [f"applied now: {', '.join(map(render.clean, answer['changed'])) or 'no changes'}"]
    if answer["restart"]:
        lines.append(f"applied at the next start: {', '.join(map(render.clean, answer['restart']))}")
    caller.show(answer, lines)


def issue(caller: Caller, uses: int, hours: float) -> None:
    answer = caller.call("access.issue", uses=uses, hours=hours)
    lines = [render.clean(answer["code"])]
    if caller.terminal:
        left = render.seconds(answer["expires_in"])
        lines += ["", f"Its id is {render.clean(answer['id'])}. It is valid for {render.count(uses, 'join')} and "
                      f"expires in {left}. It is not shown again."]
        lines += [] if answer["required"] else ["At present the relay accepts everybody, because relay.access is "
                                                "\"open\"."]
    caller.show(answer, lines)


def codes(caller: Caller) -> None:
    answer = caller.call("access.list")
    heads = ("ID", "USES", "LEFT", "EXPIRES IN")
    rows = [(row["id"], str(row["uses"]), str(row["left"]), render.seconds(row["expires_in"])) for row in answer]
    caller.show(answer, render.table(heads, rows, caller.paint) if rows else ["There are no access codes."])


def revoke(caller: Caller, id: str) -> None:
    answer = caller.call("access.revoke", id=id)
    caller.show(answer, [f"the access code {render.clean(id)} is revoked"])


#: By the verb's words.
VERBS: dict[str, Callable[..., None]] = {
    "relay limits": limits,
    "relay drain": drain,
    "relay resume": resume,
    "reload": reload,
    "access issue": issue,
    "access list": codes,
    "access revoke": revoke,
    "metrics": metrics,
}

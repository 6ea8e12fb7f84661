"""What each verb of whisperctl does: one function a verb, called with the parameters of its row in COMMANDS."""

from __future__ import annotations

import time
from collections.abc import Callable

from whisperd.cli import render
from whisperd.cli.caller import Caller
from whisperd.cli.process_end import watched
from whisperd.cli.verbs import chat, contacts, files, log, onion, relay, store
from whisperd.cli.verbs import config as settings
from whisperd.cli.verbs.status import status
from whisperd.control.client import CALL_SECONDS
from whisperd.errors import DaemonUnreachable, OnionNotPublished, TimedOut, WhisperdError

STOP_SECONDS = 60.0
#: As the help of --wait says.
STARTING_SECONDS = 20.0


def address(caller: Caller, wait: float) -> None:
    caller.await_daemon(min(wait, STARTING_SECONDS))
    answer = caller.call("address", CALL_SECONDS + wait, wait=wait)
    if not answer["address"]:
        raise OnionNotPublished(f"the relay has no onion address yet; its onion service is {answer['state']}")
    old = [render.retiring(answer["retiring"])] if answer["retiring"] and caller.terminal else []
    caller.show(answer, [render.clean(answer["address"]), *old])


def plugins(caller: Caller) -> None:
    answer = caller.call("plugins")
    caller.show(answer, render.plugins(answer, caller.paint))


def plugins_check(caller: Caller, id: str, thorough: bool) -> None:
    from whisperd.cli.verbs.plugins_check import Screen, check

    check(id, thorough, None if caller.json else Screen(caller.paint, caller.terminal))


def doctor(caller: Caller, config: str) -> None:
    from whisperd.cli.verbs import doctor as examinations
    from whisperd.config import default_path, load
    from whisperd.config.paths import typed_path

    daemons = load(typed_path(config) if config else default_path())
    try:
        found = Caller(socket=caller.socket or daemons.control.socket).call("status")
    except DaemonUnreachable:
        found = None
    findings = examinations.examine_all(
        daemons, found, lambda finding: None if caller.json else print(examinations.lines(finding, caller.paint)))
    if caller.json:
        print(examinations.as_json(findings))
    if not examinations.healthy(findings):
        raise SystemExit(WhisperdError.exit_status)


def stop(caller: Caller, wait: float) -> None:
    deadline = time.monotonic() + (wait or STOP_SECONDS)
    with caller.client() as client, watched(client.pid) as process:
        client.call("stop")
        try:
            client.wait_closed(deadline - time.monotonic())
            process.wait_ended(deadline - time.monotonic())
        except TimedOut:
            raise TimedOut("the daemon was asked to stop but has not stopped yet") from None
    caller.show({"stopped": True}, ["stopped"])


#: The function of each verb.
VERBS: dict[str, Callable[..., None]] = {
    "status": status, "address": address, "plugins": plugins, "plugins check": plugins_check,
    "doctor": doctor, "stop": stop,
    **chat.VERBS, **contacts.VERBS, **files.VERBS, **relay.VERBS, **onion.VERBS, **settings.VERBS, **log.VERBS,
    **store.VERBS,
}

"""The verbs around tor and the relay's onion service."""

from __future__ import annotations

from collections.abc import Callable

from whisperd.cli import render
from whisperd.cli.caller import Caller
from whisperd.cli.words import line_of_input
from whisperd.control.client import CALL_SECONDS


def republish(caller: Caller, wait: float) -> None:
    answer = caller.call("onion.republish", CALL_SECONDS + wait, wait=wait)
    caller.show(answer, [f"the onion service is {caller.paint.state(answer['state'])}"])


def rotate(caller: Caller, overlap: float, now: bool, wait: float) -> None:
    answer = caller.call("onion.rotate", CALL_SECONDS + wait, overlap=overlap, now=now, wait=wait)
    lines = [render.clean(answer["address"])]
    if caller.terminal:
        fate = f"still answers for {render.seconds(answer['seconds'])}" if answer["seconds"] else "no longer answers"
        lines += ["", f"{render.clean(answer['old'])} {fate}."]
    caller.show(answer, lines)


def retire(caller: Caller) -> None:
    answer = caller.call("onion.retire")
    caller.show(answer, [f"{render.clean(answer['address'])} no longer answers"])


def client_add(caller: Caller, name: str) -> None:
    answer = caller.call("onion.client.add", name=name)
    lines = [render.clean(answer["line"])]
    if caller.terminal:
        lines += ["", "Anybody with this line can reach the relay, so send it to nobody but this client. It is not "
                  "shown again.",
                  "The client runs: whisperctl tor credential add -"]
    caller.show(answer, lines)


def client_list(caller: Caller) -> None:
    answer = caller.call("onion.client.list")
    caller.show(answer, [render.clean(row["name"]) for row in answer] or ["There are no clients, so nobody can reach "
        "the onion service."])


def client_remove(caller: Caller, name: str) -> None:
    answer = caller.call("onion.client.remove", name=name)
    caller.show(answer, [f"{render.clean(answer['name'])} can no longer reach the onion service"])


def credential_add(caller: Caller, line: str) -> None:
    line = line_of_input() if line == "-" else line
    answer = caller.call("tor.credential.add", line=line)
    caller.show(answer, [f"this daemon can reach {render.clean(answer['address'])} until it stops"])


def credential_list(caller: Caller) -> None:
    answer = caller.call("tor.credential.list")
    caller.show(answer, [render.clean(row["address"]) for row in answer] or ["There are no credentials."])


def credential_remove(caller: Caller, address: str) -> None:
    answer = caller.call("tor.credential.remove", address=address)
    caller.show(answer, [f"the credential for {render.clean(answer['address'])} was removed"])


def newnym(caller: Caller) -> None:
    caller.show(caller.call("tor.newnym"), ["new connections use new circuits; open connections are not changed"])


#: By the verb's words.
VERBS: dict[str, Callable[..., None]] = {
    "onion republish": republish,
    "onion rotate": rotate,
    "onion retire": retire,
    "onion client add": client_add,
    "onion client list": client_list,
    "onion client remove": client_remove,
    "tor newnym": newnym,
    "tor credential add": credential_add,
    "tor credential list": credential_list,
    "tor credential remove": credential_remove,
}

"""The verbs of contacts."""

from __future__ import annotations

from collections.abc import Callable

from whisperd.cli import render
from whisperd.cli.caller import Caller


def contact_save(caller: Caller, chat: str, name: str) -> None:
    answer = caller.call("contact.save", chat=chat, name=name)
    caller.show(answer, render.saved(answer, caller.paint))


def contact_list(caller: Caller) -> None:
    answer = caller.call("contact.list")
    caller.show(answer, render.contacts(answer, caller.paint) if answer else ["There are no contacts."])


def contact_remove(caller: Caller, name: str) -> None:
    answer = caller.call("contact.remove", name=name)
    caller.show(answer, [f"{render.clean(name)} is removed"])


def contact_rename(caller: Caller, name: str, new: str) -> None:
    answer = caller.call("contact.rename", name=name, new=new)
    caller.show(answer, [f"{render.clean(name)} is now called {render.clean(answer['contact'])}"])


def contact_listen(caller: Caller, name: str, off: bool) -> None:
    answer = caller.call("contact.listen", name=name, off=off)
    does = "can call now: this daemon listens" if answer["listens"] else "can no longer call"
    caller.show(answer, [f"{render.clean(name)} {does}"])


def contact_block(caller: Caller, name: str) -> None:
    answer = caller.call("contact.block", name=name)
    caller.show(answer, [f"{render.clean(name)} is blocked"])


def contact_unblock(caller: Caller, name: str) -> None:
    answer = caller.call("contact.unblock", name=name)
    caller.show(answer, [f"{render.clean(name)} is no longer blocked"])


#: By the verb's words.
VERBS: dict[str, Callable[..., None]] = {
    "contact save": contact_save, "contact list": contact_list, "contact remove": contact_remove,
    "contact rename": contact_rename, "contact listen": contact_listen, "contact block": contact_block,
    "contact unblock": contact_unblock,
}

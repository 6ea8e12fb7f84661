"""Daemons that belong together, below one folder, and what people do to meet."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, TypeVar

from tests.installed.kit.daemon import Daemon
from tests.installed.kit.installation import Installation
from tests.scratch import new_folder
from whisperd.tor.testnet.ports import free_ports

D = TypeVar("D", bound=Daemon)


class Company:
    """Daemons of one test, or of a module; they are ended with it. The folder is ``below`` that of the run, if nothing
    else is said."""

    def __init__(self, programs: Installation, below: Path | None = None) -> None:
        self.programs = programs
        self.folder = new_folder("company", below)
        self.daemons: list[Daemon] = []

    def daemon(self, name: str, config: str, *, tor: str = 'mode = "off"', **how: Any) -> Daemon:
        """Return a new daemon that has not started."""
        return self.add(Daemon(self.programs, self.folder / name, f"[tor]\n{tor}\n{config}", **how))

    def add(self, daemon: D) -> D:
        """Have a daemon be ended with the others; return it."""
        self.daemons.append(daemon)
        return daemon

    def relay(self, name: str = "relay", more: str = "") -> tuple[Daemon, str]:
        """Return a relay that has started, and its address."""
        port = free_ports(1)[0]
        relay = self.daemon(
            name, f'[relay]\nlisten = ["tcp:{port}:interface=127.0.0.1"]\n{more}[peer]\nenabled = false\n')
        relay.start()
        return relay, f"http://127.0.0.1:{port}"

    def person(self, name: str, url: str, *, sealed: bool = False, history: bool = True, more: str = "",
               **how: Any) -> Daemon:
        """Return somebody's daemon that has not started, with a sealed store if that is wanted, which has the
        ``history`` if that is."""
        store = (f'[store]\nkind = "sealed"\nfile = "{self.folder}/{name}/store/store.db"\nunlock = "credential"\n'
                 f"argon2_memory = 64\nhistory = {str(history).lower()}\n")
        return self.daemon(name, f'[relay]\nenabled = false\n[peer]\nloopback = true\nrelay = "{url}"\n'
                                 + more + (store if sealed else ""), **how)

    def end(self) -> None:
        """Kill what runs, and leave nothing."""
        for daemon in self.daemons:
            daemon.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def meet(anna: Daemon, ben: Daemon) -> tuple[str, str]:
    """Connect two people by an invite; return what each calls the conversation."""
    invite = anna.call("chat.invite")
    chats = invite["chat"], ben.call("chat.join", link=invite["link"])["chat"]
    for person, chat in zip((anna, ben), chats, strict=True):
        person.until_state(chat, "connected")
    return chats


def heard(person: Daemon, chat: str) -> list[str]:
    """Return the texts that somebody got in a conversation."""
    return [row["text"] for row in person.call("chat.history", chat=chat) if row["direction"] == "in"]

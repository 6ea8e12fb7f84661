"""Two people, and programs of one of them that read what the other says."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from tests.cli.terminal import Terminal
from tests.installed.kit import Company, Running, meet
from tests.installed.kit.account import give
from tests.installed.kit.locales import latin_1


class Two:
    """Anna says something in the conversation ``c1``, and Ben reads it or does not: he has a sealed store, which keeps
    no more of what was said than what is unread."""

    def __init__(self, company: Company) -> None:
        self.folder = give(company.folder)
        _, url = company.relay()
        self.anna = company.person("anna", url)
        self.ben = company.person("ben", url, sealed=True, history=False)
        self.anna.start()
        self.ben.start()
        meet(self.anna, self.ben)
        self._said = 0

    def unread(self) -> list[str]:
        """Return the texts that Ben has not read."""
        return [row["text"] for row in self.ben.call("chat.history", chat="c1") if row["unread"]]

    def until_unread(self, *texts: str) -> None:
        """Wait until these are what he has not read."""
        self.ben.wait(lambda: self.unread() == list(texts))

    def restart(self) -> None:
        """Kill Ben's daemon and start it again; what is said before the two are connected waits."""
        self.ben.restart()

    def say(self, more: str = "") -> str:
        """Have Anna say something, and wait until Ben's daemon has it."""
        self._said += 1
        text = f"text {self._said}{more}"
        number = self.anna.call("chat.send", chat="c1", text=text)["id"]
        self.anna.wait(lambda: any(row["id"] == number and row["state"] == "delivered"
                                   for row in self.anna.call("chat.history", chat="c1")))
        return text

    def run(self, *words: str, before: Sequence[str] = (), stdout: Any = subprocess.PIPE,
            **environment: str) -> subprocess.CompletedProcess[bytes]:
        """Run Ben's whisperctl to its end."""
        return self.ben.run(self.ben.words(*words), stdin=subprocess.DEVNULL, before=before, stdout=stdout,
                            environment=environment)

    def watching(self, *words: str, before: Sequence[str] = (), stdout: Any = subprocess.PIPE,
                 **environment: str) -> AbstractContextManager[Running]:
        """Run Ben's 'whisperctl chat watch c1' in the meantime."""
        return self.ben.running("chat", "watch", "c1", *words, before=before, stdout=stdout, environment=environment)

    def opened(self, *words: str, **environment: str) -> AbstractContextManager[Terminal]:
        """Have Ben's 'whisperctl chat open c1' at a terminal in the meantime."""
        return self.ben.terminal("chat", "open", "c1", *words, environment=environment)

    def hook(self, script: str, mode: int = 0o755) -> str:
        """Write a program that is run for what is said."""
        path = self.folder / "hook"
        path.write_text(script)
        return str(give(path, mode))

    def locales(self) -> dict[str, str]:
        """Return the environment in which there is a locale of Latin-1."""
        return latin_1(self.folder)

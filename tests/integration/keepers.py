"""People with sealed stores, whose daemons can be stopped and started again on them."""

from __future__ import annotations

import shutil

from tests.integration.peers import Person
from tests.store.kit import Place
from whisperd.errors import StoreFailed
from whisperd.peer.persistence.entries import Retention
from whisperd.peer.service import Tuning
from whisperd.store.file import places


class Keeper:
    """A person whose daemon has a sealed store, and can be started again on it."""

    def __init__(self, path, *, history: bool = False, history_days: int = 30,
                 tuning: Tuning | None = None) -> None:
        self.place = Place(path)
        self.retention, self.tuning = Retention(history, history_days), tuning
        self.store = None

    def start(self, **settings) -> Person:
        self.store = self.place.open()
        self.person = Person(store=self.store, retention=self.retention, tuning=self.tuning, **settings)
        self.person.service.resume()
        return self.person

    async def stop(self) -> None:
        if self.store is not None:
            await self.person.service.stop()
            self.store.close()
            self.store = None

    async def restart(self) -> Person:
        await self.stop()
        return self.start()

    def copy(self, folder) -> None:
        """Copy the files as they are now; what is open holds no lock on a copy."""
        folder.mkdir(exist_ok=True)
        for path in places(self.place.path):
            if path.exists():
                shutil.copy(path, folder / path.name)

    def put_back(self, folder) -> None:
        for path in places(self.place.path):
            path.unlink(missing_ok=True)
        for path in folder.iterdir():
            shutil.copy(path, self.place.path.parent / path.name)


class Faulty:
    """The disk of one person: from the ``first`` commit on none succeeds, until it is mended."""

    def __init__(self, keeper: Keeper, first: int = 1) -> None:
        self._file = keeper.store._file
        self._run = self._file.run
        self._left = first - 1
        self.failed = 0
        self._file.run = self._fail

    def _fail(self, statement, *values) -> None:
        if statement == "COMMIT":
            if not self._left:
                self.failed += 1
                raise StoreFailed
            self._left -= 1
        self._run(statement, *values)

    def mend(self) -> None:
        self._file.run = self._run


async def say(person, chat, text):
    return (await person.service.messages.send(chat=chat, text=text))["id"]

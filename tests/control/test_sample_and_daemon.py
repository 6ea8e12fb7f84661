"""The daemon that the tests of whisperctl ask answers as the real one does: method by method, every field in it."""

from __future__ import annotations

import inspect
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
import pytest_twisted
from twisted.internet import reactor

from tests.control import real
from tests.control.sample import PASSPHRASE, Serving
from tests.waiting import eventually
from whisperd.config import load
from whisperd.control.answers import RESULTS, decoded
from whisperd.control.commands import FOLLOW, METHODS, SUBSCRIBE
from whisperd.daemon import Daemon
from whisperd.errors import WhisperdError
from whisperd.peer.conversations import Conversations

#: What the control server answers itself.
SERVERS = {SUBSCRIBE, FOLLOW}
#: What a daemon answers only with a tor, or by refusing; the integration tests ask one that has a tor.
NEED_TOR = {name for name in METHODS if name.startswith(("onion.", "tor."))} | {"address"}

#: Where anything may stand: numbers by error codes, and the values of keys.
FREE = (".relay.refused", ".keys[].value", ".changes[].running", ".changes[].file")

Ask = Callable[..., Awaitable[Any]]


def whole(method: str, answer: object) -> object:
    """Return an answer as JSON has it; fails for one with a field too many, too few or of another type."""
    plain: object = msgspec.json.decode(msgspec.json.encode(answer))
    assert msgspec.json.decode(msgspec.json.encode(decoded(method, plain))) == plain, method
    return plain


def shape(value: object) -> object:
    """Return what there is in an answer without its values: names of fields, and the types that they have in JSON."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def differ(ours: object, theirs: object, place: str = "") -> list[str]:
    """Return where two shapes are not the same; null may stand for anything, and an empty list for one with items."""
    if place.endswith(FREE):
        return []
    if isinstance(ours, dict) and isinstance(theirs, dict):
        only = [f"{place}.{name}: in one of them only" for name in sorted(set(ours) ^ set(theirs))]
        return only + [found for name in sorted(set(ours) & set(theirs))
                       for found in differ(ours[name], theirs[name], f"{place}.{name}")]
    if isinstance(ours, list) and isinstance(theirs, list):
        return differ(ours[0], theirs[0], f"{place}[]") if ours and theirs else []
    same = ours == theirs or "NoneType" in (ours, theirs) or {ours, theirs} == {"int", "float"}
    return [] if same else [f"{place}: {ours} and {theirs}"]


class Story:
    """Goes through every method that needs no tor, with a daemon that talks with itself; keeps the answers."""

    def __init__(self, ask: Ask, folder: Path) -> None:
        self._ask = ask
        self._folder = folder
        self.answers: dict[str, Any] = {}

    async def ask(self, method: str, **params: object) -> Any:
        """Ask as the control server does, and return the answer as JSON has it."""
        given = {name: value for name, value in params.items() if name != "file" or not METHODS[method].file}
        answer = whole(method, await self._ask(method, **{**METHODS[method].bind(given), **params}))
        if answer or method not in self.answers:
            self.answers[method] = answer
        return answer

    async def until(self, method: str, condition: Callable[[Any], bool], **params: object) -> Any:
        """Ask again and again until the answer is as it should be."""
        async def look() -> bool:
            return condition(await self.ask(method, **params))

        await eventually(look)
        return self.answers[method]

    async def tell(self) -> None:
        """Ask everything, in an order in which there is something to show."""
        await self.ask("store.status")
        await self.ask("store.unlock", passphrase=PASSPHRASE)
        await self.ask("store.passphrase", old=PASSPHRASE, new=PASSPHRASE)
        code = await self.ask("access.issue", uses=9, hours=1)
        await self.ask("access.list")
        invited = await self.ask("chat.invite", access=code["code"])
        joined = await self.ask("chat.join", link=invited["link"], access=code["code"])
        await self.until("chat.list", lambda rows: all(row["state"] == "connected" for row in rows))
        await self._talk(invited["chat"])
        await self._move_files(invited["chat"])
        await self._meet(invited["chat"], joined["chat"])
        for method in ("chat.list", "status", "relay.limits", "metrics", "plugins", "config.show", "reload",
                       "config.diff", "relay.drain", "relay.resume"):
            await self.ask(method)
        await self.ask("access.revoke", id=code["id"])
        await self.ask("chat.end", chat=invited["chat"])
        await self._leave()

    async def _talk(self, chat: str) -> None:
        await self.ask("chat.find", chat=chat)
        await self.ask("chat.send", chat=chat, text="hello")
        await self.ask("chat.history", chat=chat)
        await self.ask("chat.read", chat=chat, id=1)
        await self.ask("chat.verify", chat=chat)
        await self.ask("chat.timer", chat=chat, time="1h")

    async def _move_files(self, chat: str) -> None:
        for name in ("one", "two"):
            file = real.file(self._folder)
            await self.ask("chat.send-file", chat=chat, name=name, file=file)
            os.close(file)
        rows = await self.until("chat.files", lambda rows: [row["direction"] for row in rows].count("in") == 2, chat="")
        first, second = [row for row in rows if row["direction"] == "in"]
        await self.ask("chat.accept", chat=first["chat"], file=first["file"])
        await self.ask("chat.refuse", chat=second["chat"], file=second["file"])

    async def _meet(self, chat: str, other: str) -> None:
        await self.ask("contact.save", chat=chat, name="ben")
        await self.ask("contact.save", chat=other, name="anna")  # of the real one both sides become one contact
        await self.until("contact.list", lambda rows: all(row["state"] == "connected" for row in rows))
        await self.ask("contact.listen", name="ben")
        await self.ask("chat.call", name="ben")
        await self.ask("contact.rename", name="ben", new="berta")
        await self.ask("contact.rename", name="berta", new="ben")

    async def _leave(self) -> None:
        await self.ask("contact.block", name="ben")
        await self.ask("contact.unblock", name="ben")
        await self.ask("contact.remove", name="ben")
        with (self._folder / "export").open("w+b") as file:
            await self.ask("store.export", file=file.fileno(), passphrase=PASSPHRASE)
        await self.ask("store.lock")
        await self.ask("store.wipe")
        await self.ask("store.unlock", passphrase=PASSPHRASE)
        with (self._folder / "export").open("rb") as file:
            await self.ask("store.import", file=file.fileno(), passphrase=PASSPHRASE)


#: What is not in the story: it needs tor, is the control server's, stops the process, or gives up something halfway.
NOT_TOLD = NEED_TOR | SERVERS | {"stop", "chat.cancel"}


@pytest_twisted.ensureDeferred
async def test_the_sample_daemon_answers_as_the_real_one(tmp_path: Path) -> None:
    told = {}
    for name in ("sample", "real"):
        folder = tmp_path / name
        folder.mkdir()
        async with _daemon(name, folder) as ask:
            story = Story(ask, folder)
            with patch.object(Conversations, "refuse_own"):  # both who meet here are of one daemon
                await story.tell()
        told[name] = story.answers
    assert sorted(told["real"]) == sorted(told["sample"]) == sorted(METHODS.keys() - NOT_TOLD)
    found = [f"{method}{place}" for method in told["real"]
             for place in differ(shape(told["sample"][method]), shape(told["real"][method]))]
    assert found == []


@asynccontextmanager
async def _daemon(name: str, folder: Path) -> AsyncIterator[Ask]:
    """Serve the sample daemon, or the real one, and give what asks it."""
    if name == "sample":
        api = Serving(str(folder / "c.sock"), reactor).api
        api.store = "new"

        async def ask(method: str, **params: object) -> object:
            if method == "chat.join":  # of its conversations each goes its own way
                api.move("c1", "connected")
            elif method == "chat.send-file":
                api.put_file("c2", "in", str(params["name"]), b"content")
            return await api.method(method)(**params)

        yield ask
        return
    daemon = await real.started(folder, reactor, relay__access="code", store__kind="sealed",
                                store__file=str(folder / "store.db"), store__argon2_memory=64)
    try:
        yield lambda method, **params: daemon.api.method(method)(**params)
    finally:
        await daemon.stop()


@pytest.mark.parametrize("method", sorted(NOT_TOLD - SERVERS))
@pytest_twisted.ensureDeferred
async def test_the_sample_daemon_answers_the_rest_in_the_right_form(method: str, tmp_path: Path) -> None:
    api = Serving(str(tmp_path / "c.sock"), reactor).api
    chat = api.add("inviter", "connected")
    number = api.say(chat, "out", "hello", "queued")
    given = {"chat": chat, "id": str(number), "name": "anna", "line": "a" * 100, "address": "a" * 56 + ".onion"}
    params = METHODS[method].bind({param.name: given[param.name] for param in METHODS[method].sent
                                   if param.name in given})
    try:
        answer = await api.method(method)(**params)
    except WhisperdError:
        assert method == "onion.retire"
    else:
        whole(method, answer)


def test_the_sample_daemon_and_the_real_one_take_the_same_parameters(tmp_path: Path) -> None:
    daemon = Daemon(load(overrides={"tor.mode": "off", "relay.listen": ["tcp:0:interface=127.0.0.1"],
                                    "control.socket": str(tmp_path / "c")}), reactor=reactor)
    api = Serving(str(tmp_path / "d"), reactor).api
    for name, command in METHODS.items():
        if name not in SERVERS:
            names = {param.name for param in command.sent} | ({"file"} if command.file else set())
            assert set(inspect.signature(daemon.api.method(name)).parameters) == names, name
            theirs = inspect.signature(api.method(name)).parameters
            assert set(theirs) == names or any(one.kind is one.VAR_KEYWORD for one in theirs.values()), name


def test_every_method_has_an_answer() -> None:
    assert sorted(RESULTS) == sorted(METHODS)

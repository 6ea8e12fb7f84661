"""A small daemon for the tests of the control socket: every method of the table, conversations without a network."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred

from whisperd.config import ControlSection
from whisperd.control.commands import METHODS
from whisperd.control.events import EVENTS, EventBus
from whisperd.control.server import ControlServer
from whisperd.errors import (
    AccessUnknown,
    ContactUnknown,
    ConversationEnded,
    ConversationUnknown,
    FileUnknown,
    InviteExpired,
    OnionNotPublished,
    RotationRefused,
    WrongPassphrase,
    WrongSecret,
)
from whisperd.peer.commands import resolver
from whisperd.peer.contacts.naming import Named
from whisperd.peer.conversation.disappearing import seconds_of

ADDRESS = "a" * 56 + ".onion"
NEXT = "b" * 56 + ".onion"
LINK = f"http://{ADDRESS}/#" + "A" * 56
CODE = "7-abandon-ability-able"
EXPIRED = LINK[:-1] + "E"
WRONG = LINK[:-1] + "W"
PASSPHRASE = "correct horse"
SILENT = LINK[:-1] + "S"


class SampleApi:
    """Answers like the daemon. A link's last letter decides how joining goes; a sent message is delivered at once,
    unless it says 'slow'; 'echo: X' is answered with X."""

    def __init__(self, bus: EventBus) -> None:
        self.bus = bus
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.store = "open"
        self.chats: dict[str, dict[str, Any]] = {}
        self.contacts: dict[str, dict[str, Any]] = {}
        self.said: dict[str, list[dict[str, Any]]] = {}
        self.unread: set[tuple[str, int]] = set()
        self.files: list[dict[str, Any]] = []
        self.contents: list[bytes] = []
        self.address_now: str | None = ADDRESS
        self.waiting: list[Deferred[None]] = []
        self.cancelled = 0
        self.server: ControlServer | None = None
        self.reactor: Any = None
        self.after_invite: Callable[[], None] | None = None

    def method(self, name: str) -> Callable[..., Awaitable[Any]]:
        function: Callable[..., Awaitable[Any]] = getattr(self, METHODS[name].attribute)
        return function

    async def status(self) -> dict[str, Any]:
        states = [chat["state"] for chat in self.chats.values()]
        return {
            "version": "0.1.0", "pid": 4242, "uptime": 3725.0, "roles": {"relay": True, "peer": True},
            "relay": {"rooms": 2, "waiting": 1, "paired": 1, "connections": 3,
                      "listeners": ["tcp:127.0.0.1:8787"], "refused": {"room-full": 2}, "draining": False,
                      "max_connections": 1000, "max_rooms": 500, "access": "open", "limits_hit": [
                          {"limit": "rooms", "scope": "total", "refused": 1, "slowed": 0}]},
            "tor": {"mode": "launch", "state": "up", "percent": 100, "summary": "Done", "version": "0.4.9.11",
                    "error": None, "onion": {"state": "up", "address": ADDRESS, "published_age": 61,
                                              "reached_age": 5, "private": True, "pow": False,
                                              "wanted": True, "probe_interval": 1800, "circuits": False,
                                              "retiring": None}},
            "peer": {"chats": len(states), "connected": states.count("connected"), "listens": 0},
            "confinement": {"sandbox": "prefer", "landlock": 7, "seccomp": ["tracing"], "why": "", "remedy": "",
                            "writable": ["/run/whisperd"],
                            "programs": ["/usr/bin/tor"], "no_new_privileges": True, "no_core_dump": True,
                            "no_tracing": True},
            "store": await self.store_status(),
            "opt_in": [], "socket": "/run/whisperd/control.sock",
        }

    async def address(self, wait: float) -> dict[str, Any]:
        if wait and self.address_now is None:
            raise OnionNotPublished
        url = f"http://{self.address_now}" if self.address_now else None
        return {"address": self.address_now, "url": url, "state": "up" if url else "publishing", "retiring": None}

    async def chat_invite(self, **params: Any) -> dict[str, Any]:
        self.calls.append(("chat.invite", params))
        chat = self.add("inviter", "waiting")
        if self.after_invite is not None:
            self.reactor.callLater(0, self.after_invite)
            self.after_invite = None
        if params.get("code"):
            return {"chat": chat, "code": CODE, "relay": f"http://{ADDRESS}", "expires_at": 1_800_000_000}
        return {"chat": chat, "link": LINK, "expires_at": 1_800_000_000}

    async def chat_join(self, link: str = "", access: str = "", code: str = "", relay: str = "") -> dict[str, Any]:
        self.calls.append(("chat.join", {"link": link, "code": code, "relay": relay}))
        if link == EXPIRED:
            raise InviteExpired
        chat = self.add("joiner", "handshake")
        self.reactor.callLater(0, self._after_join, chat, link)
        return {"chat": chat, "state": "handshake"}

    async def chat_list(self) -> list[dict[str, Any]]:
        return list(self.chats.values())

    def conversation(self, word: str) -> str:
        return resolver.conversation(word, self._all())

    async def chat_find(self, chat: str, text: str, word: str) -> dict[str, Any]:
        found = chat or resolver.only(self._all(), text, word)
        return {"chat": found, "state": self._known(found)["state"], "contact": self.chats[found].get("contact")}

    def _all(self) -> resolver.Known:
        return resolver.Known(
            [resolver.Candidate(chat, row["state"], row.get("contact") or "") for chat, row in self.chats.items()],
            [Named(name, name, blocked=row["state"] == "blocked") for name, row in self.contacts.items()])

    async def chat_send(self, chat: str, text: str) -> dict[str, Any]:
        if self._known(chat)["state"] == "ended":
            raise ConversationEnded
        number = self.say(chat, "out", text, "queued")
        self.bus.emit("message-state", chat=chat, id=number, state="queued")
        if "slow" not in text:
            self.reactor.callLater(0, self.deliver, chat, number, text)
        return {"chat": chat, "id": number, "state": "queued"}

    async def chat_send_file(self, chat: str, name: str, file: int) -> dict[str, Any]:
        self._known(chat)
        return self.put_file(chat, "out", name, os.pread(file, 1 << 20, 0))

    async def chat_accept(self, chat: str, file: str) -> dict[str, Any]:
        self.reactor.callLater(0, self._move_file, self._file(file))
        return self.turn_file(file, "moving")

    async def chat_refuse(self, chat: str, file: str) -> dict[str, Any]:
        return self.turn_file(file, "refused", "refused")

    async def chat_cancel(self, chat: str, id: str) -> dict[str, Any]:
        if id.startswith("f"):
            self.turn_file(id, "cancelled", "cancelled")
        else:
            self.said[chat][int(id) - 1]["state"] = "cancelled"
            self.bus.emit("message-state", chat=chat, id=int(id), state="cancelled")
        return {"chat": chat, "id": id, "state": "cancelled"}

    async def chat_files(self, chat: str) -> list[dict[str, Any]]:
        return [row for row in self.files if chat in ("", row["chat"])]

    async def chat_timer(self, chat: str, time: str) -> dict[str, Any]:
        row = self._known(chat)
        self.calls.append(("chat.timer", {"chat": chat, "time": time}))
        if time == "accept":
            row["timer"] = {"seconds": row["timer"]["proposed"], "proposed": None, "by": None}
        elif time:
            row["timer"] = {"seconds": row["timer"]["seconds"], "proposed": seconds_of(time), "by": "us"}
        if time:
            self.bus.emit("chat-timer", chat=chat, **row["timer"])
        return {"chat": chat, **row["timer"]}

    async def chat_history(self, chat: str, after: int) -> list[dict[str, Any]]:
        self._known(chat)
        self.calls.append(("chat.history", {"after": after}))
        return [{**row, "unread": (chat, row["id"]) in self.unread} for row in self.said[chat] if row["id"] > after]

    async def chat_read(self, chat: str, id: int, after: int) -> dict[str, Any]:
        self._known(chat)
        self.calls.append(("chat.read", {"chat": chat, "id": id, "after": after}))
        self.unread -= {(chat, number) for number in range(after + 1, id + 1)}
        return {"chat": chat, "unread": sum(of == chat for of, _ in self.unread)}

    async def chat_call(self, name: str) -> dict[str, Any]:
        if name not in self.contacts:
            raise ContactUnknown
        chat = self.add("joiner", "handshake")
        self.chats[chat]["contact"] = name
        self.reactor.callLater(0, self._after_join, chat, LINK)
        return {"chat": chat, "state": "handshake"}

    async def contact_save(self, chat: str, name: str) -> dict[str, Any]:
        self._known(chat)["contact"] = name
        self.contacts[name] = {"contact": name, "relays": [ADDRESS], "level": "enhanced", "verified": True,
                               "listens": False, "state": "connected", "chat": chat}
        state = "offered" if name == "shy" else "saved"
        self.bus.emit("contact-state", contact=name, state=state, chat=chat)
        return {"contact": name, "chat": chat, "state": state}

    async def contact_list(self) -> list[dict[str, Any]]:
        return list(self.contacts.values())

    async def contact_remove(self, name: str) -> dict[str, Any]:
        self.contacts.pop(name)
        return {"contact": name, "removed": True}

    async def contact_rename(self, name: str, new: str) -> dict[str, Any]:
        self.contacts[new] = self.contacts.pop(name) | {"contact": new}
        return {"contact": new}

    async def contact_listen(self, name: str, off: bool) -> dict[str, Any]:
        self.contacts[name]["listens"] = not off
        return {"contact": name, "listens": not off}

    async def contact_block(self, name: str) -> dict[str, Any]:
        self.contacts[name] |= {"state": "blocked", "chat": None}
        return {"contact": name, "blocked": True}

    async def contact_unblock(self, name: str) -> dict[str, Any]:
        self.contacts[name]["state"] = "saved"
        return {"contact": name, "blocked": False}

    async def chat_verify(self, chat: str, confirm: bool, require: bool) -> dict[str, Any]:
        self.calls.append(("chat.verify", {"chat": chat, "confirm": confirm, "require": require}))
        row = self._known(chat)
        row["verified"] = row["verified"] or confirm
        words = ["abandon", "ability", "able", "about", "above", "absent"]
        return {"chat": chat, "words": words, "number": "12345 " * 11 + "12345", "verified": row["verified"],
                "level": "enhanced", "contact": row["contact"], "require_verify": require}

    async def chat_end(self, chat: str) -> dict[str, Any]:
        self.move(chat, "ended", "ended-here")
        return {"chat": chat, "state": "ended"}

    async def onion_republish(self, wait: float) -> dict[str, Any]:
        return {"address": ADDRESS, "state": "up" if wait else "adding"}

    async def onion_rotate(self, overlap: float, now: bool, wait: float) -> dict[str, Any]:
        self.calls.append(("onion.rotate", {"overlap": overlap, "now": now, "wait": wait}))
        return {"address": NEXT, "old": ADDRESS, "seconds": 0 if now else round(3600 * (overlap or 12)),
                "url": f"http://{NEXT}", "state": "publishing"}

    async def onion_retire(self) -> dict[str, Any]:
        raise RotationRefused("there is no old address to retire")

    async def onion_client_add(self, name: str) -> dict[str, Any]:
        return {"name": name, "address": ADDRESS, "line": f"{ADDRESS[:56]}:descriptor:x25519:{'A' * 52}"}

    async def onion_client_list(self) -> list[dict[str, Any]]:
        return [{"name": "anna"}]

    async def onion_client_remove(self, name: str) -> dict[str, Any]:
        return {"name": name, "removed": True}

    async def tor_credential_add(self, line: str) -> dict[str, Any]:
        return {"address": f"{line[:56]}.onion"}

    async def tor_credential_list(self) -> list[dict[str, Any]]:
        return [{"address": ADDRESS}]

    async def tor_credential_remove(self, address: str) -> dict[str, Any]:
        return {"address": address, "removed": True}

    async def tor_newnym(self) -> dict[str, Any]:
        return {"newnym": True}

    async def relay_limits(self) -> list[dict[str, Any]]:
        return [{"limit": "rooms", "scope": "total", "max": 500, "used": 2, "refused": 1, "slowed": 0},
                {"limit": "join_rate", "scope": "circuit", "max": 25, "used": None, "refused": 0, "slowed": 0}]

    async def relay_drain(self, stop: bool, wait: float) -> dict[str, Any]:
        self.calls.append(("relay.drain", {"stop": stop, "wait": wait}))
        return {"draining": True, "drained": False, "rooms": 2, "stop": stop}

    async def relay_resume(self) -> dict[str, Any]:
        return {"draining": False}

    async def access_issue(self, uses: int, hours: float) -> dict[str, Any]:
        self.calls.append(("access.issue", {"uses": uses, "hours": hours}))
        return {"code": "K7QM-2XWP-9ABC", "id": "0badcafe", "uses": uses, "left": uses,
                "expires_in": round(hours * 3_600), "required": True}

    async def access_list(self) -> list[dict[str, Any]]:
        return [{"id": "0badcafe", "uses": 3, "left": 2, "expires_in": 3_725}]

    async def access_revoke(self, id: str) -> dict[str, Any]:
        if id != "0badcafe":
            raise AccessUnknown
        return {"id": id, "revoked": True}

    async def metrics(self) -> dict[str, Any]:
        return {"text": "# TYPE whisperd_relay_connections gauge\nwhisperd_relay_connections 3\n"}

    async def reload(self) -> dict[str, Any]:
        return {"changed": ["relay.max_rooms"], "restart": ["relay.listen"]}

    async def config_show(self) -> dict[str, Any]:
        return {"source": "/etc/whisperd/whisperd.toml", "keys": [
            {"key": "relay.max_rooms", "value": 5, "origin": "file"},
            {"key": "tor.password", "value": "(set)", "origin": "file"},
            {"key": "tor.mode", "value": "launch", "origin": "default"}]}

    async def config_diff(self) -> dict[str, Any]:
        return {"source": "/etc/whisperd/whisperd.toml", "changes": [
            {"key": "relay.max_rooms", "running": 5, "file": 6, "needs": "reload"},
            {"key": "relay.listen", "running": ["tcp:1"], "file": ["tcp:2"], "needs": "restart"}]}

    async def store_status(self) -> dict[str, Any]:
        return {"kind": "sealed", "state": self.store, "file": "/var/lib/whisperd/store/store.db", "size": 40_960,
                "records": 12 if self.store == "open" else 0, "unlock": "passphrase", "history": True,
                "history_days": 30, "trouble": None, "argon2": {"memory": 256, "passes": 3, "lanes": 4}}

    async def store_unlock(self, passphrase: str) -> dict[str, Any]:
        self.calls.append(("store.unlock", {"passphrase": passphrase}))
        if passphrase != PASSPHRASE:
            raise WrongPassphrase
        return await self._turn_store("open")

    async def store_lock(self) -> dict[str, Any]:
        return await self._turn_store("locked")

    async def store_passphrase(self, old: str, new: str) -> dict[str, Any]:
        self.calls.append(("store.passphrase", {"old": old, "new": new}))
        return await self.store_status()

    async def store_export(self, file: int, passphrase: str, move: bool) -> dict[str, Any]:
        self.calls.append(("store.export", {"passphrase": passphrase, "move": move}))
        return {"records": 12, "size": os.write(file, b"sealed"), "moved": move}

    async def store_import(self, file: int, passphrase: str) -> dict[str, Any]:
        self.contents.append(os.read(file, 100))
        return {"records": 12}

    async def store_wipe(self) -> dict[str, Any]:
        return await self._turn_store("new")

    async def _turn_store(self, state: str) -> dict[str, Any]:
        self.store = state
        self.bus.emit("store-state", state=state)
        return await self.store_status()

    async def plugins(self) -> list[dict[str, Any]]:
        return [{"kind": "kex", "id": "pqxdh-25519-mlkem1024", "distribution": "whisperd", "version": 1, "api": 1,
                 "level": "enhanced", "state": "ready", "sha256": "ab" * 32}]

    async def stop(self) -> dict[str, Any]:
        assert self.server is not None
        self.reactor.callLater(0, self._stop)
        return {"stopping": True}

    # -- what happens inside -------------------------------------------------------------------------------------

    def add(self, role: str, state: str) -> str:
        chat = f"c{len(self.chats) + 1}"
        self.chats[chat] = {"chat": chat, "role": role, "state": state, "reason": "", "link": "relay", "direct": "off",
                            "level": "enhanced",
                            "suite": {"kex": "pqxdh-25519-mlkem1024", "ratchet": "double-he"}, "verified": False,
                            "queued": 0, "sent": 0, "delivered": 0, "received": 0, "created_age": 5,
                            "contact": None, "require_verify": False, "trouble": None,
                            "timer": {"seconds": 0, "proposed": None, "by": None}}
        self.said[chat] = []
        return chat

    def move(self, chat: str, state: str, reason: str = "") -> None:
        row = self._known(chat)
        row["state"] = state
        self.bus.emit("chat-state", chat=chat, state=state, reason=reason, level=row["level"])

    def say(self, chat: str, direction: str, text: str, state: str) -> int:
        number = len(self.said[chat]) + 1
        self.said[chat].append({"id": number, "direction": direction, "text": text, "state": state, "timer": 0})
        if direction == "in":
            self.unread.add((chat, number))
        self.bus.emit("chat-message", chat=chat, id=number, direction=direction, text=text, timer=0)
        return number

    def put_file(self, chat: str, direction: str, name: str, content: bytes) -> dict[str, Any]:
        self.contents.append(content)
        self.files.append({"chat": chat, "file": f"f{len(self.files) + 1}", "direction": direction, "filename": name,
                           "size": len(content), "state": "offered", "reason": "", "moved": 0, "rate": 0,
                           "remaining": None})
        return self.turn_file(self.files[-1]["file"], "offered")

    def turn_file(self, file: str, state: str, reason: str = "") -> dict[str, Any]:
        row = self._file(file)
        row |= {"state": state, "reason": reason}
        self.bus.emit("file-state", **{name: row[name] for name in EVENTS["file-state"].fields})
        return row

    def move_file(self, file: str, moved: int, rate: int, remaining: float | None) -> None:
        row = self._file(file)
        row |= {"moved": moved, "rate": rate, "remaining": remaining}
        self.bus.emit("file-progress", **{name: row[name] for name in EVENTS["file-progress"].fields})

    def _move_file(self, row: dict[str, Any]) -> None:
        if row["filename"].startswith("slow"):
            self.move_file(row["file"], row["size"] // 2, 1_500_000, 8.0)
        else:
            self.move_file(row["file"], row["size"], 0, None)
            self.turn_file(row["file"], *(("halted", "file-failed") if row["filename"].startswith("full") else
                                          ("done",)))

    def _file(self, file: str) -> dict[str, Any]:
        for row in self.files:
            if row["file"] == file:
                return row
        raise FileUnknown

    def deliver(self, chat: str, number: int, text: str) -> None:
        for state in ("sent", "delivered"):
            self.said[chat][number - 1]["state"] = state
            self.bus.emit("message-state", chat=chat, id=number, state=state)
        if text.startswith("echo: "):
            self.say(chat, "in", text.removeprefix("echo: "), "received")

    def _after_join(self, chat: str, link: str) -> None:
        if link == WRONG:
            error = WrongSecret()
            self.bus.emit("chat-error", chat=chat, code=error.code, message=error.message, remedy=error.remedy)
            self.move(chat, "ended", error.code)
        elif link != SILENT:
            self.move(chat, "connected")

    def _known(self, chat: str) -> dict[str, Any]:
        if chat not in self.chats:
            raise ConversationUnknown
        return self.chats[chat]

    def _stop(self) -> None:
        assert self.server is not None
        self.bus.emit("daemon-stopping")
        Deferred.fromCoroutine(self.server.stop())


class Serving:
    """A SampleApi behind a real ControlServer."""

    def __init__(self, path: str, reactor: Any, group: str = "", admin_group: str = "", **rules: Any) -> None:
        self.path = path
        self.bus = EventBus()
        self.api = SampleApi(self.bus)
        settings = ControlSection(socket=path, group=group, admin_group=admin_group, audit="")
        self.server = ControlServer(self.api, settings, self.bus, reactor, **rules)
        self.api.server = self.server
        self.api.reactor = reactor

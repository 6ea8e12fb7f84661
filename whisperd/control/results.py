"""What the answers of the control socket look like, as far as ``whisperctl`` goes by them. [CONTROL RESULTS]

A daemon of another version may answer otherwise, and so may whatever else listens on the socket: that is found out
where the answer comes in, and not by whoever shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from whisperd.control.events import EVENTS


@dataclass(frozen=True)
class Maybe:
    """Something that may be null."""

    shape: Any


NUMBER = (int, float)
_FILE = {"chat": str, "file": str, "direction": str, "filename": str, "size": NUMBER, "state": str, "reason": str,
         "moved": NUMBER, "rate": NUMBER, "remaining": Maybe(NUMBER)}
_TIMER = {"seconds": NUMBER, "proposed": Maybe(NUMBER), "by": Maybe(str)}
_ERROR = {"message": str, "remedy": str}
_CHAT = {"chat": str, "state": str}
_CONTACT = {"contact": str}
_ADDRESS = {"address": str}
_NAME = {"name": str}
_STORE = {"kind": str, "state": str, "file?": str, "size?": NUMBER, "records?": NUMBER, "history?": bool,
          "history_days?": NUMBER, "argon2?": {"memory": NUMBER, "passes": NUMBER, "lanes": NUMBER},
          "trouble?": Maybe(_ERROR)}
_RETIRING = {"address": str, "state": str, "seconds": NUMBER}
_ONION = {"state": str, "address": Maybe(str), "published_age": Maybe(NUMBER), "reached_age": Maybe(NUMBER),
          "wanted": bool, "probe_interval": NUMBER, "private": Maybe(bool), "circuits": Maybe(bool),
          "retiring": Maybe(_RETIRING)}
_STATUS = {
    "version": str, "pid": NUMBER, "uptime": NUMBER, "roles": dict, "opt_in": [str], "socket": str, "store": _STORE,
    "peer": Maybe({"chats": NUMBER, "connected": NUMBER, "listens?": NUMBER}),
    "relay": Maybe({"rooms": NUMBER, "waiting": NUMBER, "paired": NUMBER, "connections": NUMBER, "listeners": [str],
                    "refused": dict, "draining": bool, "max_connections": NUMBER, "max_rooms": NUMBER,
                    "limits_hit": [{"limit": str, "scope": str, "refused": NUMBER, "slowed": NUMBER}]}),
    "tor": {"mode": str, "state": str, "percent": NUMBER, "summary": str, "version": Maybe(str),
            "error": Maybe(_ERROR), "onion": _ONION},
    "confinement": {"sandbox": str, "landlock": NUMBER, "seccomp": [str], "why": str, "remedy?": str,
                    "writable": [str], "programs": [str], "no_new_privileges": bool, "no_core_dump": bool,
                    "no_tracing": bool},
}

#: By the method. The name of what may be left out ends in "?"; what stands there besides is not looked at.
RESULTS: dict[str, Any] = {
    "status": _STATUS,
    "address": {"address": Maybe(str), "state": str, "retiring": Maybe(_RETIRING)},
    "onion.republish": {"state": str},
    "onion.rotate": {"address": str, "old": str, "seconds": NUMBER},
    "onion.retire": _ADDRESS,
    "onion.client.add": {"name": str, "line": str},
    "onion.client.list": [_NAME],
    "onion.client.remove": _NAME,
    "tor.credential.add": _ADDRESS,
    "tor.credential.list": [_ADDRESS],
    "tor.credential.remove": _ADDRESS,
    "tor.newnym": {"newnym": bool},
    "chat.invite": {"chat": str, "link?": str, "code?": str, "relay?": str, "expires_at": NUMBER},
    "chat.join": _CHAT,
    "chat.list": [_CHAT | {"link": Maybe(str), "level": Maybe(str), "verified": bool, "contact?": Maybe(str),
                           "trouble?": Maybe(str), "timer?": Maybe(_TIMER), "queued": NUMBER, "sent": NUMBER,
                           "delivered": NUMBER, "received": NUMBER, "created_age": NUMBER}],
    "chat.find": _CHAT,
    "chat.send": _CHAT | {"id": int},
    "events.subscribe": {"subscribed": bool},
    "chat.send-file": _FILE,
    "chat.accept": _FILE,
    "chat.refuse": _FILE,
    "chat.cancel": {"chat": str},
    "chat.files": [_FILE],
    "chat.verify": {"chat": str, "words": [str], "number": str, "verified": bool, "level": Maybe(str)},
    "chat.timer": {"chat": str} | _TIMER,
    "chat.call": _CHAT,
    "contact.save": _CONTACT | {"state": str},
    "contact.list": [{"contact": Maybe(str), "relays": [str], "level": Maybe(str), "verified": bool, "listens": bool,
                      "state": str, "chat": Maybe(str)}],
    "contact.remove": _CONTACT,
    "contact.rename": _CONTACT,
    "contact.listen": _CONTACT | {"listens": bool},
    "contact.block": _CONTACT,
    "contact.unblock": _CONTACT,
    "chat.end": _CHAT,
    "chat.history": [{"id": int, "direction": str, "text": str, "state?": str, "unread?": bool}],
    "chat.read": {"chat": str, "unread": NUMBER},
    "relay.limits": [{"limit": str, "scope": str, "most": NUMBER, "used": Maybe(NUMBER), "refused": NUMBER,
                      "slowed": NUMBER}],
    "relay.drain": {"drained": bool, "rooms": NUMBER},
    "relay.resume": {"draining": bool},
    "access.issue": {"code": str, "id": str, "expires_in": NUMBER, "required": bool},
    "access.list": [{"id": str, "uses": NUMBER, "left": NUMBER, "expires_in": NUMBER}],
    "access.revoke": {"id": str},
    "metrics": {"text": str},
    "reload": {"changed": [str], "restart": [str]},
    "log.follow": {"following": bool},
    "config.show": {"source": str, "keys": [{"key": str, "value": object, "origin": str}]},
    "config.diff": {"source": str, "changes": [{"key": str, "running": object, "file": object, "needs": str}]},
    "plugins": [{"kind": str, "id": str, "distribution": str, "version": Maybe(object), "api": Maybe(object),
                 "level": Maybe(str), "state": str, "sha256": Maybe(str)}],
    "store.status": _STORE,
    "store.unlock": _STORE,
    "store.lock": _STORE,
    "store.passphrase": _STORE,
    "store.export": {"records": NUMBER, "size": NUMBER},
    "store.import": {"records": NUMBER},
    "store.wipe": _STORE,
    "stop": {"stopping": bool},
}

#: Fields of events that are no text, by their names.
_FIELDS: dict[str, Any] = {
    "id": int, "seconds": NUMBER, "proposed": Maybe(NUMBER), "by": Maybe(str), "size": NUMBER, "moved": NUMBER,
    "rate": NUMBER, "remaining": Maybe(NUMBER), "fields": dict, "lines": NUMBER, "percent": NUMBER, "timer": NUMBER,
    "level": Maybe(str), "address": Maybe(str), "reason": Maybe(str), "contact": Maybe(str), "link": Maybe(str),
    "summary": Maybe(str),
}


def fits(value: object, shape: Any) -> bool:
    """Return whether a value is of this shape: types, ``Maybe``, a list of one shape, or an object's keys."""
    if isinstance(shape, Maybe):
        return value is None or fits(value, shape.shape)
    if isinstance(shape, list):
        return isinstance(value, list) and all(fits(item, shape[0]) for item in value)
    if isinstance(shape, dict):
        return isinstance(value, dict) and all(
            fits(value[name.rstrip("?")], each) if name.rstrip("?") in value else name.endswith("?")
            for name, each in shape.items())
    return isinstance(value, shape) and not (isinstance(value, bool) and shape in (int, NUMBER))


def is_result(method: str, value: object) -> bool:
    """Return whether this can be the result of a method."""
    return fits(value, RESULTS.get(method, object))


def is_event(value: object) -> bool:
    """Return whether this can be an event; of one that is not known here only its name is looked at."""
    if not isinstance(value, dict) or not isinstance(value.get("event"), str):
        return False
    known = EVENTS.get(value["event"])
    return known is None or fits(value, {name: _FIELDS.get(name, str) for name in known.fields})

"""The answer of each method of the control socket, as a type. [whisperd-protocol(7), CONTROL RESULTS]

A daemon of another version may answer otherwise, and so may whatever else listens on the socket: that is found out
where the answer comes in, and not by whoever shows it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

import msgspec

from whisperd import logs
from whisperd.control.events import EVENTS
from whisperd.wire import chat_results, results
from whisperd.wire.results import ControlResult, Number

ResultT = TypeVar("ResultT", bound=ControlResult)
#: What a method answers, the coroutine function that does, and several of those by the methods' names.
Answer = ControlResult | Sequence[ControlResult]
Method = Callable[..., Awaitable[Answer]]
Methods = Mapping[str, Method]

#: By the method: one Struct, or a list of them.
RESULTS: dict[str, Any] = {
    "status": results.DaemonStatus,
    "address": results.OnionAddress,
    "onion.republish": results.OnionRepublished,
    "onion.rotate": results.OnionRotated,
    "onion.retire": results.OnionRetired,
    "onion.client.add": results.OnionClientAdded,
    "onion.client.list": list[results.OnionClient],
    "onion.client.remove": results.OnionClientRemoved,
    "tor.credential.add": results.CredentialAddress,
    "tor.credential.list": list[results.CredentialAddress],
    "tor.credential.remove": results.CredentialRemoved,
    "tor.newnym": results.NewCircuits,
    "chat.invite": chat_results.Invited,
    "chat.join": chat_results.ChatState,
    "chat.list": list[chat_results.ChatRow],
    "chat.find": chat_results.ChatFound,
    "chat.send": chat_results.MessageAccepted,
    "events.subscribe": results.Subscribed,
    "chat.send-file": chat_results.FileRow,
    "chat.accept": chat_results.FileRow,
    "chat.refuse": chat_results.FileRow,
    "chat.cancel": chat_results.Cancelled,
    "chat.files": list[chat_results.FileRow],
    "chat.verify": chat_results.Verification,
    "chat.timer": chat_results.ChatTimer,
    "chat.call": chat_results.ChatState,
    "contact.save": chat_results.ContactSaved,
    "contact.list": list[chat_results.ContactRow],
    "contact.remove": chat_results.ContactRemoved,
    "contact.rename": chat_results.ContactRenamed,
    "contact.listen": chat_results.ContactListens,
    "contact.block": chat_results.ContactBlocking,
    "contact.unblock": chat_results.ContactBlocking,
    "chat.end": chat_results.ChatState,
    "chat.history": list[chat_results.MessageRow],
    "chat.read": chat_results.Read,
    "relay.limits": list[results.LimitRow],
    "relay.drain": results.Drained,
    "relay.resume": results.Resumed,
    "access.issue": results.AccessIssued,
    "access.list": list[results.AccessRow],
    "access.revoke": results.AccessRevoked,
    "metrics": results.Metrics,
    "reload": results.Reloaded,
    "log.follow": results.FollowingLog,
    "config.show": results.ConfigShown,
    "config.diff": results.ConfigDiff,
    "plugins": list[results.PluginRow],
    "store.status": results.StoreStatus,
    "store.unlock": results.StoreStatus,
    "store.lock": results.StoreStatus,
    "store.passphrase": results.StoreStatus,
    "store.export": results.Exported,
    "store.import": results.Imported,
    "store.wipe": results.StoreStatus,
    "stop": results.Stopping,
}

#: Fields of events that are no text, by their names.
_FIELDS: dict[str, Any] = {
    "id": int, "seconds": Number, "proposed": Number | None, "by": str | None, "size": Number, "moved": Number,
    "rate": Number, "remaining": Number | None, "fields": dict[str, Any], "lines": Number, "percent": Number,
    "timer": Number, "level": str | None, "address": str | None, "reason": str | None, "contact": str | None,
    "link": str | None, "summary": str | None,
}


def made(kind: type[ResultT], row: Mapping[str, object]) -> ResultT:
    """Return what a part of the daemon says as an answer of this kind.

    Anything else is a mistake of that part: a field too many is left out, as ``logs.mistaken`` has it, and for a field
    too few or of another type msgspec.ValidationError is raised.
    """
    if not row.keys() <= set(kind.__struct_fields__):
        logs.mistaken(KeyError(f"{kind.__name__} has no such field"))
    return msgspec.convert(row, kind)


def made_all(kind: type[ResultT], rows: Iterable[Mapping[str, object]]) -> list[ResultT]:
    """Return the same of several."""
    return [made(kind, row) for row in rows]


def decoded(method: str, value: object) -> Answer:
    """Return the result of a method as its Struct, or as a list of them; raises msgspec.ValidationError for what none
    of this version gives, KeyError for a method that is not there."""
    answer: Answer = msgspec.convert(value, RESULTS[method])
    return answer


def is_result(method: str, value: object) -> bool:
    """Return whether this can be the result of a method."""
    try:
        decoded(method, value)
    except msgspec.ValidationError:
        return False
    except KeyError:
        return True
    return True


def is_event(value: object) -> bool:
    """Return whether this can be an event; of one that is not known here only its name is looked at."""
    if not isinstance(value, dict) or not isinstance(value.get("event"), str):
        return False
    if value["event"] not in EVENTS:
        return True
    try:
        msgspec.convert(value, _shape(value["event"]))
    except msgspec.ValidationError:
        return False
    return True


@cache
def _shape(event: str) -> type[msgspec.Struct]:
    """Return the fields of an event with their types."""
    return msgspec.defstruct("Fields", [(name, _FIELDS.get(name, str)) for name in EVENTS[event].fields])

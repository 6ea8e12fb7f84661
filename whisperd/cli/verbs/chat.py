"""The verbs of conversations."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from whisperd.cli import render, timers
from whisperd.cli.caller import Caller, error_of, event_of, history
from whisperd.cli.chat_view.hook import executable, hook_of
from whisperd.cli.chat_view.read_subscription import Reading, acknowledge
from whisperd.cli.verbs.pipe import send_patiently
from whisperd.cli.words import line_of_input, lines_of_input
from whisperd.control.client import CALL_SECONDS, Client
from whisperd.errors import ConversationEnded, DaemonUnreachable, UsageError, WhisperdError

#: Exit statuses of the errors that end a handshake.
_HANDSHAKE = range(20, 30)
#: Seconds that it may take until a relay gave a room for a code.
_CLAIM_SECONDS = 300.0


def chat_invite(caller: Caller, relay: tuple[str, ...], expiry: int, floor: str, access: str, code: bool,
                qr: bool | None, wait: float) -> None:
    with caller.client() as client:
        if wait:
            client.subscribe()
        asked = {"relay": list(relay), "expiry": expiry, "floor": floor, "access": access, "code": code}
        answer = client.call("chat.invite", asked, timeout=_CLAIM_SECONDS if code else CALL_SECONDS)
        _show_invite(caller, answer, code, qr)
        if wait:
            _until_joined(caller, client, answer["chat"], time.monotonic() + wait)


def _show_invite(caller: Caller, answer: dict[str, Any], code: bool, qr: bool | None) -> None:
    lines = [render.clean(answer["code" if code else "link"])]
    if not code and (qr or (qr is None and caller.terminal)):
        lines += ["", render.qr_text(answer["link"], caller.paint, sys.stdout.encoding)]
    if caller.terminal:
        left = render.seconds(max(0, answer["expires_at"] - time.time()))
        where = f" at {render.clean(answer['relay'])}" if code else ""
        lines += ["", f"This is conversation {render.clean(answer['chat'])}. The {'spoken code' if code else 'link'} "
                      f"works once{where}, and expires in {left}."]
    caller.show(answer, lines)


def chat_join(caller: Caller, link: str, access: str, code: str, relay: str, wait: float) -> None:
    if not link and not code:
        raise UsageError("there is neither a link nor a spoken code",
                         remedy="Write the link after 'chat join', or '--code CODE'.")
    link, code = (line_of_input() if given == "-" else given for given in (link, code))
    with caller.client() as client:
        if wait:
            client.subscribe()
        answer = client.call("chat.join", {"link": link, "access": access, "code": code, "relay": relay})
        if wait:
            answer["state"] = _until_connected(client, answer, time.monotonic() + wait)
    words = render.clean(answer["chat"]), caller.paint.state(answer["state"])
    caller.show(answer, ["{} is {}".format(*words)])


def chat_list(caller: Caller) -> None:
    answer = caller.call("chat.list")
    caller.show(answer, render.chats(answer, caller.paint) if answer else ["There are no conversations."])


def chat_find(caller: Caller, chat: str) -> None:
    answer = caller.call("chat.find", chat=chat)
    caller.show(answer, [render.clean(answer["chat"])])


def chat_send(caller: Caller, chat: str, text: tuple[str, ...], wait: float) -> None:
    with caller.client() as client:
        if wait:
            client.subscribe(chat)
        piped = text == ("-",)
        for words in lines_of_input() if piped else [" ".join(text)]:
            answer = send_patiently(caller, client, chat, words) if piped else client.call(
                "chat.send", {"chat": chat, "text": words})
            if wait:
                answer["state"] = _until_delivered(client, answer, time.monotonic() + wait)
            number, state = answer["id"], caller.paint.state(answer["state"])
            caller.show(answer, [f"{render.clean(answer['chat'])} #{number} is {state}"])


def chat_watch(caller: Caller, chat: str, hook: str, peek: bool) -> None:
    notify = hook_of(hook, lambda rows: None if peek else _acknowledge(caller, rows), caller.warn)
    with caller.client() as client:
        reading = Reading(client.call)
        news = notify.happened if notify else (lambda row: None) if peek else reading.shown
        events = client.events(chat)
        rows = [chat] if chat else [row["chat"] for row in client.call("chat.list")]
        seen = set()
        for row in (row for one in rows for row in history(client, one)):
            seen.add(_message_key(row))
            caller.show(row, [render.event(row, caller.paint)])
            if row.get("unread"):
                news(row)
        _acknowledge_if_there(reading)
        for event in events:
            if event["event"] == "chat-message" and _message_key(event) in seen:
                continue
            caller.show(event, [render.event(event, caller.paint)])
            news(event)
            if not client.behind:
                _acknowledge_if_there(reading)
            if event["event"] == "daemon-stopping":
                raise DaemonUnreachable("the daemon stopped", remedy="Start it again with 'whisperd'.")
            if chat and event["event"] == "chat-state" and event["state"] == "ended":
                if notify is not None:
                    notify.finish()
                return


def _acknowledge_if_there(reading: Reading) -> None:
    """Tell the daemon what was shown. If it is gone that stays unread, and what it said last is still to be shown."""
    with suppress(DaemonUnreachable):
        reading.acknowledge()


def _acknowledge(caller: Caller, rows: list[dict[str, Any]]) -> None:
    """Tell the daemon, on a connection of its own, that the hook has run for these rows."""
    with suppress(WhisperdError):  # they stay unread; whoever watches hears of a daemon that is gone
        acknowledge(lambda method, params: caller.call(method, **params), rows)


def chat_open(caller: Caller, chat: str, hook: str) -> None:
    from whisperd.cli.chat_view.terminal import converse

    if hook:
        executable(hook)
    converse(caller.client, chat, caller.paint, hook)


def chat_call(caller: Caller, name: str, wait: float) -> None:
    with caller.client() as client:
        if wait:
            client.subscribe()
        answer = client.call("chat.call", {"name": name})
        if wait:
            deadline = time.monotonic() + wait
            while (state := _until_connected(client, answer, deadline)) != "connected":
                answer = client.call("chat.call", {"name": name})
            answer["state"] = state
    who, chat = render.clean(name), render.clean(answer["chat"])
    caller.show(answer, [f"{who}: {chat} is {caller.paint.state(answer['state'])}"])


def chat_verify(caller: Caller, chat: str, confirm: bool, require: bool) -> None:
    with caller.client() as client:
        answer = client.call("chat.verify", {"chat": chat, "confirm": confirm, "require": require})
        caller.show(answer, render.verification(answer, caller.paint))
        if caller.person and not answer["verified"]:
            question = ("\nCompare them with the other person over a channel where you recognize each other.\n"
                        "Are they the same? [y/N] ")
            if input(question).strip().lower() in ("y", "yes"):
                client.call("chat.verify", {"chat": chat, "confirm": True})
                caller.show(None, [f"{render.clean(chat)} is {caller.paint('verified', 'good')}"])


def chat_timer(caller: Caller, chat: str, time: str) -> None:
    answer = caller.call("chat.timer", chat=chat, time=time)
    caller.show(answer, [f"{render.clean(answer['chat'])}: {timers.line(answer, caller.paint)}"])


def chat_end(caller: Caller, chat: str) -> None:
    answer = caller.call("chat.end", chat=chat)
    caller.show(answer, [f"{render.clean(answer['chat'])} is {caller.paint.state(answer['state'])}"])


def chat_history(caller: Caller, chat: str, after: int, peek: bool) -> None:
    with caller.client() as client:
        reading = Reading(client.call)
        for row in history(client, chat, after):
            caller.show(row, [render.event(row, caller.paint)])
            if not peek:
                reading.shown(row)
        reading.acknowledge()


def chat_read(caller: Caller, chat: str, id: int, after: int) -> None:
    with caller.client() as client:
        answer = client.call("chat.read", {"chat": chat, "id": id, "after": after})
    left = render.count(answer["unread"], "message")
    caller.show(answer, [f"{render.clean(answer['chat'])}: {left} unread"])


def _message_key(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["chat"], row["direction"], row["id"]


def _until_connected(client: Client, answer: dict[str, Any], deadline: float) -> str:
    """Return "connected" as soon as it is so, or the reason when another conversation with the same contact took its
    place; raises the error that ended it, or TimedOut."""
    state, reason, problem = answer["state"], "", None
    while state != "connected":
        if state == "ended":
            if reason == "superseded":
                return reason
            raise problem or ConversationEnded()
        event = event_of(client, answer["chat"], deadline,
                          problem.message if problem else f"{answer['chat']} is not connected yet",
                          "whisperd continues to try. 'whisperctl chat list' shows when it is connected.")
        if event["event"] == "chat-error":
            problem = error_of(event)
            if problem.exit_status in _HANDSHAKE:
                raise problem
        elif event["event"] == "chat-state":
            state, reason = event["state"], event["reason"]
    return "connected"


def _until_joined(caller: Caller, client: Client, chat: str, deadline: float) -> None:
    """Show what goes wrong until the other side is connected; raises the error that ended it, or TimedOut."""
    state, problem = "waiting", None
    while state != "connected":
        if state == "ended":
            raise problem or ConversationEnded()
        event = event_of(client, chat, deadline, f"nobody has joined {chat} yet",
                         "The invite stays open, so do not make another one. 'whisperctl chat list' shows when "
                         "somebody joins.")
        if event["event"] in ("chat-state", "chat-error"):
            caller.show(event, [render.event(event, caller.paint)])
            state = event.get("state", state)
            problem = error_of(event) if event["event"] == "chat-error" else problem


def _until_delivered(client: Client, answer: dict[str, Any], deadline: float) -> str:
    """Return "delivered" as soon as it is so; raises ConversationEnded when it will never be, or TimedOut."""
    state = answer["state"]
    while state != "delivered":
        if state in ("failed", "ended"):
            raise ConversationEnded("the conversation ended before the message was delivered")
        event = event_of(client, answer["chat"], deadline,
                          f"message #{answer['id']} has not been delivered yet",
                          "It stays queued and is delivered when the other side is there, so do not send it again. "
                          "'whisperctl chat history' shows its state.")
        if event["event"] == "chat-state" and event["state"] == "ended":
            state = "ended"
        elif event["event"] == "message-state" and event["id"] == answer["id"]:
            state = event["state"]
    return "delivered"


#: By the verb's words.
VERBS: dict[str, Callable[..., None]] = {
    "chat invite": chat_invite, "chat join": chat_join, "chat list": chat_list, "chat find": chat_find,
    "chat send": chat_send,
    "chat watch": chat_watch, "chat open": chat_open, "chat verify": chat_verify, "chat call": chat_call,
    "chat end": chat_end, "chat timer": chat_timer, "chat history": chat_history, "chat read": chat_read,
}

"""The control server over a real unix socket: what it answers and what it withstands."""

from __future__ import annotations

import json
import os
import socket
from itertools import islice
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred

from tests.control.hands import call, exchange, in_thread, line
from tests.control.sample import Serving
from whisperd.control import connection as limits
from whisperd.control import server as server_limits
from whisperd.control.client import Client
from whisperd.control.commands import FOLLOW, METHODS, SUBSCRIBE
from whisperd.errors import (
    ConversationUnknown,
    TimedOut,
    UsageError,
    WhisperdError,
)
from whisperd.wire import control

# -- answers ---------------------------------------------------------------------------------------------------------


def test_the_sample_daemon_serves_every_row_of_the_table(serving: Serving) -> None:
    for method, command in METHODS.items():
        assert method in (SUBSCRIBE, FOLLOW) or callable(getattr(serving.api, command.attribute))


@pytest_twisted.ensureDeferred
async def test_a_call_is_answered_with_defaults_filled_in(serving: Serving) -> None:
    answer = await in_thread(call, serving.path, "chat.invite", floor="enhanced")
    assert answer["chat"] == "c1"
    assert serving.api.calls == [("chat.invite", {"relay": "", "expiry": 0, "floor": "enhanced", "access": "",
                                                      "code": False})]


@pytest_twisted.ensureDeferred
async def test_the_daemon_s_errors_arrive_as_their_class(serving: Serving) -> None:
    with pytest.raises(ConversationUnknown):
        await in_thread(call, serving.path, "chat.end", chat="c9")


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(("sent", "number", "code"), [
    (line("status", verbose=True), control.INVALID_PARAMS, "usage"),
    (line("chat.send", chat="c1"), control.INVALID_PARAMS, "usage"),
    (line("chat.send", chat=1, text="x"), control.INVALID_PARAMS, "usage"),
    (line("chat.gossip"), control.METHOD_UNKNOWN, "usage"),
    (line("__class__"), control.METHOD_UNKNOWN, "usage"),
    (b"GET / HTTP/1.1\r\n", control.PARSE_ERROR, "usage"),
    (b"\x00\xff\xfe\n", control.PARSE_ERROR, "usage"),
    (b"[" * 5_000 + b"\n", control.PARSE_ERROR, "usage"),
    (b"[" + line("status").strip() + b"]\n", control.INVALID_REQUEST, "usage"),
    (b"x" * (control.MAX_LINE + 1), control.INVALID_REQUEST, "usage"),
    (line("chat.end", chat="c9"), -32055, "chat-unknown"),
])
async def test_whatever_is_wrong_has_its_number(serving: Serving, sent, number, code, log) -> None:
    answer, = await in_thread(exchange, serving.path, sent)
    assert (answer["error"]["code"], answer["error"]["data"]["code"]) == (number, code)
    assert answer["error"]["data"]["remedy"]
    assert log.getvalue() == ""
    assert (await in_thread(call, serving.path, "status"))["pid"] == 4242


@pytest_twisted.ensureDeferred
async def test_garbage_does_not_cost_the_requests_behind_it(serving: Serving) -> None:
    first, second = await in_thread(exchange, serving.path, b"garbage\n" + line("status", 5), 2)
    assert first["error"]["code"] == control.PARSE_ERROR
    assert second["id"] == 5 and second["result"]["pid"] == 4242


@pytest_twisted.ensureDeferred
async def test_a_request_without_id_is_carried_out_and_not_answered(serving: Serving) -> None:
    answer, = await in_thread(exchange, serving.path, line("chat.invite", None) + line("chat.list", 2))
    assert answer["id"] == 2 and len(answer["result"]) == 1


@pytest_twisted.ensureDeferred
async def test_a_bug_is_an_internal_error_without_a_traceback(serving: Serving, log) -> None:
    async def broken() -> None:
        raise RuntimeError("secret text")

    serving.api.plugins = broken
    answer, = await in_thread(exchange, serving.path, line("plugins"))
    assert answer["error"]["code"] == control.INTERNAL_ERROR
    assert answer["error"]["data"]["code"] == "internal"
    assert "secret" not in json.dumps(answer)
    assert "unexpected type=RuntimeError" in log.getvalue() and "secret" not in log.getvalue()


@pytest_twisted.ensureDeferred
async def test_an_answer_that_json_cannot_hold_is_an_internal_error(serving: Serving, log) -> None:
    async def odd() -> object:
        return {"x": object()}

    serving.api.plugins = odd
    with pytest.raises(WhisperdError) as caught:
        await in_thread(call, serving.path, "plugins")
    assert type(caught.value) is WhisperdError
    assert "unexpected" in log.getvalue()


@pytest_twisted.ensureDeferred
async def test_a_history_beyond_one_line_comes_in_pages(serving: Serving) -> None:
    chat = serving.api.add("inviter", "connected")
    for _ in range(300):
        serving.api.say(chat, "in", "x" * 8_000, "received")

    def read_all() -> list[int]:
        found: list[int] = []
        with Client(serving.path) as client:
            while rows := client.call("chat.history", {"chat": chat, "after": found[-1] if found else 0}):
                found += [row["id"] for row in rows]
        return found

    assert await in_thread(read_all) == list(range(1, 301))
    assert len(serving.api.calls) > 2


# -- events ----------------------------------------------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_events_arrive_in_order_and_of_one_conversation_if_asked(serving: Serving) -> None:
    everything, one = await in_thread(lambda: (Client(serving.path), Client(serving.path)))
    all_events = await in_thread(everything.events, timeout=60)
    one_s_events = await in_thread(one.events, "c2", timeout=60)
    for chat in ("c1", "c2"):
        serving.bus.emit("chat-state", chat=chat, state="connected", reason="", level=None)
    serving.bus.emit("daemon-stopping")
    heard = await in_thread(lambda: [next(all_events) for _ in range(3)])
    assert heard[0] == {"event": "chat-state", "chat": "c1", "state": "connected", "reason": "", "level": None}
    assert [event.get("chat") for event in heard] == ["c1", "c2", None]
    assert [event.get("chat") for event in await in_thread(lambda: [next(one_s_events) for _ in range(2)])] == \
        ["c2", None]
    everything.close()
    one.close()


@pytest_twisted.ensureDeferred
async def test_a_notification_has_the_form_that_the_page_shows(serving: Serving) -> None:
    raw = socket.socket(socket.AF_UNIX)
    raw.connect(serving.path)
    lines = raw.makefile("rb")
    raw.sendall(line("events.subscribe", 9, chat="c1"))
    assert json.loads(await in_thread(lines.readline)) == {"jsonrpc": "2.0", "id": 9, "result": {"subscribed": True}}
    serving.bus.emit("message-state", chat="c1", id=3, state="sent")
    assert json.loads(await in_thread(lines.readline)) == {
        "jsonrpc": "2.0", "method": "event",
        "params": {"event": "message-state", "chat": "c1", "id": 3, "state": "sent"}}
    lines.close()
    raw.close()


@pytest_twisted.ensureDeferred
async def test_events_between_a_call_and_its_answer_are_kept(serving: Serving) -> None:
    chat = serving.api.add("inviter", "connected")

    def talk() -> list[str]:
        with Client(serving.path) as client:
            events = client.events(timeout=60)
            client.call("chat.send", {"chat": chat, "text": "hello"})
            return [event["event"] for event in islice(events, 3)]

    assert await in_thread(talk) == ["chat-message", "message-state", "message-state"]


@pytest_twisted.ensureDeferred
async def test_waiting_for_events_ends_after_its_time(serving: Serving) -> None:
    def wait() -> None:
        with Client(serving.path) as client:
            next(client.events(timeout=0.05))

    with pytest.raises(TimedOut):
        await in_thread(wait)


@pytest_twisted.ensureDeferred
async def test_a_reader_that_does_not_read_is_dropped_and_the_others_hear_all(serving: Serving) -> None:
    slow, quick = await in_thread(lambda: (Client(serving.path), Client(serving.path)))
    await in_thread(slow.events)
    events = await in_thread(quick.events, timeout=60)
    closed = next(one.closed for one in serving.server._connections)
    gone: list[bool] = []
    for one in serving.server._connections:
        one.closed.addCallback(lambda _: gone.append(True))
    text, rounds = "x" * 16_000, 0
    while not gone and rounds < 600:
        serving.bus.emit("chat-message", chat="c1", id=rounds, direction="in", text=text, timer=0)
        rounds += 1
        assert (await in_thread(next, events))["id"] == rounds - 1
    assert gone == [True]
    assert limits.MAX_UNSENT < rounds * len(text) < limits.MAX_UNSENT + (2 << 20)
    serving.bus.emit("daemon-stopping")
    assert (await in_thread(next, events))["event"] == "daemon-stopping"
    assert closed is not None
    slow.close()
    quick.close()


# -- limits ----------------------------------------------------------------------------------------------------------


@pytest_twisted.ensureDeferred
async def test_one_client_s_open_requests_are_capped(serving: Serving) -> None:
    open_calls: list[Deferred[None]] = []

    async def address(wait: float) -> dict[str, Any]:
        open_calls.append(Deferred())
        await open_calls[-1]
        return {"address": None, "url": None, "state": "absent"}

    serving.api.address = address
    raw = socket.socket(socket.AF_UNIX)
    raw.settimeout(60)
    raw.connect(serving.path)
    lines = raw.makefile("rb")
    raw.sendall(b"".join(line("address", number) for number in range(limits.MAX_OUTSTANDING + 1)))
    refused = json.loads(await in_thread(lines.readline))
    assert refused["id"] == limits.MAX_OUTSTANDING and refused["error"]["data"]["code"] == "usage"
    open_calls[0].callback(None)
    assert json.loads(await in_thread(lines.readline))["id"] == 0
    raw.sendall(line("status", 99))
    assert json.loads(await in_thread(lines.readline))["id"] == 99
    lines.close()
    raw.close()


@pytest_twisted.ensureDeferred
async def test_what_only_reads_is_given_up_when_its_client_leaves(serving: Serving) -> None:
    started: Deferred[None] = Deferred()
    given_up: Deferred[None] = Deferred()

    async def address(wait: float) -> None:
        started.callback(None)
        await Deferred(lambda cancelled: given_up.callback(None))

    serving.api.address = address
    raw = socket.socket(socket.AF_UNIX)
    raw.connect(serving.path)
    raw.sendall(line("address"))
    await started
    raw.close()
    await given_up


@pytest_twisted.ensureDeferred
async def test_the_connections_of_one_user_are_capped(serving: Serving) -> None:
    def crowd() -> WhisperdError | None:
        clients = [Client(serving.path) for _ in range(server_limits.MAX_CLIENTS)]
        for client in clients:
            client.call("plugins")
        try:
            call(serving.path, "status")
        except UsageError as error:
            return error
        finally:
            for client in clients:
                client.close()
        return None

    error = await in_thread(crowd)
    assert error is not None and "open connections" in error.message


@pytest_twisted.ensureDeferred
async def test_file_descriptors_sent_along_are_closed(serving: Serving) -> None:
    def send_some() -> None:
        with socket.socket(socket.AF_UNIX) as raw:
            raw.connect(serving.path)
            for number in range(20):
                socket.send_fds(raw, [line("status", number)], [0, 1, 2])
                raw.recv(65_536)

    before = len(os.listdir("/proc/self/fd"))
    await in_thread(send_some)
    await in_thread(call, serving.path, "status")
    assert len(os.listdir("/proc/self/fd")) <= before + 3

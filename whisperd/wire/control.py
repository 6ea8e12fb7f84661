"""The control socket's language: JSON-RPC 2.0, one object a line [whisperd-protocol(7), CONTROL].

Requests carry their parameters by name. A request without ``id`` is carried out and not answered. Batches are
refused. A line, its newline included, has at most MAX_LINE bytes in either direction.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec

from whisperd.errors import UsageError, WhisperdError, catalogue

#: Longest line in bytes.
MAX_LINE = 1 << 20

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_UNKNOWN = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603

_SAFE = 2**53 - 1
Id = Annotated[int, msgspec.Meta(ge=-_SAFE, le=_SAFE)] | Annotated[str, msgspec.Meta(max_length=128)] | None


def _misuse(message: str) -> UsageError:
    return UsageError(message, remedy="Send one JSON-RPC 2.0 object per line, as in whisperd-protocol(7), CONTROL.")


class Fault(Exception):
    """A request failed: what the answer says. ``request`` is the id to answer to, None when it is not known."""

    def __init__(self, number: int, error: WhisperdError, request: Id = None) -> None:
        super().__init__(error.message)
        self.number = number
        self.error = error
        self.request = request

    @classmethod
    def of(cls, error: WhisperdError, request: Id = None) -> Fault:
        """Return the fault for an error of the daemon: its number is -32000 less the error's exit status."""
        return cls(-32000 - error.exit_status, error, request)


class LineTooLong(Fault):
    """A line has more than MAX_LINE bytes; nothing behind it can be read."""

    def __init__(self) -> None:
        super().__init__(INVALID_REQUEST, _misuse(f"a line is longer than {MAX_LINE:,} bytes"))


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """A call. ``id`` is UNSET when no answer is wanted."""

    jsonrpc: Literal["2.0"]
    method: Annotated[str, msgspec.Meta(max_length=64)]
    params: dict[str, Any] = {}
    id: Id | msgspec.UnsetType = msgspec.UNSET


class Response(msgspec.Struct, frozen=True):
    """The answer to one request: a result, or the error that it ended with."""

    id: Id
    result: Any = None
    error: WhisperdError | None = None


class _Data(msgspec.Struct, frozen=True):
    code: str = "internal"
    remedy: str = ""


class _ErrorObject(msgspec.Struct, frozen=True):
    code: int
    message: str
    data: _Data = _Data()


class _Incoming(msgspec.Struct, frozen=True):
    """Any line that a server sends."""

    jsonrpc: Literal["2.0"]
    id: Id = None
    result: Any = None
    error: _ErrorObject | None = None
    method: Literal["event"] | None = None
    params: dict[str, Any] = {}


#: Something that happened: the name under "event", and its fields beside it.
Event = dict[str, Any]

_encoder = msgspec.json.Encoder()
_incoming = msgspec.json.Decoder(_Incoming)


class Lines:
    """Cuts a stream into lines; holds at most one unfinished line of MAX_LINE bytes."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield each line that ``data`` completes, without its newline; raises LineTooLong."""
        searched = len(self._rest)
        self._rest += data
        while (end := self._rest.find(b"\n", searched)) >= 0:
            if end >= MAX_LINE:
                raise LineTooLong
            line = bytes(self._rest[:end])
            del self._rest[: end + 1]
            searched = 0
            yield line
        if len(self._rest) >= MAX_LINE:
            raise LineTooLong


def encode_request(request: Id, method: str, params: dict[str, Any]) -> bytes:
    """Return the line of a call; raises LineTooLong."""
    return _line({"jsonrpc": "2.0", "id": request, "method": method, "params": params})


def encode_result(request: Id, result: Any) -> bytes:
    """Return the line of a successful answer; raises LineTooLong."""
    return _line_of_any({"jsonrpc": "2.0", "id": request, "result": result})


def encode_fault(fault: Fault) -> bytes:
    """Return the line of an answer that says what failed."""
    data = {"code": fault.error.code, "remedy": fault.error.remedy}
    problem = {"code": fault.number, "message": fault.error.message, "data": data}
    return _line_of_any({"jsonrpc": "2.0", "id": fault.request, "error": problem})


def encode_event(event: Event) -> bytes:
    """Return the line of a notification; raises LineTooLong."""
    return _line_of_any({"jsonrpc": "2.0", "method": "event", "params": event})


def decode_request(line: bytes) -> Request:
    """Return the call in one line; raises Fault, which says what is wrong with it."""
    try:
        value = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Fault(PARSE_ERROR, _misuse("the line is not JSON in UTF-8")) from None
    if isinstance(value, list):
        raise Fault(INVALID_REQUEST, _misuse("batches are not supported: send one request per line"))
    if isinstance(value, dict) and isinstance(value.get("params"), list):
        raise Fault(INVALID_PARAMS, _misuse("parameters must be given by name, not by position"), _id_of(value))
    try:
        return msgspec.convert(value, Request)
    except msgspec.ValidationError as error:
        problem = _misuse(f"the line is not a JSON-RPC 2.0 request: {error}")
        raise Fault(INVALID_REQUEST, problem, _id_of(value)) from None


def decode_incoming(line: bytes) -> Response | Event:
    """Return what a server said in one line; raises msgspec.DecodeError for anything else."""
    heard = _incoming.decode(line)
    if heard.method is not None:
        return heard.params
    if heard.error is not None:
        return Response(heard.id, error=_revive(heard.error))
    return Response(heard.id, result=heard.result)


def _line(message: dict[str, Any]) -> bytes:
    line = _encoder.encode(message) + b"\n"
    if len(line) > MAX_LINE:
        raise LineTooLong
    return line


def _line_of_any(message: dict[str, Any]) -> bytes:
    """Return the line of what the daemon says: bytes that are not UTF-8, as paths may hold, are shown as escapes."""
    try:
        return _line(message)
    except UnicodeEncodeError:
        return _line(_shown(msgspec.to_builtins(message)))


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_shown(name): _shown(each) for name, each in value.items()}
    return [_shown(each) for each in value] if isinstance(value, list | tuple) else value


def _id_of(value: object) -> Id:
    try:
        return msgspec.convert(value.get("id"), Id) if isinstance(value, dict) else None
    except msgspec.ValidationError:
        return None


def _revive(problem: _ErrorObject) -> WhisperdError:
    kind = catalogue().get(problem.data.code, WhisperdError)
    return kind(problem.message, remedy=problem.data.remedy or None)

"""Which conversation the words of a verb mean: worked out before the verb begins, for every verb that takes one.

The daemon knows the names and resolves them. Here it is only decided which word is the name: with more than one word
it is the first, whatever that says. A conversation is filled in for none, or for a single word that is nobody's name.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from whisperd.cli.caller import Caller
from whisperd.cli.timers import is_time
from whisperd.cli.words import as_text
from whisperd.control.commands import Command, Param
from whisperd.errors import ConversationUnknown, NotText, UsageError

#: Bytes of a message that show with which word it begins.
_BEGINNING = 200
#: Where what stands behind the conversation may be left out: whether a single word is that, and no conversation.
_ALONE: dict[str, Callable[[str], bool]] = {"chat timer": is_time}


def understood(caller: Caller, command: Command, given: dict[str, Any]) -> dict[str, Any]:
    """Return a verb's parameters, with the id of the conversation that is meant where the verb takes one.

    Raises UsageError, NotText, and the errors of chat.find; nothing has been done then.
    """
    chat = next((param for param in command.params if param.conversation), None)
    _check_none_empty(command, given)
    params = _filled_up(command, given)
    params = _as_text(command, params if chat is None else _placed(command, chat, params))
    if chat is None:
        return params
    if params[chat.name] or chat.implied or command.method == "chat.find":
        asked = {"chat": params[chat.name]} if params[chat.name] else _behind(command, chat, params)
        params[chat.name] = _found(caller, command, asked)
    return params


def _filled_up(command: Command, given: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters with the table's default where nothing was given; None of "--this/--not-this" stays."""
    return {param.name: param.default if given[param.name] is None and "/" not in param.option else given[param.name]
            for param in command.params}


def _as_text(command: Command, params: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters with those as text that the daemon is sent."""
    sent = {param.name for param in command.sent}
    return {name: as_text(value) if name in sent else value for name, value in params.items()}


def _found(caller: Caller, command: Command, asked: dict[str, str]) -> str:
    try:
        with caller.client() as client:
            return str(client.call("chat.find", asked)["chat"])
    except ConversationUnknown as error:
        if asked.get("chat") and any(param.many for param in command.params):
            raise ConversationUnknown(error.message, remedy="The first of several words is the name of the "
                              f"conversation. {error.remedy}") from None
        raise


def _check_none_empty(command: Command, given: dict[str, Any]) -> None:
    """Raise UsageError for an empty word: an unset variable of a script must not lead to another conversation or file,
    nor leave a part of a message out."""
    for param in _positional(command):
        value = given[param.name]
        if value == "" or (param.many and "" in value):
            raise UsageError(f"{param.metavar} is empty",
                             remedy="Write something there. In a script, check the variable.")


def _placed(command: Command, chat: Param, params: dict[str, Any]) -> dict[str, Any]:
    """Return the words in their places: a single one may belong behind the conversation."""
    rest = next((param for param in _positional(command) if param is not chat), None)
    if rest is None:
        return params
    word = params[chat.name]
    if word and not params[rest.name] and (rest.required or _ALONE[command.verb](word)):
        params |= {chat.name: "", rest.name: (word,) if rest.many else word}
    if rest.many and not params[chat.name] and params[rest.name] == ("-",):  # its lines may begin with names
        raise UsageError("to send standard input, name the conversation",
                         remedy=f"Write 'whisperctl {command.verb} CHAT -'. To see the names, run 'whisperctl chat "
                         "list'.")
    if rest.required and not params[rest.name]:
        raise UsageError(f"{rest.metavar} is missing", remedy="Write it after the conversation: 'whisperctl "
                         f"{command.verb} CHAT {rest.metavar}'.")
    return params


def _behind(command: Command, chat: Param, params: dict[str, Any]) -> dict[str, str]:
    """Return what stands where the conversation was not named, as chat.find takes it."""
    for param in _positional(command):
        value = params[param.name]
        if param.many:
            return {"text": value[0][:_BEGINNING]}
        if param is not chat and value:
            with suppress(NotText):  # a path may be no text: then it is nobody's name
                return {"word": as_text(value)}
    return {}


def _positional(command: Command) -> list[Param]:
    return [param for param in command.params if not param.option]

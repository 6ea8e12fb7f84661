"""Several conversations in one view of 'whisperctl chat open': one is shown, the others tell that something is new.

What is typed goes to the conversation that the prompt names, which changes by '/go' only; when that conversation ends,
the view does, so that no line goes to somebody else by mistake.
"""

from __future__ import annotations

from typing import Any

from whisperd.cli import render
from whisperd.cli.chat_view.conversation import ConversationView
from whisperd.cli.chat_view.news import NEWS, news
from whisperd.cli.chat_view.read_subscription import Reading, TheirText
from whisperd.cli.render import Paint
from whisperd.control.client import Client
from whisperd.errors import ConversationEnded, DaemonUnreachable, UsageError, WhisperdError


class ConversationViews:
    """What ``ConversationView`` is, for every conversation of the daemon; ``chat`` is the one that is shown first."""

    def __init__(self, client: Client, chat: str, paint: Paint) -> None:
        self._client = client
        self._reading = Reading(client.call)
        self._paint = paint
        self._views = {chat: ConversationView(client, chat, paint)}
        self._current = self._views[chat]
        self._new: dict[str, int] = {}

    @property
    def finished(self) -> bool:
        return self._current.finished

    @property
    def problem(self) -> WhisperdError | None:
        return self._current.problem

    @property
    def draft(self) -> str:
        return self._current.draft

    @property
    def prompt(self) -> str:
        """What stands before the line that is typed: whom it goes to."""
        return f"{render.clean(self._current.name)}> "

    def begin(self) -> list[str]:
        """Return what was said before (blocking)."""
        return self._current.begin()

    def refreshed(self) -> list[str]:
        """Refresh after something changed (blocking)."""
        return self._current.refreshed()

    def lost(self, error: WhisperdError) -> list[str]:
        """The daemon is gone: nothing more can happen."""
        return self._current.lost(error)

    def typed(self, line: str) -> list[str]:
        """Do what ``line`` says (blocking)."""
        name, _, rest = line.strip().partition(" ")
        act = {"/chats": self._list, "/go": self._go}.get(name)
        if act is None:
            return self._current.typed(line)
        self._current.draft = ""
        try:
            return act(rest.strip())
        except DaemonUnreachable as error:
            return self.lost(error)
        except WhisperdError as error:
            self._current.draft = line
            return [self._current.complaint(error.message, error.remedy)]

    def painted(self, texts: list[TheirText]) -> list[str]:
        """Tell the daemon that these lines are on the screen (blocking)."""
        for text in texts:
            self._reading.painted(text.chat, text.number)
        try:
            self._reading.acknowledge()
        except DaemonUnreachable as error:
            return self.lost(error)
        except WhisperdError as error:
            return [self._current.complaint(error.message, error.remedy)]
        return []

    def failed(self, message: str, remedy: str) -> list[str]:
        """Something beside the conversations went wrong."""
        return [self._current.complaint(message, remedy)]

    def happened(self, event: dict[str, Any]) -> list[str]:
        """Return what an event looks like; of another conversation only that there is something new."""
        chat = event.get("chat", "")
        if chat == self._current.chat or event["event"] == "daemon-stopping" or news(event) == "warning":
            return self._current.happened(event)
        if chat in self._views:
            self._views[chat].happened_unseen(event)
        kind = news(event)
        return self._tell_of(chat, NEWS[kind]) if kind else []

    def status_line(self) -> str:
        """Return what stands below: the state of the conversation that is shown, and where something is new."""
        new = [f"{render.clean(chat)}: {number} new" for chat, number in self._new.items()]
        line = self._current.status_line()
        return f"{line}\n{', '.join(new)}" if new else line

    def _tell_of(self, chat: str, what: str) -> list[str]:
        first = chat not in self._new
        self._new[chat] = self._new.get(chat, 0) + 1
        name = render.clean(chat)
        return [self._paint(f"-- {name} {what}; to go there, type '/go {name}'", "dim")] if first else []

    def _list(self, rest: str) -> list[str]:
        rows = self._client.call("chat.list")
        lines = render.chats(rows, self._paint)
        return [*lines, *(f"{render.clean(chat)}: {number} new" for chat, number in self._new.items())]

    def _go(self, rest: str) -> list[str]:
        """Show another conversation: by its name, by its contact's, or the first that has something new."""
        wanted = rest or next(iter(self._new), "")
        if not wanted:
            raise UsageError("there is nothing new", remedy="To see the conversations, type '/chats'.")
        found = self._client.call("chat.find", {"chat": wanted})
        if found["state"] == "ended":
            raise ConversationEnded
        chat = found["chat"]
        if chat not in self._views:
            self._views[chat] = ConversationView(self._client, chat, self._paint)
        self._new.pop(chat, None)
        self._current = self._views[chat]
        return [self._paint(f"-- {render.clean(chat)}", "dim"), *self._current.begin()]

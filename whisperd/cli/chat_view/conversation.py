"""One conversation as a person sees it in 'whisperctl chat open': what a typed line does, what an event looks like."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from whisperd.cli import render, timers
from whisperd.cli.caller import history
from whisperd.cli.chat_view.read_subscription import TheirText
from whisperd.cli.chat_view.remedies import for_view
from whisperd.cli.offer_file import offer
from whisperd.cli.render import Paint
from whisperd.control.client import Client
from whisperd.errors import DaemonUnreachable, UsageError, WhisperdError, catalogue

#: What can be typed besides messages.
ACTIONS = {
    "/verify": "show the words to compare with the other person; '/verify yes' marks the conversation as verified",
    "/save": "exchange contacts: '/save NAME'; the other person must agree",
    "/timer": "let messages disappear on both sides: '/timer 10m' or '/timer off'; answer with '/timer accept' or "
    "'/timer refuse'",
    "/send-file": "offer a file: '/send-file PATH'",
    "/accept": "accept an offered file: '/accept f1'",
    "/refuse": "refuse an offered file: '/refuse f1'",
    "/cancel": "cancel a file transfer, '/cancel f1', or take back a queued message, '/cancel 7'",
    "/files": "list the files and their progress",
    "/chats": "list the conversations, with the number of new messages",
    "/go": "switch to another conversation, '/go c2', or without a name to one with something new",
    "/end": "end the conversation, destroy its keys and tell the other side",
    "/quit": "leave this view, as Ctrl-D does; the conversation continues",
    "/help": "show this help; to start a message with '/', type '//'",
}

#: States that a message of ours stays in.
_SETTLED = ("delivered", "failed", "cancelled")
#: States of a file that can still move.
_OPEN = ("offered", "moving", "halted")
#: What happens to a contact that gives its conversation a name, or takes the name away.
_NAMING = {"saved": True, "renamed": True, "removed": False, "blocked": False}
#: Events of a conversation that is not shown whose lines are shown when somebody comes back to it.
_TOLD_LATER = ("message-state", "file-state", "chat-error")
#: Most of these lines; the oldest are dropped.
_MAX_UNSEEN = 200
#: Most files whose bars are shown below.
_MAX_BARS = 3


class ConversationView:
    """Its methods return the lines to show; the blocking ones say so."""

    def __init__(self, client: Client, chat: str, paint: Paint) -> None:
        self.chat = chat
        self.finished = False
        self.draft = ""
        self.problem: WhisperdError | None = None
        self._client = client
        self._paint = paint
        self._row: dict[str, Any] = {}
        self._shown: set[tuple[str, int]] = set()
        self._under_way: set[int] = set()
        self._settled: set[int] = set()
        #: Marks that came before the line of their message, by its number; it follows its answer or its event soon.
        self._early: dict[int, list[str]] = {}
        self._newest = 0
        self._moving: dict[str, dict[str, Any]] = {}
        self._unseen: deque[str] = deque(maxlen=_MAX_UNSEEN)
        self._actions: dict[str, Callable[[str], list[str]]] = {
            "/verify": self._verify, "/save": self._save, "/timer": self._timer,
            "/send-file": self._send_file,
            "/accept": partial(self._file, "chat.accept"),
            "/refuse": partial(self._file, "chat.refuse"), "/cancel": self._cancel, "/files": self._files,
            "/end": self._end, "/quit": self._quit, "/help": self._help}

    @property
    def name(self) -> str:
        """What a person calls it: its contact, or its own name."""
        return self._row.get("contact") or self.chat

    def begin(self) -> list[str]:
        """Return what happened unseen, and what was said before (blocking)."""
        self.refresh()
        lines = [self._unseen.popleft() for _ in range(len(self._unseen))]
        lines += [line for row in history(self._client, self.chat) for line in self._message(row)]
        rows = self._client.call("chat.files", {"chat": self.chat})
        lines += [render.file_line(row, self._paint) for row in rows if row["state"] in _OPEN]
        return [*lines, *self._trouble(), self._paint("Type a message, or /help.", "dim")]

    def _trouble(self) -> list[str]:
        """Return what keeps the conversation from every link, and what can be done."""
        error = catalogue().get(self._row.get("trouble") or "")
        return [self.complaint(error.summary, error.remedy)] if error else []

    def refresh(self) -> None:
        """Ask for link, level and verification of the conversation (blocking)."""
        rows = self._client.call("chat.list")
        self._row = next((row for row in rows if row["chat"] == self.chat), self._row)
        self.finished = self.finished or self._row.get("state") == "ended"

    def refreshed(self) -> list[str]:
        """Refresh after something changed, and return what there is to say of it (blocking)."""
        try:
            self.refresh()
        except WhisperdError as error:
            return self.lost(error)
        return []

    def typed(self, line: str) -> list[str]:
        """Do what ``line`` says (blocking). On an error the line comes back as ``draft``."""
        self.draft = ""
        words = line.strip()
        try:
            if words.startswith("/") and not words.startswith("//"):
                name, _, rest = words.partition(" ")
                return self._actions.get(name, self._unknown)(rest.strip())
            return self._send(words.removeprefix("/") if words.startswith("//") else words) if words else []
        except DaemonUnreachable as error:
            return self.lost(error)
        except WhisperdError as error:
            self.draft = line
            return [self.complaint(error.message, error.remedy)]

    def happened(self, event: dict[str, Any]) -> list[str]:
        """Return what an event looks like."""
        if event["event"] == "chat-message":
            return self._message(event)
        if event["event"] == "message-state":
            return self._delivery(event)
        if event["event"] == "file-progress":
            self._moving[event["file"]] = event
            return []
        if event["event"] == "file-state" and event["state"] != "moving":
            self._moving.pop(event["file"], None)
        if event["event"] == "contact-state" and event["state"] in _NAMING:
            return self._named(event)
        if event["event"] == "chat-link":  # it shows below the line, and changes nothing else
            self._row = self._row | {"link": event["link"]}
            return []
        if event["event"] == "chat-timer":
            self._row = self._row | {"timer": {name: event[name] for name in ("seconds", "proposed", "by")}}
        if event["event"] == "chat-error":
            return [self.complaint(event["message"], event["remedy"])]
        if event["event"] == "chat-state":
            self._row = self._row | {"state": event["state"]}
            self.finished = self.finished or event["state"] == "ended"
        return [self._paint("-- ", "dim") + for_view(render.event(event, self._paint))]

    def _named(self, event: dict[str, Any]) -> list[str]:
        """The conversation has a name from now on, or goes by its own again: the name may be somebody else's next."""
        lines = [self._paint("-- ", "dim") + render.event(event, self._paint)]
        before, named = self._row.get("contact"), _NAMING[event["state"]]
        self._row = self._row | {"contact": event["contact"] if named else None}
        if before and not named:
            chat, name = render.clean(self.chat), render.clean(before)
            lines.append(self._paint("-- ", "dim") + f"this is {chat} and no longer {name}: what you type goes to "
                         f"{chat}")
        return lines

    def happened_unseen(self, event: dict[str, Any]) -> None:
        """Take an event while another conversation is shown: ``begin`` tells what became of messages and files.

        Messages themselves, and files that are still open, are left to what ``begin`` asks for.
        """
        if event["event"] == "chat-message":
            return
        lines = self.happened(event)
        if event["event"] in _TOLD_LATER and event.get("state") not in ("sent", *_OPEN):
            self._unseen.extend(lines)

    def lost(self, error: WhisperdError) -> list[str]:
        """The daemon is gone: nothing more can happen."""
        self.problem = self.problem or error
        self.finished = True
        return []

    def status_line(self) -> str:
        """Return what stands below: state, link, level, verification, messages under way, and the files that move."""
        row = self._row
        words = [self.chat, row.get("contact"), row.get("state"), row.get("link") or row.get("trouble"),
                 row.get("level"), "verified" if row.get("verified") else "not verified"]
        if (timer := timers.column(row)) != "off":
            words.append(f"timer {timer}")
        if self._under_way:
            words.append(f"{render.count(len(self._under_way), 'message')} not delivered yet")
        lines = [" | ".join(render.clean(word) for word in words if word)]
        return "\n".join(lines + [render.progress(row) for row in list(self._moving.values())[:_MAX_BARS]])

    # -- what lines and events do --------------------------------------------------------------------------------

    def _message(self, row: dict[str, Any]) -> list[str]:
        key = row["direction"], row["id"]
        if key in self._shown:
            return []
        self._shown.add(key)
        number, text = self._paint(f"#{row['id']}", "dim"), render.clean(row["text"])
        if row["direction"] == "in":
            line = f"{self._paint('they', 'them')} {number} {text}"
            return [TheirText(line, self.chat, row["id"]) if row.get("unread", True) else line]
        state = row.get("state", "queued")
        if state not in _SETTLED and row["id"] not in self._settled:
            self._under_way.add(row["id"])
        self._newest = max(self._newest, row["id"])
        marks = self._early.pop(row["id"], [])
        return [f"you  {number} {text} ({self._paint.state(state)})", *(marks if state not in _SETTLED else [])]

    def _delivery(self, event: dict[str, Any]) -> list[str]:
        if event["state"] == "queued":  # the message's own line says so
            return []
        if event["state"] == "disappeared":
            return [f"     {self._paint('#' + str(event['id']), 'dim')} has {self._paint.state('disappeared')}"]
        if event["state"] in _SETTLED:
            self._settled.add(event["id"])
            self._under_way.discard(event["id"])
        line = f"     {self._paint('#' + str(event['id']), 'dim')} {self._paint.state(event['state'])}"
        if event["id"] > self._newest:
            self._early.setdefault(event["id"], []).append(line)
            return []
        return [line]

    def _send(self, text: str) -> list[str]:
        answer = self._client.call("chat.send", {"chat": self.chat, "text": text})
        return self._message({"direction": "out", "text": text, **answer})

    def _verify(self, rest: str) -> list[str]:
        if rest not in ("", "yes"):
            raise UsageError("'/verify' can be followed only by 'yes'",
                             remedy="'/verify' shows the words of this conversation. To switch to another one, type "
                             "'/go NAME'.")
        answer = self._client.call("chat.verify", {"chat": self.chat, "confirm": rest == "yes"})
        self._row = self._row | {"verified": answer["verified"]}
        hint = [] if answer["verified"] else ["", "Compare them with the other person over a channel where you "
                                              "recognize each other. If they are the same, type '/verify yes'."]
        return [*render.verification(answer, self._paint), *hint]

    def _save(self, rest: str) -> list[str]:
        answer = self._client.call("contact.save", {"chat": self.chat, "name": rest})
        if answer["state"] == "saved":
            self._row = self._row | {"contact": answer["contact"]}
        return render.saved(answer, self._paint)

    def _timer(self, rest: str) -> list[str]:
        answer = self._client.call("chat.timer", {"chat": self.chat, "time": rest})
        return [for_view(timers.line(answer, self._paint))] if not rest else []  # otherwise the event says it

    def _send_file(self, rest: str) -> list[str]:
        offer(self._client, self.chat, rest)
        return []  # the event of the offer says it

    def _file(self, method: str, rest: str) -> list[str]:
        self._client.call(method, {"chat": self.chat, "file": rest})
        return []

    def _cancel(self, rest: str) -> list[str]:
        self._client.call("chat.cancel", {"chat": self.chat, "id": rest})
        return []

    def _files(self, rest: str) -> list[str]:
        rows = self._client.call("chat.files", {"chat": self.chat})
        return render.files(rows, self._paint) if rows else ["There are no files."]

    def _end(self, rest: str) -> list[str]:
        if rest == self.name != self.chat:
            self.refresh()  # who is called that may have changed a moment ago
        if rest not in ("", self.chat, self.name):
            raise UsageError("'/end' ends only the conversation that is shown",
                             remedy="First type '/go NAME', then '/end'.")
        self._client.call("chat.end", {"chat": self.chat})
        self.finished = True
        return [f"{render.clean(self.chat)} is {self._paint.state('ended')}; its keys are destroyed."]

    def _quit(self, rest: str) -> list[str]:
        self.finished = True
        chat = render.clean(self.chat)
        return [f"The conversation continues. To come back to it, run 'whisperctl chat open {chat}'."]

    def _help(self, rest: str) -> list[str]:
        return [f"{name:<11}{help}" for name, help in ACTIONS.items()]

    def _unknown(self, rest: str) -> list[str]:
        return [self.complaint("there is no such command", "Type /help to see the commands. To start a message with "
                               "'/', type '//'.")]

    def complaint(self, message: str, remedy: str) -> str:
        """Return the line of an error."""
        return f"{self._paint('error', 'bad')} {render.clean(message)}. {for_view(render.clean(remedy))}"

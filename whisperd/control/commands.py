"""Everything that can be asked of a running daemon, in one table.

``COMMANDS`` names each verb of ``whisperctl``, the method of the control socket that answers it, and its parameters.
The control server checks requests against it, ``whisperctl`` builds its verbs and help from it, and the completions
and the tests of the man pages read it. ``whisperctl(1)``, COMMANDS; ``whisperd-protocol(7)``, CONTROL.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from whisperd.errors import UsageError
from whisperd.logs import LEVELS as LOG_LEVELS
from whisperd.logs import RECENT

Scalar = bool | int | float | str

#: JSON's name of a type -> what Python values are of it. A boolean is no number.
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "list": (str, list),
}
_ARTICLES = {"string": "a string", "integer": "a whole number", "number": "a number", "boolean": "true or false",
             "list": "a string or a list of strings"}

#: What somebody may do: look at the daemon, administer it, hold its user's conversations. [control.access]
READ, ADMIN, CONVERSE = RIGHTS = ("read", "administer", "converse")

LEVELS = ("standard", "enhanced", "quantum-resistant")


@dataclass(frozen=True)
class Param:
    """One parameter of a command, in JSON and on the command line."""

    name: str  #: its name in the JSON parameters
    type: str  #: "string", "integer", "number", "boolean" or, for an option that may be given several times, "list"
    help: str
    default: Scalar = ""
    required: bool = False
    option: str = ""  #: "--expires"; empty: positional on the command line
    metavar: str = ""
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    local: bool = False  #: whisperctl sees to it; it is not sent
    implied: bool = False  #: whisperctl fills it in when there is exactly one conversation
    many: bool = False  #: takes the rest of the words
    contact: bool = False  #: is the name of a contact
    conversation: bool = False  #: names a conversation: the daemon makes its id of it before anything else is done
    completes: str = ""  #: "path" or "file": what shells complete it with, a path or the id of an offered file

    def check(self, value: object) -> Scalar:
        """Return ``value`` if it is of this parameter's type and within its bounds; raises UsageError otherwise."""
        wanted = _TYPES[self.type]
        if not isinstance(value, wanted) or (isinstance(value, bool) and self.type != "boolean"):
            raise UsageError(f"parameter {self.name} has to be {_ARTICLES[self.type]}")
        if isinstance(value, list) and not all(isinstance(item, str) for item in value):
            raise UsageError(f"parameter {self.name} has to be {_ARTICLES[self.type]}")
        if self.choices and value and value not in self.choices:
            raise UsageError(f"parameter {self.name} has to be one of {', '.join(self.choices)}")
        if isinstance(value, float) and not isfinite(value):  # no bound holds what is not a number
            raise UsageError(f"parameter {self.name} has to be {_ARTICLES[self.type]}")
        if isinstance(value, int | float) and not isinstance(value, bool):
            if self.low is not None and value < self.low:
                raise UsageError(f"parameter {self.name} is too small; the least is {self.low:g}")
            if self.high is not None and value > self.high:
                raise UsageError(f"parameter {self.name} is too large; the most is {self.high:g}")
        return value  # type: ignore[return-value]


@dataclass(frozen=True)
class Command:
    """One verb of whisperctl and the method that it calls."""

    method: str  #: of the control socket; empty when the verb is made of other verbs' methods
    verb: str  #: "chat invite"
    help: str  #: one sentence; the first of the verb's --help
    params: tuple[Param, ...] = ()
    right: str = CONVERSE  #: what whoever asks has to have; what is not said otherwise only the few may
    reads_only: bool = False  #: it changes nothing in the daemon
    file: bool = False  #: an open descriptor comes with the request
    asked: tuple[Param, ...] = ()  #: sent too, but never typed: whisperctl asks for them, or knows
    terminal: bool = False  #: it needs a person at a terminal
    pages: bool = False  #: the answer is a list, cut to what one line holds: ask again with ``after``

    @property
    def attribute(self) -> str:
        """The name of the daemon's function that serves it: ``chat.invite`` is ``chat_invite``."""
        return self.method.replace(".", "_").replace("-", "_")

    @property
    def sent(self) -> tuple[Param, ...]:
        """The parameters that go over the control socket."""
        return (*(param for param in self.params if not param.local), *self.asked)

    @property
    def conversations(self) -> tuple[str, ...]:
        """The names of the parameters that name a conversation."""
        return tuple(param.name for param in self.sent if param.conversation)

    def bind(self, given: Mapping[str, object]) -> dict[str, Scalar]:
        """Return ``given`` checked and filled up with defaults; raises UsageError naming the parameter."""
        known = {param.name: param for param in self.sent}
        for name in given:
            if name not in known:
                raise UsageError(f"{self.method} has no parameter of this name; it has {_listed(known)}")
        for param in known.values():
            if param.required and param.name not in given:
                raise UsageError(f"{self.method} needs the parameter {param.name}")
        return {name: param.check(given[name]) if name in given else param.default for name, param in known.items()}


def _listed(names: Mapping[str, Param]) -> str:
    return ", ".join(names) or "none"


_DAY = 86_400
_ACCESS = Param("access", "string", "Access code, where the first relay wants one.", option="--access", metavar="CODE")
_CHAT = Param("chat", "string", "Name of the conversation, or of its contact, as 'chat list' shows them.",
              required=True, metavar="CHAT", implied=True, conversation=True)
_ONE_CHAT = Param("chat", "string", "Only this conversation, by its name or by its contact's.", metavar="CHAT",
                  conversation=True)
_HOOK = Param("hook", "string", "Run this program for each message that comes in and whatever there is to decide; it "
              "is told the conversation, not what was said.", option="--hook", metavar="PROGRAM", local=True,
              completes="path")
_PEEK = Param("peek", "boolean", "Leave messages unread: 'chat read' marks them, or whoever reads them later.",
              default=False, option="--peek", local=True)
_FILE = Param("file", "string", "Name of the file, as 'chat files' shows it: f1, f2 and so on.", required=True,
              metavar="FILE", completes="file")
_CONTACT = Param("name", "string", "Name of the contact, as 'contact list' shows it.", required=True, metavar="NAME",
                 contact=True)
_CLIENT = Param("name", "string", "A name for them: 1 to 32 letters, digits, '.', '_' and '-'.", required=True,
                metavar="NAME")


def _secret(name: str, help: str) -> Param:
    return Param(name, "string", help, required=True)


def _wait(help: str, *, local: bool = True) -> Param:
    return Param("wait", "number", help, default=0, option="--wait", metavar="SECONDS", low=0, high=_DAY, local=local)


COMMANDS: tuple[Command, ...] = (
    Command("status", "status", "Show what the daemon does: roles, tor, onion address, rooms, conversations.", (
        Param("watch", "boolean", "Show it again and again: a screen on a terminal, otherwise one after the other.",
              default=False, option="--watch", local=True),
        Param("every", "number", "Seconds between two looks of --watch.", default=2, option="--every",
              metavar="SECONDS", low=0.1, high=3_600, local=True),
        Param("check", "boolean", "Print one line for monitoring, and exit with 0, 1, 2 or 3.", default=False,
              option="--check", local=True),
    ), right=READ, reads_only=True),
    Command("address", "address", "Print the relay's onion address.",
            (_wait("Wait as long as this for the address to be published, and 20 seconds of it for a "
                   "daemon that is just being started.", local=False),),
            right=READ, reads_only=True),
    Command("onion.republish", "onion republish", "Publish the onion service again, at the same address.",
            (_wait("Wait as long as this until it is published.", local=False),), right=ADMIN),
    Command("onion.rotate", "onion rotate", "Give the relay a new onion address; the one before still answers for some "
            "hours.", (
        Param("overlap", "number", "Hours that the one before still answers, instead of what is configured.",
              default=0, option="--overlap", metavar="HOURS", low=0, high=720),
        Param("now", "boolean", "Let every address before this one go at once.", default=False, option="--now"),
        _wait("Wait as long as this until the new address is published.", local=False),
    ), right=ADMIN),
    Command("onion.retire", "onion retire", "Let the onion address before the last rotation go at once.", right=ADMIN),
    Command("onion.client.add", "onion client add", "Let one more reach the private onion service, and print what they "
            "need.", (_CLIENT,), right=ADMIN),
    Command("onion.client.list", "onion client list", "List who may reach the private onion service.",
            right=ADMIN, reads_only=True),
    Command("onion.client.remove", "onion client remove", "Let one reach the private onion service no more.",
            (_CLIENT,), right=ADMIN),
    Command("tor.newnym", "tor newnym", "Use new circuits through Tor for every connection from now on.", right=ADMIN),
    Command("tor.credential.add", "tor credential add", "Open a private onion service to this daemon, while it runs.", (
        Param("line", "string", "What the relay's owner sent; '-' reads it from standard input, where no process list "
              "shows it.", required=True, metavar="LINE"),
    )),
    Command("tor.credential.list", "tor credential list", "List the addresses that the credentials held here open.",
            reads_only=True),
    Command("tor.credential.remove", "tor credential remove", "Forget the credential for an address.", (
        Param("address", "string", "The onion address.", required=True, metavar="ADDRESS"),
    )),
    Command("chat.invite", "chat invite", "Make an invite link, for one person to join a new conversation.", (
        Param("relay", "list", "Relay to meet at, as 'http://HOST[:PORT]', instead of those that are configured. Given "
              "up to four times it names several, the best first.", option="--relay", metavar="URL"),
        Param("expiry", "integer", "Seconds that the invite lives, instead of what is configured.", default=0,
              option="--expires", metavar="SECONDS", low=0, high=7 * _DAY),
        Param("floor", "string", "Lowest security level that this conversation may have.", option="--floor",
              metavar="LEVEL", choices=LEVELS),
        _ACCESS,
        Param("code", "boolean", "Make a code of a number and three words instead, to be told by voice; both sides "
              "have to name the same relay.", default=False, option="--code"),
        Param("qr", "boolean", "Draw the link as a QR code; it is drawn on a terminal unless told otherwise.",
              default=False, option="--qr/--no-qr", local=True),
        _wait("Wait as long as this until the other side has joined, and tell of wrong codes."),
    )),
    Command("chat.join", "chat join", "Join a conversation by its invite link, or by its spoken code.", (
        Param("link", "string", "The invite link; '-' reads it from standard input, where no process list shows it.",
              metavar="LINK"),
        _ACCESS,
        Param("code", "string", "The spoken code, instead of a link; '-' reads it from standard input.",
              option="--code", metavar="CODE"),
        Param("relay", "string", "Relay to meet at with a code, as 'http://HOST[:PORT]', instead of the one that is "
              "configured.", option="--relay", metavar="URL"),
        _wait("Wait as long as this until the two sides are connected."),
    )),
    Command("chat.list", "chat list", "List the conversations and their states.", reads_only=True),
    Command("chat.find", "chat find", "Print which conversation is meant by a name, or by none.", (
        Param("chat", "string", "Name of the conversation, or of its contact; without it, the only one there is.",
              metavar="CHAT", conversation=True),
    ), asked=(Param("text", "string", "The message, where no conversation was named: refused if it may begin with a "
                    "name."),
              Param("word", "string", "Another argument, where no conversation was named: refused if it is somebody "
                    "else's name.")), reads_only=True),
    Command("chat.send", "chat send", "Send a message; it is queued while the other side is away.", (
        _CHAT,
        Param("text", "string", "The message; '-' behind a CHAT reads standard input, sends each line as a message, "
              "and waits while as many of them wait for delivery as may.", required=True, metavar="TEXT", many=True),
        _wait("Wait as long as this until the other side has the message."),
    )),
    Command("events.subscribe", "chat watch", "Print what was said, then everything that happens, a line each.", (
        _ONE_CHAT, _HOOK, _PEEK,
    ), reads_only=True),
    Command("", "chat open", "Talk: an interactive conversation in this terminal.", (_CHAT, _HOOK),
            terminal=True),
    Command("chat.send-file", "chat send-file", "Offer a file to the other side; it moves once it is accepted there.", (
        _CHAT,
        Param("path", "string", "The file; whisperctl opens it, so that the daemon reads only what its user may.",
              required=True, metavar="PATH", local=True, completes="path"),
        Param("name", "string", "Name that the other side sees, instead of the file's own.",
              option="--name", metavar="NAME"),
        _wait("Wait as long as this until the other side has all of it; show how far it is."),
    ), file=True),
    Command("chat.accept", "chat accept", "Accept a file that was offered, or go on with one that halted here.", (
        _CHAT, _FILE, _wait("Wait as long as this until all of it is here; show how far it is."),
    )),
    Command("chat.refuse", "chat refuse", "Refuse a file that was offered.", (_CHAT, _FILE)),
    Command("chat.cancel", "chat cancel", "Give up a file, or take back a message that is still queued.", (
        _CHAT,
        Param("id", "string", "The file's name, as 'f2', or the message's number.", required=True, metavar="ID",
              completes="file"),
    )),
    Command("chat.files", "chat files", "List the files that were offered, either way, and how far they are.",
            (_ONE_CHAT,), reads_only=True),
    Command("chat.verify", "chat verify", "Show the words that have to be the same on both sides.", (
        _CHAT,
        Param("confirm", "boolean", "Mark the conversation as verified: the words were compared and are the same; kept "
              "for a contact.", default=False, option="--yes"),
        Param("require", "boolean", "Send nothing and accept no file in this conversation before it is verified.",
              default=False, option="--require"),
    )),
    Command("chat.timer", "chat timer", "Let messages disappear on both sides some time after their delivery, when both "
            "have agreed to it.", (
        _CHAT,
        Param("time", "string", "Propose this time: 5 seconds to 4 weeks, as 30, 10m, 2h, 1d or 4w, or 'off'; or "
              "'accept' or 'refuse' what is proposed. Without it, show what is in force.", metavar="TIME"),
    )),
    Command("chat.call", "chat call", "Talk to a contact, without an invite: both call, or the other listens.", (
        _CONTACT, _wait("Wait as long as this until the two sides are connected."),
    )),
    Command("chat.end", "chat end", "End a conversation, destroy its keys and tell the other side.", (_CHAT,)),
    Command("chat.history", "chat history", "Print what was said, as far as the daemon's memory holds it.", (
        _CHAT,
        Param("after", "integer", "Only messages with a number above this.", default=0, option="--after",
              metavar="NUMBER", low=0),
        _PEEK,
    ), reads_only=True, pages=True),
    Command("chat.read", "chat read", "Mark messages as read, for programs that show them in a way of their own.", (
        Param("chat", "string", "Name of the conversation, or of its contact, as 'chat list' shows them.",
              required=True, metavar="CHAT", conversation=True),
        Param("id", "integer", "Number of the last message that was shown.", required=True, metavar="NUMBER", low=1),
        Param("after", "integer", "Only messages with a number above this.", default=0, option="--after",
              metavar="NUMBER", low=0),
    )),
    Command("contact.save", "contact save", "Keep the other side of a conversation as a contact, if it agrees.", (
        _CHAT, Param("name", "string", "A name for them, which only this side sees: 1 to 32 letters, digits, '.', '_' "
                     "and '-', and not one letter and a number, as 'c4'.", required=True, metavar="NAME"),
    )),
    Command("contact.list", "contact list", "List the contacts, and the offers that are not answered yet.",
            reads_only=True),
    Command("contact.remove", "contact remove", "Forget a contact, or take back the offer to keep one.", (_CONTACT,)),
    Command("contact.rename", "contact rename", "Give a contact another name.", (
        _CONTACT, Param("new", "string", "The new name.", required=True, metavar="NEW"),
    )),
    Command("contact.listen", "contact listen", "Wait for a contact's calls whenever the daemon runs, over a "
            "connection and a circuit of its own.", (
        _CONTACT, Param("off", "boolean", "Do not wait any more.", default=False, option="--off"),
    )),
    Command("contact.block", "contact block", "Answer a contact no more; to them it looks as if nobody were there.",
            (_CONTACT,)),
    Command("contact.unblock", "contact unblock", "Answer a blocked contact again.", (_CONTACT,)),
    Command("relay.limits", "relay limits", "Show each limit of the relay, its use and its refusals.",
            right=READ, reads_only=True),
    Command("relay.drain", "relay drain", "Let nobody open a room any more; those that are there go on to their end.", (
        Param("stop", "boolean", "Stop the daemon as soon as no room is left.", default=False, option="--stop"),
        _wait("Wait as long as this until no room is left.", local=False),
    ), right=ADMIN),
    Command("relay.resume", "relay resume", "Let rooms be opened again.", right=ADMIN),
    Command("access.issue", "access issue", "Make an access code for the relay, which is shown this once.", (
        Param("uses", "integer", "Joins that it is good for.", default=1, option="--uses", metavar="NUMBER", low=1,
              high=1_000_000),
        Param("hours", "number", "Hours until it expires.", default=24, option="--hours", metavar="HOURS", low=0.01,
              high=8_760),
    ), right=ADMIN),
    Command("access.list", "access list", "List the access codes that are good, without the codes.",
            right=ADMIN, reads_only=True),
    Command("access.revoke", "access revoke", "Make an access code worth nothing.", (
        Param("id", "string", "Id of the code, as 'access list' shows it.", required=True, metavar="ID"),
    ), right=ADMIN),
    Command("metrics", "metrics", "Print what the daemon counts, as Prometheus reads it.", right=READ, reads_only=True),
    Command("reload", "reload", "Read the configuration again, and put into force what needs no restart.", right=ADMIN),
    Command("log.follow", "log follow", "Print the last lines of the daemon's log, then each as it is written.", (
        Param("level", "string", "Least severity that is shown; nothing below log.level is.", option="--level",
              metavar="LEVEL", choices=LOG_LEVELS, default="debug"),
        Param("lines", "integer", "Lines from before that are shown first.", default=10, option="--lines",
              metavar="NUMBER", low=0, high=RECENT),
    ), right=READ, reads_only=True),
    Command("config.show", "config show", "Show the configuration in force, and where each value comes from; secrets "
            "are not shown.", right=READ, reads_only=True),
    Command("config.diff", "config diff", "Show what is in the file and not in force, and whether 'reload' or a "
            "restart puts it into force.", right=READ, reads_only=True),
    Command("", "config check", "Read a configuration file without a daemon, and name the first mistake in it.", (
        Param("file", "string", "The file, instead of the usual place.", metavar="FILE",
              completes="path"),
    )),
    Command("plugins", "plugins", "List the key exchanges and ratchets that this daemon has.",
            right=READ, reads_only=True),
    Command("", "plugins check", "Test a plug-in with the conformance kit, in whisperctl itself: no daemon is asked.", (
        Param("id", "string", "Id of the plug-in; naming it here runs its code, whatever peer.plugins says.",
              required=True, metavar="ID"),
        Param("thorough", "boolean", "Change every byte of each value instead of some 128, and walk longer; minutes.",
              default=False, option="--thorough"),
    )),
    Command("", "doctor", "Examine tor, the clock and the onion service, and say what mends each fault.", (
        Param("config", "string", "Configuration file of the daemon, instead of the usual place.", option="--config",
              metavar="FILE", completes="path"),
    )),
    Command("store.status", "store status", "Show where the peer role keeps what it remembers, and whether it is open.",
            reads_only=True),
    Command("store.unlock", "store unlock", "Open the sealed store, or make it: asks for its passphrase, unless "
            "that is in the keyring.",
            asked=(_secret("passphrase", "The store's passphrase; for a new store, the one that it gets. Empty "
                           "where it is in the keyring."),)),
    Command("store.lock", "store lock", "Let conversations sleep and forget the keys, until it is unlocked again."),
    Command("store.passphrase", "store passphrase", "Change the passphrase of the sealed store, unless it is in the "
            "keyring: asks for both.",
            asked=(_secret("old", "The passphrase in force."), _secret("new", "The one that takes its place."))),
    Command("store.export", "store export", "Write what the store holds into one sealed file, under a passphrase of "
            "its own that is asked for.", (
        Param("path", "string", "The file, which must not be there yet.", required=True, metavar="PATH", local=True,
              completes="path"),
        Param("move", "boolean", "Take live conversations along: they and what was said are gone from here. Without "
              "it they stay and are left out, because their keys must not be used in two places.", default=False,
              option="--move"),
    ), asked=(_secret("passphrase", "The export's passphrase."),), file=True),
    Command("store.import", "store import", "Take an export into a store that is empty: asks for the export's "
            "passphrase.", (
        Param("path", "string", "The file that 'store export' wrote.", required=True, metavar="PATH", local=True,
              completes="path"),
    ), asked=(_secret("passphrase", "The export's passphrase."),), file=True),
    Command("store.wipe", "store wipe", "Destroy the sealed store for good: its key first, then its file.", (
        Param("yes", "boolean", "Do not ask.", default=False, option="--yes", local=True),
    )),
    Command("stop", "stop", "Stop the daemon, and wait until it has.",
            (_wait("Wait as long as this, instead of 60 seconds."),), right=ADMIN),
)

#: What the verbs of several words have in common, by all but their last word, where that is no verb itself.
GROUPS: dict[str, str] = {"chat": "Invite, join, call, talk, send files, verify, end.",
                          "contact": "The people who can be called without an invite.",
                          "onion": "The onion service that publishes the relay.",
                          "onion client": "Who may reach the private onion service.",
                          "tor": "The tor that this daemon goes through.",
                          "tor credential": "What opens private onion services of others.",
                          "relay": "Limits, and the end of a relay that is in use.",
                          "config": "The configuration in force, and the one in the file.",
                          "log": "What the daemon logs.",
                          "store": "What outlives the daemon, if anything does.",
                          "access": "Codes for those who may use the relay."}

#: The rows that the control socket serves, by method.
METHODS: dict[str, Command] = {command.method: command for command in COMMANDS if command.method}

#: The methods that the control server answers itself; all others are the daemon's.
SUBSCRIBE, FOLLOW = "events.subscribe", "log.follow"

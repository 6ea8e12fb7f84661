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
            raise UsageError(f"parameter {self.name} must be {_ARTICLES[self.type]}")
        if isinstance(value, list) and not all(isinstance(item, str) for item in value):
            raise UsageError(f"parameter {self.name} must be {_ARTICLES[self.type]}")
        if self.choices and value and value not in self.choices:
            raise UsageError(f"parameter {self.name} must be one of {', '.join(self.choices)}")
        if isinstance(value, float) and not isfinite(value):  # no bound holds what is not a number
            raise UsageError(f"parameter {self.name} must be {_ARTICLES[self.type]}")
        if isinstance(value, int | float) and not isinstance(value, bool):
            if self.low is not None and value < self.low:
                raise UsageError(f"parameter {self.name} is too small; the minimum is {self.low:.12g}")
            if self.high is not None and value > self.high:
                raise UsageError(f"parameter {self.name} is too large; the maximum is {self.high:.12g}")
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
                raise UsageError(f"{self.method} has no parameter of this name; its parameters are: {_listed(known)}")
        for param in known.values():
            if param.required and param.name not in given:
                raise UsageError(f"{self.method} needs the parameter {param.name}")
        return {name: param.check(given[name]) if name in given else param.default for name, param in known.items()}


def _listed(names: Mapping[str, Param]) -> str:
    return ", ".join(names) or "none"


_DAY = 86_400
_ACCESS = Param("access", "string", "Access code for the first relay, if that relay requires "
                "one.", option="--access", metavar="CODE")
_CHAT = Param("chat", "string", "Id of the conversation, or name of its contact, as shown by 'chat list'.",
              required=True, metavar="CHAT", implied=True, conversation=True)
_ONE_CHAT = Param("chat", "string", "Only this conversation: its id, or the name of its contact.", metavar="CHAT",
                  conversation=True)
_HOOK = Param("hook", "string", "Run this program for each incoming message and for each question that you have to "
              "answer. It learns which conversation is concerned, but not the text.", option="--hook",
              metavar="PROGRAM", local=True, completes="path")
_PEEK = Param("peek", "boolean", "Leave messages unread, so that they are shown again later. 'chat read' marks them "
              "as read.",
              default=False, option="--peek", local=True)
_FILE = Param("file", "string", "Id of the file, as shown by 'chat files': f1, f2 and so on.", required=True,
              metavar="FILE", completes="file")
_CONTACT = Param("name", "string", "Name of the contact, as shown by 'contact list'.", required=True, metavar="NAME",
                 contact=True)
_CLIENT = Param("name", "string", "A name for the client: 1 to 32 letters, digits, '.', '_' and '-'.", required=True,
                metavar="NAME")


def _secret(name: str, help: str) -> Param:
    return Param(name, "string", help, required=True)


def _wait(help: str, *, local: bool = True) -> Param:
    return Param("wait", "number", help, default=0, option="--wait", metavar="SECONDS", low=0, high=_DAY, local=local)


COMMANDS: tuple[Command, ...] = (
    Command("status", "status", "Show the state of the daemon: roles, tor, onion address, rooms, conversations.", (
        Param("watch", "boolean", "Show the state repeatedly: as a refreshed screen on a terminal, otherwise one "
              "report after the other.",
              default=False, option="--watch", local=True),
        Param("every", "number", "Seconds between two reports of --watch.", default=2, option="--every",
              metavar="SECONDS", low=0.1, high=3_600, local=True),
        Param("check", "boolean", "Print one line for a monitoring program, and exit with status 0 (OK), "
              "1 (warning), 2 (critical) or 3 (unknown).", default=False,
              option="--check", local=True),
    ), right=READ, reads_only=True),
    Command("address", "address", "Print the relay's onion address.",
            (_wait("Wait up to SECONDS for the address to be published. If no daemon answers, up to 20 seconds "
                   "of that may pass until one has started.", local=False),),
            right=READ, reads_only=True),
    Command("onion.republish", "onion republish", "Publish the onion service again, at the same address.",
            (_wait("Wait up to SECONDS for the onion service to be published.", local=False),), right=ADMIN),
    Command("onion.rotate", "onion rotate", "Give the relay a new onion address. The old address still answers for "
            "some hours.", (
        Param("overlap", "number", "Hours for which the old address still answers, instead of onion.overlap.",
              default=0, option="--overlap", metavar="HOURS", low=0, high=720),
        Param("now", "boolean", "Retire all old addresses at once.", default=False, option="--now"),
        _wait("Wait up to SECONDS for the new address to be published.", local=False),
    ), right=ADMIN),
    Command("onion.retire", "onion retire", "Retire the old onion address of the last rotation at once.", right=ADMIN),
    Command("onion.client.add", "onion client add", "Let one more client reach the private onion service, and print "
            "the credential that it needs.", (_CLIENT,), right=ADMIN),
    Command("onion.client.list", "onion client list", "List the clients that may reach the private onion service.",
            right=ADMIN, reads_only=True),
    Command("onion.client.remove", "onion client remove", "Stop a client from reaching the private onion service.",
            (_CLIENT,), right=ADMIN),
    Command("tor.newnym", "tor newnym", "Use new circuits through Tor for every connection from now on.", right=ADMIN),
    Command("tor.credential.add", "tor credential add", "Add a credential for somebody else's private onion service. "
            "It is held in memory until the daemon stops.", (
        Param("line", "string", "The credential line that the relay's owner sent. '-' reads it from standard input, "
              "so that no process list shows it.", required=True, metavar="LINE"),
    )),
    Command("tor.credential.list", "tor credential list", "List the onion addresses for which the daemon has a "
            "credential.",
            reads_only=True),
    Command("tor.credential.remove", "tor credential remove", "Forget the credential for an address.", (
        Param("address", "string", "The onion address.", required=True, metavar="ADDRESS"),
    )),
    Command("chat.invite", "chat invite", "Make an invite link, with which one person can join a new conversation.", (
        Param("relay", "list", "Relay to meet at, as 'http://HOST[:PORT]', instead of the relays in peer.relay. May "
              "be repeated, up to four relays, the preferred one first.", option="--relay", metavar="URL"),
        Param("expiry", "integer", "Seconds until the invite expires. Without it, or with 0: "
              "peer.invite_expiry.", default=0,
              option="--expires", metavar="SECONDS", low=0, high=7 * _DAY),
        Param("floor", "string", "Minimum security level of this conversation.", option="--floor",
              metavar="LEVEL", choices=LEVELS),
        _ACCESS,
        Param("code", "boolean", "Make a spoken code instead of a link: a number and three words, to be told by "
              "voice. Both sides must use the same relay.", default=False, option="--code"),
        Param("qr", "boolean", "Draw the link as a QR code, or do not. Without either option, it is drawn if the "
              "output is a terminal.",
              default=False, option="--qr/--no-qr", local=True),
        _wait("Wait up to SECONDS for the other person to join, and report attempts with a wrong spoken code."),
    )),
    Command("chat.join", "chat join", "Join a conversation with an invite link or a spoken code.", (
        Param("link", "string", "The invite link. '-' reads it from standard input, so that no process list shows it.",
              metavar="LINK"),
        _ACCESS,
        Param("code", "string", "The spoken code, instead of a link. '-' reads it from standard input.",
              option="--code", metavar="CODE"),
        Param("relay", "string", "Relay to meet at with a spoken code, as 'http://HOST[:PORT]', instead of the relay "
              "in peer.relay.", option="--relay", metavar="URL"),
        _wait("Wait up to SECONDS for the two sides to be connected."),
    )),
    Command("chat.list", "chat list", "List the conversations and their states.", reads_only=True),
    Command("chat.find", "chat find", "Print the id of the conversation that a name means.", (
        Param("chat", "string", "Id of the conversation, or name of its contact. Without it: the only conversation "
              "there is.",
              metavar="CHAT", conversation=True),
    ), asked=(Param("text", "string", "The message, if no conversation was named. Refused if its first word could be "
                    "the name of a conversation."),
              Param("word", "string", "Another argument, if no conversation was named. Refused if it is the name of "
                    "another conversation.")), reads_only=True),
    Command("chat.send", "chat send", "Send a message. It is queued while the other side is away.", (
        _CHAT,
        Param("text", "string", "The message. '-' after CHAT sends each line of standard input as a message; "
              "whisperctl pauses while the maximum number of messages wait for delivery.", required=True,
              metavar="TEXT", many=True),
        _wait("Wait up to SECONDS for the message to be delivered."),
    )),
    Command("events.subscribe", "chat watch", "Print the history, then each event as it happens, one per line.", (
        _ONE_CHAT, _HOOK, _PEEK,
    ), reads_only=True),
    Command("", "chat open", "Talk in this terminal: an interactive view of the conversation.", (_CHAT, _HOOK),
            terminal=True),
    Command("chat.send-file", "chat send-file", "Offer a file to the other person. The transfer starts when that "
            "person accepts it.", (
        _CHAT,
        Param("path", "string", "The file. whisperctl opens it, so that the daemon can read only files that you may "
              "read.",
              required=True, metavar="PATH", local=True, completes="path"),
        Param("name", "string", "File name to show to the other person, instead of the file's own.",
              option="--name", metavar="NAME"),
        _wait("Wait up to SECONDS for the transfer to finish, and show its progress."),
    ), file=True),
    Command("chat.accept", "chat accept", "Accept an offered file, or continue a transfer that halted on this side.", (
        _CHAT, _FILE, _wait("Wait up to SECONDS for the transfer to finish, and show its progress."),
    )),
    Command("chat.refuse", "chat refuse", "Refuse an offered file.", (_CHAT, _FILE)),
    Command("chat.cancel", "chat cancel", "Cancel a file transfer, or take back a message that is still queued.", (
        _CHAT,
        Param("id", "string", "The file's id, such as f2, or the message's number.", required=True, metavar="ID",
              completes="file"),
    )),
    Command("chat.files", "chat files", "List the offered files in both directions, and their progress.",
            (_ONE_CHAT,), reads_only=True),
    Command("chat.verify", "chat verify", "Show the words to compare with the other person. They must be the same on "
            "both sides.", (
        _CHAT,
        Param("confirm", "boolean", "Mark the conversation as verified: you compared the words and they are the same. "
              "A contact stays verified in later conversations.", default=False, option="--yes"),
        Param("require", "boolean", "Send no messages and neither send nor accept files in this conversation until it "
              "is verified.",
              default=False, option="--require"),
    )),
    Command("chat.timer", "chat timer", "Show or set the timer of a conversation. Once both sides agree, messages "
            "disappear on both sides a fixed time after their delivery.", (
        _CHAT,
        Param("time", "string", "The time to propose: 5 seconds to 4 weeks, written as 30, 10m, 2h, 1d or 4w, or "
              "'off'. Or 'accept' or 'refuse', to answer a proposal. Without TIME: show the timer in "
              "force.", metavar="TIME"),
    )),
    Command("chat.call", "chat call", "Talk to a contact, without an invite. It connects if the contact calls too, or "
            "listens.", (
        _CONTACT, _wait("Wait up to SECONDS for the two sides to be connected."),
    )),
    Command("chat.end", "chat end", "End a conversation, destroy its keys and tell the other side.", (_CHAT,)),
    Command("chat.history", "chat history", "Print the messages that the daemon still has.", (
        _CHAT,
        Param("after", "integer", "Only messages with a higher number than this.", default=0, option="--after",
              metavar="NUMBER", low=0),
        _PEEK,
    ), reads_only=True, pages=True),
    Command("chat.read", "chat read", "Mark messages as read. For programs that display messages themselves.", (
        Param("chat", "string", "Id of the conversation, or name of its contact, as shown by 'chat list'.",
              required=True, metavar="CHAT", conversation=True),
        Param("id", "integer", "Number of the last message that was "
              "displayed.", required=True, metavar="NUMBER", low=1),
        Param("after", "integer", "Only messages with a higher number than this.", default=0, option="--after",
              metavar="NUMBER", low=0),
    )),
    Command("contact.save", "contact save", "Save the other person as a contact, if that person agrees.", (
        _CHAT, Param("name", "string", "A name for the contact, which only you see: 1 to 32 letters, digits, '.', '_' "
                     "and '-', but not one letter and a number, such as c4.", required=True, metavar="NAME"),
    )),
    Command("contact.list", "contact list", "List the contacts, and the offers to exchange contacts that are not "
            "answered yet.",
            reads_only=True),
    Command("contact.remove", "contact remove", "Forget a contact, or take back the offer to exchange "
            "contacts.", (_CONTACT,)),
    Command("contact.rename", "contact rename", "Give a contact another name.", (
        _CONTACT, Param("new", "string", "The new name.", required=True, metavar="NEW"),
    )),
    Command("contact.listen", "contact listen", "Wait for this contact's calls whenever the daemon runs. It uses a "
            "connection and a circuit of its own.", (
        _CONTACT, Param("off", "boolean", "Stop waiting for this contact's calls.", default=False, option="--off"),
    )),
    Command("contact.block", "contact block", "Do not answer a contact any more. The contact cannot tell this daemon "
            "from one that is not running.",
            (_CONTACT,)),
    Command("contact.unblock", "contact unblock", "Answer a blocked contact again.", (_CONTACT,)),
    Command("relay.limits", "relay limits", "Show each limit of the relay, its use and its refusals.",
            right=READ, reads_only=True),
    Command("relay.drain", "relay drain", "Open no new rooms. Existing rooms continue until they end.", (
        Param("stop", "boolean", "Stop the daemon as soon as no room is left.", default=False, option="--stop"),
        _wait("Wait up to SECONDS for the last room to close.", local=False),
    ), right=ADMIN),
    Command("relay.resume", "relay resume", "Allow new rooms again, after 'relay drain'.", right=ADMIN),
    Command("access.issue", "access issue", "Make an access code for the relay. The access code is shown only this "
            "once.", (
        Param("uses", "integer", "Number of joins for which the access code is "
              "valid.", default=1, option="--uses", metavar="NUMBER", low=1,
              high=1_000_000),
        Param("hours", "number", "Hours until the access code "
              "expires.", default=24, option="--hours", metavar="HOURS", low=0.01,
              high=8_760),
    ), right=ADMIN),
    Command("access.list", "access list", "List the valid access codes by their ids. The access codes themselves are "
            "not shown.",
            right=ADMIN, reads_only=True),
    Command("access.revoke", "access revoke", "Revoke an access code.", (
        Param("id", "string", "Id of the access code, as shown by 'access list'.", required=True, metavar="ID"),
    ), right=ADMIN),
    Command("metrics", "metrics", "Print the daemon's metrics in the Prometheus text "
            "format.", right=READ, reads_only=True),
    Command("reload", "reload", "Read the configuration again, and apply the changes that need no "
            "restart.", right=ADMIN),
    Command("log.follow", "log follow", "Print the last lines of the daemon's log, then each new line as it is "
            "written.", (
        Param("level", "string", "Minimum severity of the lines to show. Lines below log.level do not "
              "exist.", option="--level",
              metavar="LEVEL", choices=LOG_LEVELS, default="debug"),
        Param("lines", "integer", "Number of earlier lines to show first.", default=10, option="--lines",
              metavar="NUMBER", low=0, high=RECENT),
    ), right=READ, reads_only=True),
    Command("config.show", "config show", "Show the configuration in force and the source of each value. Secrets are "
            "hidden.", right=READ, reads_only=True),
    Command("config.diff", "config diff", "Show the differences between the file and the configuration in force, and "
            "whether each needs a 'reload' or a restart.", right=READ, reads_only=True),
    Command("", "config check", "Check a configuration file without a daemon, and report the first mistake in it.", (
        Param("file", "string", "The file to check, instead of the usual one.", metavar="FILE",
              completes="path"),
    )),
    Command("plugins", "plugins", "List the key exchanges and ratchets of this daemon.",
            right=READ, reads_only=True),
    Command("", "plugins check", "Test a plug-in with the conformance kit. This runs in whisperctl; it needs no "
            "daemon.", (
        Param("id", "string", "Id of the plug-in. Its code is run, even if peer.plugins does not list it.",
              required=True, metavar="ID"),
        Param("thorough", "boolean", "Change every byte of each value, instead of about 128 of them, and take longer "
              "random walks. This takes minutes.",
              default=False, option="--thorough"),
    )),
    Command("", "doctor", "Examine tor, the clock and the onion service, and explain how to mend each fault.", (
        Param("config", "string", "The daemon's configuration file, if it is not the usual one.", option="--config",
              metavar="FILE", completes="path"),
    )),
    Command("store.status", "store status", "Show where the peer role stores its data, and whether the store is open.",
            reads_only=True),
    Command("store.unlock", "store unlock", "Open the sealed store, or create it. Asks for the passphrase, unless it "
            "is in the keyring.",
            asked=(_secret("passphrase", "The store's passphrase, or the passphrase for a new store. Empty if it is "
                           "in the keyring."),)),
    Command("store.lock", "store lock", "Lock the store: pause all conversations and erase their keys from memory "
            "until the store is unlocked."),
    Command("store.passphrase", "store passphrase", "Change the passphrase of the sealed store, unless it is in the "
            "keyring. Asks for the old one and the new one.",
            asked=(_secret("old", "The current passphrase."), _secret("new", "The new passphrase."))),
    Command("store.export", "store export", "Write the contents of the store into one encrypted file. Asks for a "
            "passphrase for that file.", (
        Param("path", "string", "The file to write. It must not exist yet.", required=True, metavar="PATH", local=True,
              completes="path"),
        Param("move", "boolean", "Move live conversations and their messages into the export; they are deleted here. "
              "Without this option they stay here and are left out of the export, because their keys must not be used "
              "in two places.", default=False,
              option="--move"),
    ), asked=(_secret("passphrase", "The export's passphrase."),), file=True),
    Command("store.import", "store import", "Read an export into an empty store. Asks for the passphrase of the "
            "export.", (
        Param("path", "string", "The file that 'store export' wrote.", required=True, metavar="PATH", local=True,
              completes="path"),
    ), asked=(_secret("passphrase", "The export's passphrase."),), file=True),
    Command("store.wipe", "store wipe", "Destroy the sealed store for good: first its key, then its file.", (
        Param("yes", "boolean", "Do not ask for confirmation.", default=False, option="--yes", local=True),
    )),
    Command("stop", "stop", "Stop the daemon, and wait until it has stopped.",
            (_wait("Wait up to SECONDS, instead of 60, for the daemon to stop."),), right=ADMIN),
)

#: What the verbs of several words have in common, by all but their last word, where that is no verb itself.
GROUPS: dict[str, str] = {"chat": "Invite, join, call, talk, send files, verify, end.",
                          "contact": "Contacts, whom you can call without an invite.",
                          "onion": "The onion service that publishes the relay.",
                          "onion client": "Clients of the private onion service.",
                          "tor": "The tor that this daemon uses.",
                          "tor credential": "Credentials for other people's private onion services.",
                          "relay": "The limits of the relay, and how to take it out of service.",
                          "config": "The configuration in force, and the configuration in the file.",
                          "log": "The daemon's log.",
                          "store": "The encrypted store of the peer role.",
                          "access": "Access codes for the relay."}

#: The rows that the control socket serves, by method.
METHODS: dict[str, Command] = {command.method: command for command in COMMANDS if command.method}

#: The methods that the control server answers itself; all others are the daemon's.
SUBSCRIBE, FOLLOW = "events.subscribe", "log.follow"

"""The table of every key of whisperd.toml: its type, default, bounds and help. [whisperd.toml(5), KEYS]

The loader, ``config show``, the page and its test all read it; ``sections`` has a typed field for each key.
"""

from __future__ import annotations

from dataclasses import dataclass

from whisperd.config import paths as paths
from whisperd.errors import ConfigError

Value = bool | int | str | tuple[str, ...]


@dataclass(frozen=True)
class Key:
    """One row of the table: a key of whisperd.toml."""

    name: str
    default: Value
    help: str
    low: int | None = None
    high: int | None = None
    choices: tuple[str, ...] = ()
    secret: bool = False
    lone: bool = False  #: a list of which one may stand without brackets
    path: str = ""  #: which kind of path it is, of those in config/paths.py

    @property
    def section(self) -> str:
        return self.name.partition(".")[0]

    @property
    def field(self) -> str:
        """The name of the key within its section."""
        return self.name.partition(".")[2]

    @property
    def is_path(self) -> bool:
        """Whether the whole value is a path."""
        return self.path not in ("", paths.PLACE, paths.LISTENERS)

    @property
    def live(self) -> bool:
        """Whether 'whisperctl reload' puts a change of it into force."""
        return (self.section == "relay" and self.name not in AT_START) or self.name in LIVE

    def check(self, given: object) -> Value:
        """Return ``given`` as this key's type; raises ConfigError that says what would be right."""
        if isinstance(self.default, tuple):
            if self.lone and isinstance(given, str):
                return (given,) if given else ()
            if not isinstance(given, list | tuple) or not all(isinstance(item, str) for item in given):
                raise ConfigError(f"{self.name} has to be a list of strings")
            self._check_items(given)
            return tuple(self._text(item) for item in given)
        if type(given) is not type(self.default):
            found = "" if self.secret else f", not {given!r}"
            raise ConfigError(f"{self.name} has to be {_TYPE_NAMES[type(self.default)]}{found}")
        if self.choices and given not in self.choices:
            raise ConfigError(f"{self.name} has to be one of {', '.join(self.choices)}, not {given!r}")
        if isinstance(given, int) and not isinstance(given, bool):
            if self.low is not None and given < self.low:
                raise ConfigError(f"{self.name} = {given} is too small; the least is {self.low}")
            if self.high is not None and given > self.high:
                raise ConfigError(f"{self.name} = {given} is too large; the most is {self.high}")
        return self._text(given) if isinstance(given, str) else given

    def _text(self, given: str) -> str:
        """Return a string as it is used: a path is absolute from here on."""
        if self.path:
            return paths.configured(self.name, given, self.path)
        if "\0" in given:
            raise ConfigError(f"{self.name} contains a NUL character", remedy="Take it out.")
        return given

    def _check_items(self, given: list[str] | tuple[str, ...]) -> None:
        for item in given if self.choices else ():
            if item not in self.choices:
                raise ConfigError(f"{self.name} may hold {', '.join(self.choices)}, not {item!r}")
        if self.choices and not 0 < len(set(given)) == len(given):
            raise ConfigError(f"{self.name} has to name at least one of {', '.join(self.choices)}, and none twice")


#: Keys of the relay that need a restart.
AT_START = ("relay.enabled", "relay.listen", "relay.tls_listen", "relay.access_keep")
#: Keys of other sections that need none.
LIVE = ("log.level", "peer.relay", "peer.links", "peer.floor", "peer.invite_expiry", "peer.max_chats", "peer.max_queue",
        "peer.max_file", "peer.max_files")

_TYPE_NAMES = {bool: "true or false", int: "a whole number", str: "a string"}

KEYS: tuple[Key, ...] = (
    Key("daemon.sandbox", "prefer", "Confinement by Landlock and a filter of system calls: 'require' both, or do not "
        "start; 'prefer' them, and start where one cannot be had all the same; or 'off'.",
        choices=("require", "prefer", "off")),
    Key("daemon.ready", "onion", "When a service manager is told that the daemon is ready: once the onion service is "
        "published, where there is one, or as soon as the listeners are open.", choices=("onion", "listeners")),
    Key("control.socket", "", "Path of the control socket; empty: /run/whisperd/control.sock for the system daemon, "
        "$XDG_RUNTIME_DIR/whisperd/control.sock for a user's.", path=paths.SOCKET),
    Key("control.group", "", "Group that owns the control socket; its members may use it. Empty: the daemon's own user "
        "and root only."),
    Key("control.admin_group", "", "Group whose members administer, where those of control.group are only to read; "
        "they have to be members of both. Empty: all of control.group administer."),
    Key("control.audit", "", "Where a line is written for each administrative command, with the user's number and what "
        "came of it: 'log', or the path of a file; empty: nowhere.", path=paths.FILE_OR_LOG),
    Key("log.level", "info", "Least severity that is logged.", choices=("debug", "info", "warning", "error")),
    Key("log.journal", False, "Log without time stamps and with the priority before each line, as the journal wants "
        "it; on by itself where standard error is the journal."),
    Key("relay.enabled", True, "Serve the relay role."),
    Key("relay.listen", ("tcp:8787:interface=127.0.0.1",), "Listeners, as Twisted endpoint strings.",
        path=paths.LISTENERS),
    Key("relay.max_connections", 0, "Most connections at a time, over all listeners; 0: as many as the limit on open "
        "files carries, at most 20,000. The limit on open files is raised as far as it may be.", 0, 1_000_000),
    Key("relay.max_rooms", 0, "Most rooms at a time; 0: as many as connections.", 0, 500_000),
    Key("relay.max_waiting", 0, "Most rooms at a time that wait for a second one; 0: as many as rooms.", 0, 500_000),
    Key("relay.max_frame", 65_536, "Largest frame that is accepted, in bytes; peers need 36,864.", 36_864, 16_777_216),
    Key("relay.max_unsent", 1_048_576, "Most bytes that may wait for a client that does not read, on top of what the "
        "socket buffers; at least four of the largest frames are let wait.", 65_536, 268_435_456),
    Key("relay.room_expiry", 600, "Seconds without activity after which a room that is not paired expires.", 1, 86_400),
    Key("relay.handshake_timeout", 30, "Seconds that a client has for its whole request, however slowly it sends.",
        1, 600),
    Key("relay.join_timeout", 60, "Seconds after which a WebSocket without a seat is closed.", 1, 3_600),
    Key("relay.burst", 5, "Seconds of each rate below that may come at once.", 1, 30),
    Key("relay.connection_rate", 200, "New WebSockets a second; 0: any number.", 0, 1_000_000),
    Key("relay.join_rate", 200, "Joins a second; 0: any number.", 0, 1_000_000),
    Key("relay.frame_rate", 10_000, "Frames a second; 0: any number.", 0, 100_000_000),
    Key("relay.byte_rate", 100_000_000, "Bytes of frames a second; 0: any number.", 0, 100_000_000_000),
    Key("relay.listener_share", 100, "Most of each of these numbers and rates that one listener may use, in percent.",
        1, 100),
    Key("relay.circuit_connections", 32, "Most connections at a time of one circuit; 0: any number.", 0, 1_000_000),
    Key("relay.circuit_rooms", 32, "Most rooms at a time that one circuit has opened; 0: any number.", 0, 500_000),
    Key("relay.circuit_waiting", 16, "Most of these at a time that wait for a second one; 0: any number.", 0, 500_000),
    Key("relay.circuit_connection_rate", 5, "New WebSockets a second of one circuit; 0: any number.", 0, 1_000_000),
    Key("relay.circuit_join_rate", 5, "Joins a second of one circuit; 0: any number.", 0, 1_000_000),
    Key("relay.circuit_frame_rate", 500, "Frames a second of one circuit; 0: any number.", 0, 100_000_000),
    Key("relay.circuit_byte_rate", 4_194_304, "Bytes of frames a second of one circuit; 0: any number.",
        0, 100_000_000_000),
    Key("relay.tls_listen", (), "Listeners that speak TLS 1.3, for those who want the relay on the public network.",
        path=paths.LISTENERS),
    Key("relay.tls_certificate", "", "PEM file of the certificate chain for relay.tls_listen.", path=paths.FILE),
    Key("relay.tls_key", "", "PEM file of the certificate's key.", path=paths.FILE),
    Key("relay.tls_require_pq", False, "Cut off clients of relay.tls_listen whose key agreement is not post-quantum."),
    Key("relay.cors", (), "Origins whose pages may read what GET answers, as 'https://HOST'; '*': any. WebSockets need "
        "none."),
    Key("relay.onion_location", False, "Tell browsers that come to relay.tls_listen the onion address, by the header "
        "Onion-Location. It ties that address to the public one, for everybody."),
    Key("relay.access", "open", "Who may take a seat: anybody, or whoever has an access code; 'whisperctl access "
        "issue' makes them.", choices=("open", "code")),
    Key("relay.access_keep", "", "File in which access codes outlive the daemon, as hashes with their key; empty: they "
        "are kept in memory only.", path=paths.FILE),
    Key("relay.access_guesses", 60, "Wrong access codes a minute, beyond which no code is looked at; 0: any number.",
        0, 1_000_000),
    Key("relay.circuit_access_guesses", 5, "Wrong access codes a minute of one circuit, beyond which none of its codes "
        "is looked at; 0: any number.", 0, 1_000_000),
    Key("tor.mode", "launch", "Where tor comes from: a private one is launched, a running one is attached to, one "
        "whose torrc has the onion service is left alone ('managed'), or none.",
        choices=("launch", "attach", "managed", "off")),
    Key("tor.binary", "tor", "The tor program that 'launch' runs: a name in PATH or a path.", path=paths.PROGRAM),
    Key("tor.data_dir", "", "Where a launched tor keeps its guards and consensus; empty: /var/lib/whisperd/tor for the "
        "system daemon, $XDG_STATE_HOME/whisperd/tor for a user's.", path=paths.FOLDER),
    Key("tor.network", "", "File of torrc lines that define a private Tor network to join, as 'whisperd testnet up' "
        "writes it; empty: the public network.", path=paths.FILE),
    Key("tor.control", "", "Control port of a tor to attach to: 'unix:/path' or 'tcp:host:port'; empty: the usual "
        "places are tried.", path=paths.PLACE),
    Key("tor.password", "", "Password for tor's control port, where it has no cookie.", secret=True),
    Key("tor.socks", "", "SOCKS port of a tor to attach to, or of a managed one: 'unix:/path' or 'tcp:host:port'; "
        "empty: tor is asked, or the usual places are tried.", path=paths.PLACE),
    Key("tor.bridges", (), "Bridges through which a launched tor enters the network, and in no other way: lines as "
        "their operators hand them out, with the transport obfs4, snowflake or none.", secret=True),
    Key("tor.options", (), "Further options of a launched tor, as 'NAME VALUE', out of those that TOR OPTIONS lists."),
    Key("tor.bootstrap_timeout", 180, "Seconds after which a bootstrap is reported as failed (it goes on all the "
        "same); with bridges one and a half times as many, twice with obfs4, four times with snowflake.", 5, 3_600),
    Key("onion.enabled", True, "Publish the relay as an onion service."),
    Key("onion.key", "ephemeral", "A new address at each start, or one that is kept; what was begun over the old one "
        "does not find the new one.", choices=("ephemeral", "persistent")),
    Key("onion.key_file", "", "File of the kept key, mode 0600; empty: /var/lib/whisperd/onion.key for the system "
        "daemon, $XDG_STATE_HOME/whisperd/onion.key for a user's.", path=paths.FILE),
    Key("onion.hostname_file", "", "The file 'hostname' of the onion service that torrc has; for tor.mode 'managed' "
        "only.", path=paths.FILE),
    Key("onion.overlap", 12, "Hours that the address before a rotation still answers; 'whisperctl onion rotate' has an "
        "option for it.", 1, 720),
    Key("onion.listen", "tcp:0:interface=127.0.0.1", "Where the relay listens for what tor hands over, as a Twisted "
        "endpoint string; another port where a firewall lets one through, another address only where tor is on another "
        "machine.", path=paths.LISTENERS),
    Key("onion.port", 80, "Port of the onion address.", 1, 65_535),
    Key("onion.private", False, "Let only those find the onion service who hold a credential; 'whisperctl onion client "
        "add' makes them."),
    Key("onion.pow", True, "Have tor ask clients for a proof of work while the onion service is flooded; a tor that "
        "cannot do so publishes without."),
    Key("onion.max_streams", 32, "Most connections at a time of one circuit; tor closes a circuit that opens more; 0: "
        "any number.", 0, 65_535),
    Key("onion.circuits", True, "Have a launched tor tell by which circuit each connection came, for the limits of "
        "circuits; it has the key in a file for that, in memory if the key is not kept."),
    Key("onion.probe_interval", 30, "Minutes between two probes, in which the daemon dials its own onion service "
        "through Tor and publishes it again if it is not reached; 0: never.", 0, 1_440),
    Key("onion.publish_timeout", 120, "Seconds to wait for the first uploaded descriptor.", 5, 3_600),
    Key("peer.enabled", True, "Serve the peer role."),
    Key("peer.relay", (), "Relays that invites name, at most four, as 'http://HOST[:PORT]', the best first: they are "
        "tried in this order, and another one takes over when one dies. One may stand without brackets; empty: this "
        "daemon's own onion.", lone=True),
    Key("peer.links", ("onion", "relay"), "Kinds of links that may carry texts and files, the preferred one first: "
        "'onion', a direct link over an onion service of either side for this conversation alone, and 'relay'. Without "
        "'relay' a relay serves to meet only, and what is said waits for the direct link; without 'onion' nothing but "
        "relays is used.", choices=("onion", "relay")),
    Key("peer.loopback", False, "Dial relays on this machine's loopback addresses directly. It shows a link's author "
        "that something listens there: for tests and rehearsals."),
    Key("peer.floor", "enhanced", "Lowest security level that is accepted.",
        choices=("standard", "enhanced", "quantum-resistant")),
    Key("peer.kex", ("pqxdh-25519-mlkem1024-mldsa87", "pqxdh-25519-mlkem1024", "cpace-25519"), "Key exchanges to "
        "offer, best first; one that needs a spoken code is offered where there is one, and then alone."),
    Key("peer.ratchet", ("triple-cascade", "triple", "double-he"), "Ratchets to offer, best first."),
    Key("peer.invite_expiry", 3_600, "Seconds that an invite lives.", 60, 604_800),
    Key("peer.max_chats", 64, "Most conversations at a time, open invites included.", 1, 4_096),
    Key("peer.max_queue", 256, "Most messages of one conversation that wait for delivery.", 1, 65_536),
    Key("peer.downloads", "", "Folder that accepted files are written to, and nowhere else; empty: none can be "
        "accepted.", path=paths.FOLDER),
    Key("peer.max_file", 4_294_967_296, "Largest file that is sent or accepted, in bytes.", 1, 9_007_199_254_740_991),
    Key("peer.max_files", 16, "Most files of one conversation and direction that are offered or under way.", 1, 64),
    Key("peer.require_verify", False, "Send no message and no file, and accept no file, before the words of the "
        "conversation were compared: 'whisperctl chat verify'."),
    Key("peer.plugins", (), "Ids of plug-ins from other distributions that may be loaded."),
    Key("store.kind", "memory", "Where the peer role keeps what it has to remember: in 'memory', gone with the daemon, "
        "or in a 'sealed' file, opened by a passphrase, with which conversations go on after a restart.",
        choices=("memory", "sealed")),
    Key("store.file", "", "The sealed file; empty: /var/lib/whisperd/store/store.db for the system daemon, "
        "$XDG_STATE_HOME/whisperd/store/store.db for a user's. Its folder should hold nothing else.", path=paths.FILE),
    Key("store.unlock", "passphrase", "Where its passphrase comes from: somebody who is asked, at the start or by "
        "'whisperctl store unlock'; a credential of the service manager; or the user's keyring, which needs the extra "
        "'keyring'.", choices=("passphrase", "credential", "keyring")),
    Key("store.credential", "whisperd-store", "Name of the credential."),
    Key("store.argon2_memory", 256, "Memory that one guess at the passphrase takes, in MiB.", 64, 4_096),
    Key("store.argon2_passes", 3, "Passes over that memory.", 3, 64),
    Key("store.history", False, "Keep what was said in the sealed file, too."),
    Key("store.history_days", 30, "Days after which it is removed from there.", 1, 3_650),
)

BY_NAME = {key.name: key for key in KEYS}

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
                raise ConfigError(f"{self.name} must be a list of strings")
            self._check_items(given)
            return tuple(self._text(item) for item in given)
        if type(given) is not type(self.default):
            found = "" if self.secret else f", not {given!r}"
            raise ConfigError(f"{self.name} must be {_TYPE_NAMES[type(self.default)]}{found}")
        if self.choices and given not in self.choices:
            raise ConfigError(f"{self.name} must be one of {', '.join(self.choices)}, not {given!r}")
        if isinstance(given, int) and not isinstance(given, bool):
            if self.low is not None and given < self.low:
                raise ConfigError(f"{self.name} = {given} is too small; the minimum is {self.low}")
            if self.high is not None and given > self.high:
                raise ConfigError(f"{self.name} = {given} is too large; the maximum is {self.high}")
        return self._text(given) if isinstance(given, str) else given

    def _text(self, given: str) -> str:
        """Return a string as it is used: a path is absolute from here on."""
        if self.path:
            return paths.configured(self.name, given, self.path)
        if "\0" in given:
            raise ConfigError(f"{self.name} contains a NUL character", remedy="Remove it.")
        return given

    def _check_items(self, given: list[str] | tuple[str, ...]) -> None:
        for item in given if self.choices else ():
            if item not in self.choices:
                raise ConfigError(f"{self.name} may contain {', '.join(self.choices)}, but not {item!r}")
        if self.choices and not 0 < len(set(given)) == len(given):
            raise ConfigError(f"{self.name} must name at least one of {', '.join(self.choices)}, each at most once")


#: Keys of the relay that need a restart.
AT_START = ("relay.enabled", "relay.listen", "relay.tls_listen", "relay.access_file")
#: Keys of other sections that need none.
LIVE = ("log.level", "peer.relay", "peer.links", "peer.floor", "peer.invite_expiry", "peer.max_chats", "peer.max_queue",
        "peer.max_file", "peer.max_files")

_TYPE_NAMES = {bool: "true or false", int: "a whole number", str: "a string"}

KEYS: tuple[Key, ...] = (
    Key("daemon.sandbox", "prefer", "Confinement by Landlock and a system-call filter. 'require': do not start "
        "without both. 'prefer': use what is available and start in any case. 'off': use neither.",
        choices=("require", "prefer", "off")),
    Key("daemon.ready", "onion", "When to tell the service manager that the daemon is ready. 'onion': once the onion "
        "service is published, or at once if there is none. 'listeners': as soon as the listeners are "
        "open.", choices=("onion", "listeners")),
    Key("control.socket", "", "Path of the control socket. Empty: /run/whisperd/control.sock for the system daemon, "
        "$XDG_RUNTIME_DIR/whisperd/control.sock for a user's daemon.", path=paths.SOCKET),
    Key("control.group", "", "Group that owns the control socket. Its members may use the socket. Empty: only the "
        "daemon's own user and root may."),
    Key("control.admin_group", "", "Group whose members may administer the daemon; other members of control.group may "
        "then only read. An administrator must be in both groups. Empty: all members of control.group may "
        "administer."),
    Key("control.audit", "", "Where to record each administrative command, with the user's number and the outcome: "
        "'log', or the path of a file. Empty: nowhere.", path=paths.FILE_OR_LOG),
    Key("log.level", "info", "Minimum severity of the lines that are "
        "logged.", choices=("debug", "info", "warning", "error")),
    Key("log.journal", False, "Log in the journal's format: without time stamps, and with the priority before each "
        "line. This is switched on automatically if standard error is the journal."),
    Key("relay.enabled", True, "Run the relay role."),
    Key("relay.listen", ("tcp:8787:interface=127.0.0.1",), "Listeners of the relay, as Twisted endpoint strings.",
        path=paths.LISTENERS),
    Key("relay.max_connections", 0, "Maximum number of connections at a time, over all listeners. 0: as many as the "
        "limit on open files allows, but at most 20,000. whisperd raises that limit as far as the system "
        "permits.", 0, 1_000_000),
    Key("relay.max_rooms", 0, "Maximum number of rooms at a time. 0: the same as the maximum number of "
        "connections.", 0, 500_000),
    Key("relay.max_waiting", 0, "Maximum number of rooms that may wait for a second client. 0: the same as the "
        "maximum number of rooms.", 0, 500_000),
    Key("relay.max_frame", 65_536, "Maximum size of a frame, in bytes. Peers need 36,864.", 36_864, 16_777_216),
    Key("relay.max_unsent", 2_621_440, "Maximum number of bytes that may wait for a slow client, in addition to the "
        "socket's own buffers. Four frames of the maximum size may always wait. The default has room for the 64 "
        "frames that a peer may have on their way.", 65_536, 268_435_456),
    Key("relay.max_unsent_total", 67_108_864, "Maximum number of bytes that may wait for all slow clients together. "
        "Above that, the client for which most waits is disconnected.", 1_048_576, 17_179_869_184),
    Key("relay.room_expiry", 600, "Seconds without activity after which a room with fewer than two clients "
        "expires.", 1, 86_400),
    Key("relay.handshake_timeout", 30, "Seconds within which a client must send its complete HTTP request.",
        1, 600),
    Key("relay.join_timeout", 60, "Seconds within which a WebSocket must join a room, or be closed.", 1, 3_600),
    Key("relay.burst", 5, "Size of a permitted burst: the seconds' worth of each rate below that may arrive "
        "at once.", 1, 30),
    Key("relay.connection_rate", 200, "Maximum number of new WebSockets per second. 0 means no limit.", 0, 1_000_000),
    Key("relay.join_rate", 200, "Maximum number of joins per second. 0 means no limit.", 0, 1_000_000),
    Key("relay.frame_rate", 10_000, "Maximum number of frames per second. 0 means no limit.", 0, 100_000_000),
    Key("relay.byte_rate", 100_000_000, "Maximum number of bytes per second, counted in frames. 0 means no "
        "limit.", 0, 100_000_000_000),
    Key("relay.listener_share", 100, "Maximum share of each of these limits that one listener may use, in percent.",
        1, 100),
    Key("relay.circuit_connections", 32, "Maximum number of connections at a time from one circuit. 0 means "
        "no limit.", 0, 1_000_000),
    Key("relay.circuit_rooms", 32, "Maximum number of rooms at a time that one circuit has opened. 0 means "
        "no limit.", 0, 500_000),
    Key("relay.circuit_waiting", 16, "Maximum number of rooms opened by one circuit that may wait for a second "
        "client. 0 means no limit.", 0, 500_000),
    Key("relay.circuit_connection_rate", 5, "Maximum number of new WebSockets per second from one circuit. 0 means no "
        "limit.", 0, 1_000_000),
    Key("relay.circuit_join_rate", 5, "Maximum number of joins per second from one circuit. 0 means no "
        "limit.", 0, 1_000_000),
    Key("relay.circuit_frame_rate", 500, "Maximum number of frames per second from one circuit. 0 means no "
        "limit.", 0, 100_000_000),
    Key("relay.circuit_byte_rate", 4_194_304, "Maximum number of bytes per second from one circuit, counted in "
        "frames. 0 means no limit.",
        0, 100_000_000_000),
    Key("relay.tls_listen", (), "Listeners with TLS 1.3, for a relay on the public network, as Twisted "
        "endpoint strings.",
        path=paths.LISTENERS),
    Key("relay.tls_certificate", "", "PEM file with the certificate chain for relay.tls_listen.", path=paths.FILE),
    Key("relay.tls_key", "", "PEM file with the certificate's private key.", path=paths.FILE),
    Key("relay.tls_require_pq", False, "Disconnect clients of relay.tls_listen whose key agreement is not "
        "post-quantum."),
    Key("relay.cors", (), "Origins whose web pages may read the answers to GET requests, as 'https://HOST'; '*' means "
        "any. WebSockets do not need this."),
    Key("relay.onion_location", False, "Tell browsers that visit relay.tls_listen the onion address, in the header "
        "Onion-Location. This links the onion address to the public address, visibly to everybody."),
    Key("relay.access", "open", "Who may join a room. 'open': everybody. 'code': only holders of an access code, "
        "which 'whisperctl access issue' makes.", choices=("open", "code")),
    Key("relay.access_file", "", "File in which access codes survive a restart of the daemon, stored as hashes "
        "together with the key of the hash. Empty: they are held in memory only.", path=paths.FILE),
    Key("relay.access_guesses", 60, "Maximum number of wrong access codes per minute. Above it, the relay refuses "
        "every access code for a while. 0 means no limit.",
        0, 1_000_000),
    Key("relay.circuit_access_guesses", 5, "Maximum number of wrong access codes per minute from one circuit. Above "
        "it, the relay refuses every access code from that circuit for a while. 0 means no limit.", 0, 1_000_000),
    Key("tor.mode", "launch", "Where tor comes from. 'launch': start a private tor. 'attach': use the control port of "
        "a running tor. 'managed': use a running tor whose torrc defines the onion service, and change nothing in it. "
        "'off': no tor.",
        choices=("launch", "attach", "managed", "off")),
    Key("tor.binary", "tor", "The tor program that 'launch' runs: a name in PATH, or a path.", path=paths.PROGRAM),
    Key("tor.data_dir", "", "Folder in which a launched tor stores its guards and its consensus. Empty: "
        "/var/lib/whisperd/tor for the system daemon, $XDG_STATE_HOME/whisperd/tor for a user's "
        "daemon.", path=paths.FOLDER),
    Key("tor.network", "", "File with torrc lines that define a private Tor network, as written by 'whisperd testnet "
        "up'. Empty: the public Tor network.", path=paths.FILE),
    Key("tor.control", "", "Control port of the tor to attach to: 'unix:/path' or 'tcp:host:port'. Empty: try the "
        "usual places.", path=paths.PLACE),
    Key("tor.password", "", "Password for tor's control port. Not needed if tor uses a cookie.", secret=True),
    Key("tor.socks", "", "SOCKS port of the attached or managed tor: 'unix:/path' or 'tcp:host:port'. Empty: ask tor, "
        "or try the usual places.", path=paths.PLACE),
    Key("tor.bridges", (), "Bridges for a launched tor. If there are any, tor enters the network only through them. "
        "Each is a bridge line as its operator hands it out, with the transport obfs4, snowflake or "
        "none.", secret=True),
    Key("tor.options", (), "Further options for a launched tor, as 'NAME VALUE'. TOR OPTIONS lists the "
        "permitted ones."),
    Key("tor.bootstrap_timeout", 180, "Seconds after which an unfinished bootstrap is reported as failed; tor "
        "continues to try. With bridges the time is longer: 1.5 times for plain bridges, 2 times for obfs4, 4 times "
        "for snowflake.", 5, 3_600),
    Key("onion.enabled", True, "Publish the relay as an onion service."),
    Key("onion.key", "ephemeral", "'ephemeral': a new onion address at each start. 'persistent': the same address "
        "after each restart. Invites and conversations that use an old address cannot find the new "
        "one.", choices=("ephemeral", "persistent")),
    Key("onion.key_file", "", "File with the key of a persistent onion address, mode 0600. Empty: "
        "/var/lib/whisperd/onion.key for the system daemon, $XDG_STATE_HOME/whisperd/onion.key for a user's "
        "daemon.", path=paths.FILE),
    Key("onion.hostname_file", "", "Path of the file 'hostname' of the onion service that torrc defines. Only for "
        "tor.mode 'managed'.", path=paths.FILE),
    Key("onion.overlap", 12, "Hours for which the old address still answers after a rotation. 'whisperctl onion "
        "rotate --overlap' overrides it.", 1, 720),
    Key("onion.listen", "tcp:0:interface=127.0.0.1", "Where the relay listens for connections that tor forwards, as a "
        "Twisted endpoint string. Choose another port if a firewall requires it. Choose another address only if tor "
        "runs on another machine.", path=paths.LISTENERS),
    Key("onion.port", 80, "Port of the onion address.", 1, 65_535),
    Key("onion.private", False, "Make the onion service private: only clients with a credential can find it. "
        "'whisperctl onion client add' makes credentials."),
    Key("onion.pow", True, "Let tor demand a proof of work from clients while the onion service is flooded. A tor "
        "that does not support this publishes the service without it."),
    Key("onion.max_streams", 32, "Maximum number of connections at a time on one circuit. tor closes a circuit that "
        "opens more. 0 means no limit.", 0, 65_535),
    Key("onion.circuits", True, "Let a launched tor report the circuit of each connection, for the limits per "
        "circuit. For this, tor reads the onion key from a file; the file is in memory if the key is ephemeral."),
    Key("onion.probe_interval", 30, "Minutes between two probes. In a probe the daemon connects to its own onion "
        "service through Tor, and publishes it again if that fails. 0: no probes.", 0, 1_440),
    Key("onion.publish_timeout", 120, "Seconds to wait for the first upload of the onion service's "
        "descriptor.", 5, 3_600),
    Key("peer.enabled", True, "Run the peer role."),
    Key("peer.relay", (), "Relays to name in invites, as 'http://HOST[:PORT]': at most four, in order of preference. "
        "If one fails, the next takes over. A single relay needs no brackets. Empty: this daemon's own "
        "onion service.", lone=True),
    Key("peer.links", ("onion", "relay"), "Kinds of links that may carry messages and files, in order of preference. "
        "'onion': a direct link over an onion service that one side runs for this conversation only. 'relay': a link "
        "through a relay. Without 'relay', relays serve only for the first meeting, and messages wait for the direct "
        "link. Without 'onion', only relays are used.", choices=("onion", "relay")),
    Key("peer.loopback", False, "Connect directly to relays on this machine's loopback addresses. Anybody who makes "
        "an invite link can then learn whether something listens at such an address. For tests and rehearsals only."),
    Key("peer.floor", "enhanced", "Minimum security level of a conversation.",
        choices=("standard", "enhanced", "quantum-resistant")),
    Key("peer.kex", ("pqxdh-25519-mlkem1024-mldsa87", "pqxdh-25519-mlkem1024", "cpace-25519"), "Key exchanges to "
        "offer, in order of preference. A key exchange for spoken codes is offered only with a spoken code, and then "
        "it is the only one."),
    Key("peer.ratchet", ("triple-cascade", "triple", "double-he"), "Ratchets to offer, in order of preference."),
    Key("peer.invite_expiry", 3_600, "Seconds after which an invite expires.", 60, 604_800),
    Key("peer.max_chats", 64, "Maximum number of conversations at a time, including open invites.", 1, 4_096),
    Key("peer.max_queue", 256, "Maximum number of messages per conversation that may wait for delivery.", 1, 65_536),
    Key("peer.downloads", "", "Folder for accepted files. Files are written nowhere else. Empty: no files can be "
        "accepted.", path=paths.FOLDER),
    Key("peer.max_file", 4_294_967_296, "Maximum size of a file to send or accept, in "
        "bytes.", 1, 9_007_199_254_740_991),
    Key("peer.max_files", 16, "Maximum number of files per conversation and direction that may be offered or in "
        "transfer.", 1, 64),
    Key("peer.require_verify", False, "Send no messages and neither send nor accept files until the conversation is "
        "verified with 'whisperctl chat verify'."),
    Key("peer.plugins", (), "Ids of the plug-ins from other distributions that may be loaded."),
    Key("store.kind", "memory", "Where the peer role stores its data. 'memory': everything is gone when the daemon "
        "stops. 'sealed': in an encrypted file that a passphrase opens; conversations continue after a restart.",
        choices=("memory", "sealed")),
    Key("store.file", "", "Path of the sealed file. Empty: /var/lib/whisperd/store/store.db for the system daemon, "
        "$XDG_STATE_HOME/whisperd/store/store.db for a user's daemon. Put nothing else in its "
        "folder.", path=paths.FILE),
    Key("store.unlock", "passphrase", "Source of the passphrase. 'passphrase': a person types it, at the start or in "
        "'whisperctl store unlock'. 'credential': the service manager passes it. 'keyring': the user's keyring holds "
        "it; this needs the extra 'keyring'.", choices=("passphrase", "credential", "keyring")),
    Key("store.credential", "whisperd-store", "Name of the service manager's credential."),
    Key("store.argon2_memory", 256, "Memory that one guess at the passphrase takes, in MiB.", 64, 4_096),
    Key("store.argon2_passes", 3, "Number of passes over that memory for one guess.", 3, 64),
    Key("store.history", False, "Store the history of messages in the sealed file, too."),
    Key("store.history_days", 30, "Days after which messages are deleted from the stored history.", 1, 3_650),
)

BY_NAME = {key.name: key for key in KEYS}

"""What stands in the torrc of each node of a private network. Text only: nothing here opens a file or a socket.

Every address is 127.0.0.1, exits lead to loopback only, and the exits' resolver is loopback too, so that nothing
of the network ever leaves the machine.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from whisperd.tor.process.torrc import quoted, unix

AUTHORITIES = 3
RELAYS = 4

#: Length of the first voting interval in seconds, and what voting and distribution take of it (tor's least values).
FIRST_VOTE = 10
VOTE_DELAY = DIST_DELAY = 2
#: Seconds from the start of the processes to the first vote: the relays upload their descriptors in between.
UPLOAD_TIME = 3

#: What every tor of the network has to agree on, apart from the authorities.
_NETWORK = (
    "TestingTorNetwork 1",
    "AddressDisableIPv6 1",
    "AssumeReachable 1",
    "PathsNeededToBuildCircuits 0.25",
    "TestingServerDownloadInitialDelay 0",
    "TestingClientDownloadInitialDelay 0",
    "TestingClientConsensusDownloadInitialDelay 0",
    "ClientBootstrapConsensusAuthorityDownloadInitialDelay 0",
    "ClientBootstrapConsensusAuthorityOnlyDownloadInitialDelay 0",
)

_SERVER = (
    "SocksPort 0",
    "Address 127.0.0.1",
    "ExitRelay 1",
    "ExitPolicyRejectPrivate 0",
    "ExitPolicy accept 127.0.0.0/8:*",
    "ExitPolicy reject *:*",
    "ServerDNSDetectHijacking 0",
    "ServerDNSAllowBrokenConfig 1",
    "ShutdownWaitLength 0",
)


@dataclass(frozen=True)
class Node:
    """One tor process to be: its role is ``authority``, ``relay`` or ``client``."""

    name: str
    role: str
    folder: Path
    or_port: int = 0
    dir_port: int = 0

    @property
    def torrc(self) -> Path:
        """Its configuration."""
        return self.folder / "torrc"

    @property
    def log(self) -> Path:
        """What tor logs."""
        return self.folder / "log"

    @property
    def keys(self) -> Path:
        """The folder of its keys."""
        return self.folder / "keys"

    @property
    def control(self) -> Path | None:
        """The control socket, which clients have (cookie authentication)."""
        return self.folder / "control.sock" if self.role == "client" else None

    @property
    def socks(self) -> Path | None:
        """The SOCKS socket, which clients have."""
        return self.folder / "socks.sock" if self.role == "client" else None


@dataclass(frozen=True)
class Authority:
    """What the others have to know of a directory authority."""

    node: Node
    fingerprint: str
    identity: str

    def line(self) -> str:
        """Return its ``DirAuthority`` line."""
        node = self.node
        return (f"DirAuthority {node.name} orport={node.or_port} v3ident={self.identity} "
                f"127.0.0.1:{node.dir_port} {self.fingerprint}")


@dataclass(frozen=True)
class Vote:
    """When the first consensus becomes valid, seen from ``start`` (unix seconds), when the processes start.

    Consensuses become valid at multiples of the interval since midnight UTC, plus an offset; ``upload_time`` seconds
    lie between the start and the vote.
    """

    start: float
    upload_time: int = UPLOAD_TIME

    @property
    def seconds(self) -> int:
        """Whole seconds from the start until the consensus is valid, rounded up."""
        return 1 + self.upload_time + VOTE_DELAY + DIST_DELAY

    @property
    def offset(self) -> int:
        """Seconds that consensuses are shifted by, for the first one to become valid in time."""
        return (int(self.start) + self.seconds) % FIRST_VOTE


@dataclass(frozen=True)
class Plan:
    """Every node of a network in the folder ``root``, with the ports it will use."""

    root: Path
    authorities: tuple[Node, ...]
    relays: tuple[Node, ...]
    clients: tuple[Node, ...]
    owner: int = field(default=0)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All of them."""
        return self.authorities + self.relays + self.clients

    @property
    def servers(self) -> tuple[Node, ...]:
        """Authorities and relays."""
        return self.authorities + self.relays

    @property
    def bandwidths(self) -> Path:
        """The measurements that authorities vote with."""
        return self.root / "bandwidths"

    @property
    def resolver(self) -> Path:
        """The resolver's configuration of exits, which names loopback alone."""
        return self.root / "resolv.conf"


def plan(root: Path, clients: int, ports: Iterable[int], owner: int = 0) -> Plan:
    """Return the network's plan; it takes ``ports_needed()`` of ``ports``.

    ``owner`` is the process without which the network ends (0: none, it stays until it is taken down).
    """
    free = iter(ports)
    return Plan(
        root=root,
        authorities=tuple(Node(f"authority{number}", "authority", root / f"authority{number}", next(free), next(free))
                          for number in range(1, AUTHORITIES + 1)),
        relays=tuple(Node(f"relay{number}", "relay", root / f"relay{number}", next(free))
                     for number in range(1, RELAYS + 1)),
        clients=tuple(Node(f"client{number}", "client", root / f"client{number}")
                      for number in range(1, clients + 1)),
        owner=owner,
    )


def ports_needed() -> int:
    """Return how many TCP ports a network takes; clients have unix sockets only."""
    return 2 * AUTHORITIES + RELAYS


def network_lines(authorities: Iterable[Authority]) -> list[str]:
    """Return the torrc lines with which any tor joins the network as a client."""
    return [*_NETWORK, *(authority.line() for authority in authorities)]


def bandwidth_lines(fingerprints: Iterable[str], now: float) -> list[str]:
    """Return the measurements that the authorities vote with [bandwidth-file-spec].

    Without them a relay's weight is what it happened to carry before the vote, and one that carried anything at all
    is chosen for every place in every circuit, so that no circuit can be built.
    """
    return [str(int(now)), *(f"node_id=${fingerprint} bw=1000" for fingerprint in fingerprints)]


def key_lines(node: Node) -> list[str]:
    """Return the least torrc that makes a server's own keys (``tor --list-fingerprint``)."""
    return [f"DataDirectory {quoted(node.folder)}", f"Nickname {node.name}", f"ORPort 127.0.0.1:{node.or_port}",
            "Address 127.0.0.1"]


def node_lines(plan: Plan, node: Node, authorities: Iterable[Authority], vote: Vote) -> list[str]:
    """Return the whole torrc of ``node``."""
    lines = [*network_lines(authorities), f"DataDirectory {quoted(node.folder)}", f"Log notice file {node.log}",
             "NumCPUs 1", "AvoidDiskWrites 1", "GeoIPFile /dev/null", "GeoIPv6File /dev/null"]
    if plan.owner:
        lines.append(f"__OwningControllerProcess {plan.owner}")
    if node.role == "client":
        return lines + _client_lines(node)
    lines += [*_SERVER, f"Nickname {node.name}", f"ORPort 127.0.0.1:{node.or_port}",
              f"ServerDNSResolvConfFile {quoted(plan.resolver)}"]
    return lines + (_authority_lines(plan, node, vote) if node.role == "authority" else _relay_lines(vote))


def _client_lines(node: Node) -> list[str]:
    assert node.control and node.socks
    return ["ClientOnly 1", f"SocksPort {unix(node.socks)} ExtendedErrors", "CookieAuthentication 1",
            f"ControlPort {unix(node.control)}", "DormantTimeoutEnabled 0"]


def _relay_lines(vote: Vote) -> list[str]:
    # Asked for too early, the consensus is asked for again only after a long random pause.
    return [f"TestingServerConsensusDownloadInitialDelay {vote.seconds}"]


def _authority_lines(plan: Plan, node: Node, vote: Vote) -> list[str]:
    return [
        "AuthoritativeDirectory 1",
        "V3AuthoritativeDirectory 1",
        f"DirPort 127.0.0.1:{node.dir_port}",
        f"TestingV3AuthInitialVotingInterval {FIRST_VOTE}",
        f"TestingV3AuthInitialVoteDelay {VOTE_DELAY}",
        f"TestingV3AuthInitialDistDelay {DIST_DELAY}",
        f"TestingV3AuthVotingStartOffset {vote.offset}",
        f"V3BandwidthsFile {plan.bandwidths}",
        "V3AuthVotingInterval 300",
        f"V3AuthVoteDelay {VOTE_DELAY}",
        f"V3AuthDistDelay {DIST_DELAY}",
        "V3AuthNIntervalsValid 2",
        "TestingDirAuthVoteExit *",
        "TestingDirAuthVoteHSDir *",
        "TestingDirAuthVoteGuard *",
        "TestingMinExitFlagThreshold 0",
        # Without these a relay whose descriptor says uptime 0 beside others that say 1 is not Stable, hence not used.
        "AuthDirVoteStableGuaranteeMinUptime 0",
        "AuthDirVoteStableGuaranteeMTBF 0",
        "AuthDirFastGuarantee 0",
    ]

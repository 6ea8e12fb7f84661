"""Every failure that a user can see, one class each.

A class has a stable ``code`` (a word on the wire, in ``--json`` output and in logs), the ``exit_status`` that
``whisperd`` and ``whisperctl`` end with, and a ``remedy``: one sentence that says what to do. The message says what
happened. ``whisperctl(1)``, EXIT STATUS, lists them all, and a test compares.
"""

from __future__ import annotations

from typing import ClassVar


class WhisperdError(Exception):
    """Something failed that a person should hear about, with its remedy."""

    code: ClassVar[str] = "internal"
    exit_status: ClassVar[int] = 1
    summary: ClassVar[str] = "something went wrong inside whisperd"
    remedy: str = "Look at the daemon's log; if it does not explain, report it as a bug."

    def __init__(self, message: str | None = None, *, remedy: str | None = None) -> None:
        super().__init__(message or self.summary)
        if remedy is not None:
            self.remedy = remedy

    @property
    def message(self) -> str:
        """What happened, in one sentence."""
        return str(self.args[0])


# -- the command line and the control socket: 2 to 9 -----------------------------------------------------------------
class UsageError(WhisperdError):
    code = "usage"
    exit_status = 2
    summary = "the command was not understood"
    remedy = "Run it again with --help."


class DaemonUnreachable(WhisperdError):
    code = "daemon-unreachable"
    exit_status = 3
    summary = "no daemon answers on the control socket"
    remedy = "Start it with 'whisperd', or name its socket with --socket or WHISPERD_SOCKET."


class PermissionRefused(WhisperdError):
    code = "permission-refused"
    exit_status = 4
    summary = "the daemon does not serve this user"
    remedy = "Run as the daemon's user, or join the group that owns the control socket."


class TimedOut(WhisperdError):
    code = "timed-out"
    exit_status = 5
    summary = "it took longer than was allowed"
    remedy = "Try again with a longer --wait, and look at 'whisperctl status'."


class ConfigError(WhisperdError):
    code = "config-invalid"
    exit_status = 6
    summary = "the configuration cannot be used"
    remedy = "Mend the key that is named; whisperd.toml(5) lists them all."


class DaemonRunning(WhisperdError):
    code = "daemon-running"
    exit_status = 7
    summary = "another daemon already serves this control socket"
    remedy = "Stop it with 'whisperctl stop', or give this one another control.socket."


class AddressInUse(WhisperdError):
    code = "address-in-use"
    exit_status = 8
    summary = "another program already listens on this address"
    remedy = "Choose another port in relay.listen, or stop the other program."


class Interrupted(WhisperdError):
    code = "interrupted"
    exit_status = 9
    summary = "it was interrupted"
    remedy = "Run it again when it suits."


# -- invites: 10 to 19 ------------------------------------------------------------------------------------------------
class InviteMalformed(WhisperdError):
    code = "invite-malformed"
    exit_status = 10
    summary = "this is not an invite link"
    remedy = "Copy the whole link again, from 'http://' to its last character."


class InviteTruncated(WhisperdError):
    code = "invite-truncated"
    exit_status = 11
    summary = "the end of the invite link is missing"
    remedy = "Copy the whole link again; the part behind '#' has 56 characters."


class InviteVersionUnknown(WhisperdError):
    code = "invite-version"
    exit_status = 12
    summary = "the invite link was made by another version of whisperd"
    remedy = "Bring both sides to the same version of whisperd."


class InviteExpired(WhisperdError):
    code = "invite-expired"
    exit_status = 13
    summary = "the invite link has expired"
    remedy = "Ask for a new one, and check this machine's clock."


class InviteUsed(WhisperdError):
    code = "invite-used"
    exit_status = 14
    summary = "the invite link has been used already"
    remedy = "Ask for a new one: a link works once."


# -- handshake: 20 to 29 ----------------------------------------------------------------------------------------------
class WrongSecret(WhisperdError):
    code = "wrong-secret"
    exit_status = 20
    summary = "the other side does not hold the secret of this invite"
    remedy = "Compare the links on both sides; the invite still works for whoever holds the right one."


class HandshakeTampered(WhisperdError):
    code = "handshake-tampered"
    exit_status = 21
    summary = "a frame of the handshake was changed on its way, or does not follow the protocol"
    remedy = "Try again, over another relay if it happens again."


class OffersStripped(WhisperdError):
    code = "offers-stripped"
    exit_status = 22
    summary = "the other side did not see the offers that were sent: somebody removed or reordered suites"
    remedy = "Make a new invite and send it over a channel that nobody else reads."


class FloorNotMet(WhisperdError):
    code = "floor-not-met"
    exit_status = 23
    summary = "the two sides have no suite in common at the security level that is required"
    remedy = "Update the older side, or agree on a lower peer.floor and make a new invite."


class ConfirmationFailed(WhisperdError):
    code = "confirmation-failed"
    exit_status = 24
    summary = "the two sides did not arrive at the same key"
    remedy = "Make a new invite and send it over a channel that nobody else reads."


class KeyExchangeRefused(WhisperdError):
    code = "key-exchange-refused"
    exit_status = 25
    summary = "a key or signature of the key exchange is not valid"
    remedy = "Make a new invite; if it happens again, the other side's software is broken or hostile."


# -- Tor: 30 to 44 ----------------------------------------------------------------------------------------------------
class TorNotInstalled(WhisperdError):
    code = "tor-not-installed"
    exit_status = 30
    summary = "there is no tor program on this machine"
    remedy = "Install it ('apt install tor'), or name it in tor.binary."


class TorControlUnreachable(WhisperdError):
    code = "tor-control-unreachable"
    exit_status = 31
    summary = "nothing answers on tor's control port"
    remedy = "Start tor with 'ControlSocket' or 'ControlPort' set, and name it in tor.control."


class TorControlForbidden(WhisperdError):
    code = "tor-control-forbidden"
    exit_status = 32
    summary = "this user may not open tor's control socket or cookie file"
    remedy = "Join the group that owns it, on Debian: 'adduser USER debian-tor', and log in again."


class TorAuthRefused(WhisperdError):
    code = "tor-auth-refused"
    exit_status = 33
    summary = "tor refused the authentication"
    remedy = "Check tor.password, or use CookieAuthentication in torrc."


class TorNotBootstrapped(WhisperdError):
    code = "tor-not-bootstrapped"
    exit_status = 34
    summary = "tor has not reached its network yet"
    remedy = "Wait, check the network and the clock, or rehearse without internet by 'whisperd demo'."


class TorUnavailable(WhisperdError):
    code = "tor-unavailable"
    exit_status = 35
    summary = "this daemon has no tor to go through"
    remedy = "Set tor.mode to 'launch' or 'attach'."


class OnionNotPublished(WhisperdError):
    code = "onion-not-published"
    exit_status = 36
    summary = "the onion service's descriptor was not uploaded in time"
    remedy = "Wait for 'whisperctl address --wait 120', and look at 'whisperctl status'."


class OnionKeyUnusable(WhisperdError):
    code = "onion-key-unusable"
    exit_status = 37
    summary = "the key file of the onion service cannot be used"
    remedy = "Restore it from a backup with mode 0600, or move it away to get a new address."


class DialRefused(WhisperdError):
    code = "dial-refused"
    exit_status = 38
    summary = "this address may not be dialled: onion names go through Tor only, and nothing goes around it"
    remedy = "Use an onion address, or set peer.loopback for a relay on this machine."


class DialFailed(WhisperdError):
    code = "dial-failed"
    exit_status = 39
    summary = "the relay could not be reached through Tor"
    remedy = "Check the address; the relay may be down, or its descriptor not yet published."


class TorCommandFailed(WhisperdError):
    code = "tor-command-failed"
    exit_status = 40
    summary = "tor refused a control command"
    remedy = "Update tor to 0.4.8 or later; a filtered control port must let ADD_ONION and DEL_ONION pass."


class OnionUnreachable(WhisperdError):
    code = "onion-unreachable"
    exit_status = 42
    summary = "the onion service was not reached through Tor"
    remedy = "Nothing to do at first: it is published again. If it stays so, run 'whisperctl doctor'."


class CredentialRefused(DialFailed):
    code = "credential-refused"
    exit_status = 43
    summary = "the relay is private, and this daemon's Tor has no credential that opens it"
    remedy = "Ask its owner for one, and run 'whisperctl tor credential add' with the line that they send."


class CredentialMalformed(WhisperdError):
    code = "credential-malformed"
    exit_status = 44
    summary = "this is not a credential for an onion service"
    remedy = "Copy the whole line again: ADDRESS:descriptor:x25519:KEY."


class TestnetFailed(WhisperdError):
    __test__ = False
    code = "testnet-failed"
    exit_status = 41
    summary = "the private Tor network did not come up"
    remedy = "Look at the tor logs in its folder, and try again on a machine that is less busy."


# -- relay: 45 to 54 --------------------------------------------------------------------------------------------------
class RoomFull(WhisperdError):
    code = "room-full"
    exit_status = 45
    summary = "both seats of this room are taken"
    remedy = "The invite has probably been used by somebody else: ask for a new one."


class RelayRefused(WhisperdError):
    code = "relay-refused"
    exit_status = 46
    summary = "the relay refused the connection"
    remedy = "Wait a while and try again, or use another relay."


class AccessUnknown(WhisperdError):
    code = "access-unknown"
    exit_status = 47
    summary = "there is no access code of this id"
    remedy = "'whisperctl access list' shows those that are still good."


class AccessFull(WhisperdError):
    code = "access-full"
    exit_status = 48
    summary = "the relay keeps as many access codes as it takes"
    remedy = "Revoke some, or issue codes with more uses."


# -- conversations: 55 to 69 ------------------------------------------------------------------------------------------
class ChatUnknown(WhisperdError):
    code = "chat-unknown"
    exit_status = 55
    summary = "there is no conversation of this name"
    remedy = "'whisperctl chat list' shows them."


class ChatEnded(WhisperdError):
    code = "chat-ended"
    exit_status = 56
    summary = "this conversation has ended and its keys are destroyed"
    remedy = "Make a new invite."


class ChatNotConnected(WhisperdError):
    code = "chat-not-connected"
    exit_status = 57
    summary = "the key of this conversation is not confirmed yet"
    remedy = "Wait until 'whisperctl chat list' shows it as connected."


class MessageTooLarge(WhisperdError):
    code = "message-too-large"
    exit_status = 58
    summary = "the message is longer than the channel carries in one piece"
    remedy = "Send it in parts of at most 16,000 bytes."


class QueueFull(WhisperdError):
    code = "queue-full"
    exit_status = 59
    summary = "too many messages wait for the other side already"
    remedy = "Wait until the other side is back; nothing that was accepted is lost."


class ChannelBroken(WhisperdError):
    code = "channel-broken"
    exit_status = 60
    summary = "a frame of the channel cannot be read"
    remedy = "Nothing to do: it was dropped, and the rest goes on."


class RoleDisabled(WhisperdError):
    code = "role-disabled"
    exit_status = 61
    summary = "this daemon does not have the role that this needs"
    remedy = "Switch it on in whisperd.toml: relay.enabled or peer.enabled."


class NoRelay(WhisperdError):
    code = "no-relay"
    exit_status = 62
    summary = "there is no relay to invite to"
    remedy = "Wait for the own onion ('whisperctl address --wait 120'), or give --relay or peer.relay."


class TooManyChats(WhisperdError):
    code = "too-many-chats"
    exit_status = 63
    summary = "there are as many conversations as this daemon takes"
    remedy = "End one that is not needed any more, or raise peer.max_chats."


# -- plug-ins: 70 to 79 -----------------------------------------------------------------------------------------------
class PluginUnknown(WhisperdError):
    code = "plugin-unknown"
    exit_status = 70
    summary = "there is no plug-in of this name"
    remedy = "'whisperctl plugins' shows what is there; install the distribution that has it."


class PluginRefused(WhisperdError):
    code = "plugin-refused"
    exit_status = 71
    summary = "the plug-in does not keep the contract"
    remedy = "Run 'whisperctl plugins check ID' and take it to its author."


class MessageRejected(WhisperdError):
    """A ratchet message failed to decrypt; the ratchet's state is as before."""

    code = "message-rejected"
    exit_status = 72
    summary = "a message could not be decrypted"
    remedy = "Nothing to do: it was dropped and nothing changed."


def catalogue() -> dict[str, type[WhisperdError]]:
    """Return every error class by its code."""
    import whisperd.file_errors  # noqa: F401 - it stands apart for its length only

    found: list[type[WhisperdError]] = [WhisperdError]
    for error in found:  # it grows meanwhile
        found.extend(error.__subclasses__())
    return {error.code: error for error in found}

"""Failures of Tor and of the onion service: exit statuses 30 to 44 and 80 to 84."""

from __future__ import annotations

from whisperd.errors.base import WhisperdError


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
    remedy = ("Check the address; the relay may be down, or its descriptor not yet published. If it was started again "
              "with another address (onion.key = 'ephemeral'), make a new invite: nothing leads back to the old one.")


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


class TransportNotInstalled(WhisperdError):
    code = "transport-not-installed"
    exit_status = 84
    summary = "the program that disguises the traffic to a bridge is not on this machine"
    remedy = "Install it ('apt install obfs4proxy' or 'apt install snowflake-client')."


class RotationRefused(WhisperdError):
    code = "rotation-refused"
    exit_status = 80
    summary = "the onion address cannot be rotated now"
    remedy = "Wait until it is retired, or let it go at once by 'whisperctl onion retire'."


class TorManaged(WhisperdError):
    code = "tor-managed"
    exit_status = 81
    summary = "torrc decides this: in the mode 'managed' whisperd has no control port"
    remedy = "Change torrc and reload tor, or set tor.mode to 'attach' or 'launch'."


class HostnameUnusable(WhisperdError):
    code = "hostname-unusable"
    exit_status = 82
    summary = "the hostname file of the onion service cannot be used"
    remedy = ("Set 'HiddenServiceDirGroupReadable 1' in torrc, and 'DataDirectoryGroupReadable 1' for a folder below "
              "tor's own; restart tor, since a reload is not enough; and let this user join tor's group, on Debian: "
              "'adduser USER debian-tor'.")


class OnionTaken(WhisperdError):
    code = "onion-taken"
    exit_status = 83
    summary = "tor holds this onion service for another control connection"
    remedy = ("Wait: whisperd tries again by itself until tor has noticed that the connection from before is dead. If "
              "it stays so, restart tor, or end the other program that publishes with this key.")


class TestnetFailed(WhisperdError):
    __test__ = False
    code = "testnet-failed"
    exit_status = 41
    summary = "the private Tor network did not come up"
    remedy = "Look at the tor logs in its folder, and try again on a machine that is less busy."

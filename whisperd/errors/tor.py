"""Failures of Tor and of the onion service: exit statuses 30 to 44 and 80 to 84."""

from __future__ import annotations

from whisperd.errors.base import WhisperdError


class TorNotInstalled(WhisperdError):
    code = "tor-not-installed"
    exit_status = 30
    summary = "the tor program was not found"
    remedy = "Install it ('apt install tor'), or set its path in tor.binary."


class TorControlUnreachable(WhisperdError):
    code = "tor-control-unreachable"
    exit_status = 31
    summary = "nothing answers on tor's control port"
    remedy = "Set 'ControlSocket' or 'ControlPort' in torrc and start tor, then name that place in tor.control."


class TorControlForbidden(WhisperdError):
    code = "tor-control-forbidden"
    exit_status = 32
    summary = "this user may not open tor's control socket or cookie file"
    remedy = "Join the group that owns it (on Debian: 'adduser USER debian-tor'), and log in again."


class TorAuthRefused(WhisperdError):
    code = "tor-auth-refused"
    exit_status = 33
    summary = "tor refused the authentication"
    remedy = "Check tor.password, or set 'CookieAuthentication 1' in torrc."


class TorNotBootstrapped(WhisperdError):
    code = "tor-not-bootstrapped"
    exit_status = 34
    summary = "tor is not connected to the Tor network yet"
    remedy = "Wait, and check the network and the clock. To try whisperd without internet, run 'whisperd demo'."


class TorUnavailable(WhisperdError):
    code = "tor-unavailable"
    exit_status = 35
    summary = "this daemon does not use tor"
    remedy = "Set tor.mode to 'launch' or 'attach'."


class OnionNotPublished(WhisperdError):
    code = "onion-not-published"
    exit_status = 36
    summary = "the onion service's descriptor was not uploaded in time"
    remedy = "Run 'whisperctl address --wait 120', and look at 'whisperctl status'."


class OnionKeyUnusable(WhisperdError):
    code = "onion-key-unusable"
    exit_status = 37
    summary = "the key file of the onion service cannot be used"
    remedy = "Restore it from a backup, with mode 0600. Or move it away, to get a new address."


class DialRefused(WhisperdError):
    code = "dial-refused"
    exit_status = 38
    summary = "whisperd connects only to .onion addresses, through Tor"
    remedy = "Use an onion address. For a relay on this machine set peer.loopback = true."


class DialFailed(WhisperdError):
    code = "dial-failed"
    exit_status = 39
    summary = "the relay could not be reached through Tor"
    remedy = ("Check the address. The relay may be down, or not published yet. If it has restarted with a new address "
              "(onion.key = 'ephemeral'), make a new invite, because the old address no longer works.")


class TorCommandFailed(WhisperdError):
    code = "tor-command-failed"
    exit_status = 40
    summary = "tor refused a control command"
    remedy = "Update tor to 0.4.8 or later. A filtered control port must permit ADD_ONION and DEL_ONION."


class OnionUnreachable(WhisperdError):
    code = "onion-unreachable"
    exit_status = 42
    summary = "the onion service was not reached through Tor"
    remedy = "Wait: it is published again automatically. If the error stays, run 'whisperctl doctor'."


class CredentialRefused(DialFailed):
    code = "credential-refused"
    exit_status = 43
    summary = "the relay is private, and this daemon has no credential for it"
    remedy = "Ask its owner for a credential line, and add it with 'whisperctl tor credential add'."


class CredentialMalformed(WhisperdError):
    code = "credential-malformed"
    exit_status = 44
    summary = "this is not a credential for an onion service"
    remedy = "Copy the whole line again. It has the form ADDRESS:descriptor:x25519:KEY."


class TransportNotInstalled(WhisperdError):
    code = "transport-not-installed"
    exit_status = 84
    summary = "the program for the bridge's transport is not installed"
    remedy = "Install it ('apt install obfs4proxy' or 'apt install snowflake-client')."


class RotationRefused(WhisperdError):
    code = "rotation-refused"
    exit_status = 80
    summary = "the onion address cannot be rotated now"
    remedy = "Wait until the old address is retired, or retire it at once with 'whisperctl onion retire'."


class TorManaged(WhisperdError):
    code = "tor-managed"
    exit_status = 81
    summary = "torrc controls this, because tor.mode is 'managed'"
    remedy = "Change torrc and reload tor, or set tor.mode to 'attach' or 'launch'."


class HostnameUnusable(WhisperdError):
    code = "hostname-unusable"
    exit_status = 82
    summary = "the hostname file of the onion service cannot be used"
    remedy = ("In torrc, set 'HiddenServiceDirGroupReadable 1', and for a folder inside tor's own also "
              "'DataDirectoryGroupReadable 1'. Restart tor; a reload is not enough. Add this user to tor's group (on "
              "Debian: 'adduser USER debian-tor').")


class OnionTaken(WhisperdError):
    code = "onion-taken"
    exit_status = 83
    summary = "another control connection of tor already holds this onion service"
    remedy = ("Wait: whisperd tries again until tor drops the old connection. If the error stays, restart tor, or end "
              "the other program that uses this key.")


class TestnetFailed(WhisperdError):
    __test__ = False
    code = "testnet-failed"
    exit_status = 41
    summary = "the private Tor network did not start"
    remedy = "Look at the tor logs in its folder, and try again on a less busy machine."

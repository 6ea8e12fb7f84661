"""Failures of the command line, the configuration and the control socket: exit statuses 2 to 9 and 111."""

from __future__ import annotations

from whisperd.errors.base import WhisperdError


class UsageError(WhisperdError):
    code = "usage"
    exit_status = 2
    summary = "the command is not valid"
    remedy = "Run it again with --help."


class DaemonUnreachable(WhisperdError):
    code = "daemon-unreachable"
    exit_status = 3
    summary = "no daemon answers on the control socket"
    remedy = "Start it with 'whisperd', or name its socket with --socket or WHISPERD_SOCKET."
    #: Whether something answers all the same that may be a daemon of another version.
    answers = False


class PermissionRefused(WhisperdError):
    code = "permission-refused"
    exit_status = 4
    summary = "the daemon does not serve this user"
    remedy = "Run as the daemon's user, or join the group that owns the control socket."


class TimedOut(WhisperdError):
    code = "timed-out"
    exit_status = 5
    summary = "the time limit was reached"
    remedy = "Try again with a longer --wait, and look at 'whisperctl status'."


class ConfigError(WhisperdError):
    code = "config-invalid"
    exit_status = 6
    summary = "the configuration is not valid"
    remedy = "Correct the key that is named. whisperd.toml(5) lists all keys."


class DaemonRunning(WhisperdError):
    code = "daemon-running"
    exit_status = 7
    summary = "another daemon already serves this control socket"
    remedy = "Stop the other one with 'whisperctl stop', or set a different control.socket."


class AddressInUse(WhisperdError):
    code = "address-in-use"
    exit_status = 8
    summary = "another program already listens on this address"
    remedy = "Choose another port in relay.listen, or stop the other program."


class OutputFailed(WhisperdError):
    code = "output-failed"
    exit_status = 111
    summary = "standard output could not be written"
    remedy = ("Free some space on its disk, or write to a terminal, a pipe or another file. Do not repeat a command "
              "that sends or changes something: that part was done. Messages that were not written are still unread.")


class Interrupted(WhisperdError):
    code = "interrupted"
    exit_status = 9
    summary = "interrupted"
    remedy = "Run it again when you like."

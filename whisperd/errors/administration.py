"""Failures of administering a daemon: exit statuses 110 to 119."""

from __future__ import annotations

from whisperd.errors.base import WhisperdError


class LogDropped(WhisperdError):
    code = "log-dropped"
    exit_status = 110
    summary = "the daemon closed this connection because it did not read the log fast enough"
    remedy = "Follow the log again, with a higher --level, or read the output faster."

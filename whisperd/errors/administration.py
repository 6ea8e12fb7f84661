"""Failures of administering a daemon: exit statuses 110 to 119."""

from __future__ import annotations

from whisperd.errors.base import WhisperdError


class LogDropped(WhisperdError):
    code = "log-dropped"
    exit_status = 110
    summary = "the log came faster than it was read, and the daemon cut this client off"
    remedy = "Follow it again, with a higher --level, or read faster what is printed."

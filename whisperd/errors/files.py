"""Failures of files and of single messages: exit statuses 64 to 69 and 75."""

from __future__ import annotations

from whisperd.errors.base import WhisperdError


class FileUnknown(WhisperdError):
    code = "file-unknown"
    exit_status = 64
    summary = "there is no file or message of this name in the conversation"
    remedy = "'whisperctl chat files' and 'whisperctl chat history' show them."


class TooLate(WhisperdError):
    code = "too-late"
    exit_status = 65
    summary = "it has gone too far for that"
    remedy = "Look at its state: 'whisperctl chat files' and 'whisperctl chat history'."


class FileTooLarge(WhisperdError):
    code = "file-too-large"
    exit_status = 66
    summary = "the file is larger than this daemon takes"
    remedy = "Send it in parts, or raise peer.max_file on both sides."


class TooManyFiles(WhisperdError):
    code = "too-many-files"
    exit_status = 67
    summary = "there are as many open files in this conversation as it may have"
    remedy = "Wait until one is through, or cancel one."


class NoDownloads(WhisperdError):
    code = "no-downloads"
    exit_status = 68
    summary = "this daemon has no folder for files that come in"
    remedy = "Name one in peer.downloads, and start the daemon again."


class FileFailed(WhisperdError):
    code = "file-failed"
    exit_status = 69
    summary = "a file could not be read or written"
    remedy = "Check that it is there, that its folder is writable for the daemon, and that the disk is not full."


class FileChanged(WhisperdError):
    code = "file-changed"
    exit_status = 99
    summary = "the file is not what it was when it was offered"
    remedy = "Send it again."


class HashMismatch(WhisperdError):
    code = "hash-mismatch"
    exit_status = 75
    summary = "what arrived is not the file that was offered"
    remedy = "Nothing of it was kept; ask for it again."

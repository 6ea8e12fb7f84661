"""Failures of files and of single messages: exit statuses 64 to 69 and 75."""

from __future__ import annotations

from whisperd.errors.base import WhisperdError


class FileUnknown(WhisperdError):
    code = "file-unknown"
    exit_status = 64
    summary = "there is no such file or message in this conversation"
    remedy = "To see them, run 'whisperctl chat files' and 'whisperctl chat history'."


class TooLate(WhisperdError):
    code = "too-late"
    exit_status = 65
    summary = "it is too late for that"
    remedy = "Check its state with 'whisperctl chat files' or 'whisperctl chat history'."


class FileTooLarge(WhisperdError):
    code = "file-too-large"
    exit_status = 66
    summary = "the file is larger than the maximum size"
    remedy = "Send it in parts, or raise peer.max_file on both sides."


class TooManyFiles(WhisperdError):
    code = "too-many-files"
    exit_status = 67
    summary = "this conversation has reached its maximum number of open files"
    remedy = "Wait until one is finished, or cancel one."


class NoDownloads(WhisperdError):
    code = "no-downloads"
    exit_status = 68
    summary = "this daemon has no folder for received files"
    remedy = "Set peer.downloads to a folder, and restart the daemon."


class FileFailed(WhisperdError):
    code = "file-failed"
    exit_status = 69
    summary = "a file could not be read or written"
    remedy = "Check that the file exists, that the daemon may write to its folder, and that the disk is not full."


class FileChanged(WhisperdError):
    code = "file-changed"
    exit_status = 99
    summary = "the file has changed since it was offered"
    remedy = "Send it again."


class HashMismatch(WhisperdError):
    code = "hash-mismatch"
    exit_status = 75
    summary = "the received data is not the file that was offered"
    remedy = "It was deleted. Ask the other person to send the file again."

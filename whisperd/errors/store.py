"""Failures of the sealed store: exit statuses 100 to 109."""

from __future__ import annotations

from whisperd.errors.base import WhisperdError


class StoreLocked(WhisperdError):
    code = "store-locked"
    exit_status = 100
    summary = "the store is locked, so this daemon serves its relay only"
    remedy = "Run 'whisperctl store unlock'."


class WrongPassphrase(WhisperdError):
    code = "wrong-passphrase"
    exit_status = 101
    summary = "this passphrase does not open the store"
    remedy = "Try again; without the right one nobody can read what is in it, and 'whisperctl store wipe' removes it."


class StoreDamaged(WhisperdError):
    code = "store-damaged"
    exit_status = 102
    summary = "the store's file was damaged or changed by somebody who does not hold its key"
    remedy = "Bring back a copy of the file or import an export; 'whisperctl store wipe' begins anew."


class StoreBusy(WhisperdError):
    code = "store-busy"
    exit_status = 103
    summary = "another daemon has the store's file open"
    remedy = "Stop it, or give this one another store.file."


class StoreFailed(WhisperdError):
    code = "store-failed"
    exit_status = 104
    summary = "the store's file could not be written"
    remedy = "Make room on its disk and see that its folder is writable; nothing is sent before it is kept."


class StoreUnusable(WhisperdError):
    code = "store-unusable"
    exit_status = 105
    summary = "the store's file cannot be used"
    remedy = "See that it is this user's own with mode 0600, and that its folder is there and writable."


class StoreAbsent(WhisperdError):
    code = "store-absent"
    exit_status = 106
    summary = "this daemon keeps everything in memory"
    remedy = "Set store.kind = 'sealed' and start it again."


class StoreNotEmpty(WhisperdError):
    code = "store-not-empty"
    exit_status = 107
    summary = "there is something in the store already"
    remedy = "Import into a fresh store: 'whisperctl store wipe' removes what is there."


class StateRolledBack(WhisperdError):
    """One side came back with an older state of the conversation than the other has seen."""

    code = "state-rolled-back"
    exit_status = 108
    summary = "an older copy of this conversation's keys was put back, so it ended before a key could be used twice"
    remedy = "Make a new invite; do not bring back copies of a store that was used since."


class StoreKeyMissing(WhisperdError):
    code = "store-key-missing"
    exit_status = 109
    summary = "the place that store.unlock names holds no passphrase for the store"
    remedy = "Put one there, or set store.unlock = 'passphrase'."

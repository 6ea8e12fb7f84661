"""Failures of the sealed store: exit statuses 100 to 109."""

from __future__ import annotations

from whisperd.errors.base import WhisperdError


class StoreLocked(WhisperdError):
    code = "store-locked"
    exit_status = 100
    summary = "the store is locked, so this daemon runs only its relay role"
    remedy = "Run 'whisperctl store unlock'."


class WrongPassphrase(WhisperdError):
    code = "wrong-passphrase"
    exit_status = 101
    summary = "this passphrase does not open the store"
    remedy = ("Try again. Without the right passphrase the contents are lost; 'whisperctl store wipe' then makes room "
              "for a new store.")


class StoreDamaged(WhisperdError):
    code = "store-damaged"
    exit_status = 102
    summary = "the store's file is damaged, or somebody without its key has changed it"
    remedy = ("Restore a copy of the file, or import an export. To start again with an empty store, run 'whisperctl "
              "store wipe'.")


class StoreBusy(WhisperdError):
    code = "store-busy"
    exit_status = 103
    summary = "another daemon is using the store's file"
    remedy = "Stop that daemon, or set a different store.file."


class StoreFailed(WhisperdError):
    code = "store-failed"
    exit_status = 104
    summary = "the store's file could not be written"
    remedy = ("Free some space on its disk, and check that the daemon may write to its folder. Nothing is sent until "
              "it is stored.")


class StoreUnusable(WhisperdError):
    code = "store-unusable"
    exit_status = 105
    summary = "the store's file cannot be used"
    remedy = "Check that the file belongs to this user and has mode 0600, and that its folder exists and is writable."


class StoreAbsent(WhisperdError):
    code = "store-absent"
    exit_status = 106
    summary = "this daemon has no store: it holds everything in memory"
    remedy = "Set store.kind = 'sealed' and restart the daemon."


class StoreNotEmpty(WhisperdError):
    code = "store-not-empty"
    exit_status = 107
    summary = "the store is not empty"
    remedy = "Import into a new store. 'whisperctl store wipe' deletes the old one."


class StateRolledBack(WhisperdError):
    """One side came back with an older state of the conversation than the other has seen."""

    code = "state-rolled-back"
    exit_status = 108
    summary = ("one side came back with an older copy of this conversation, so it was ended before a key could be "
               "used twice")
    remedy = "Make a new invite. Never restore a copy of a store that has been used since."


class StoreKeyMissing(WhisperdError):
    code = "store-key-missing"
    exit_status = 109
    summary = "the store's passphrase was not found where store.unlock says it is"
    remedy = "Put the passphrase there, or set store.unlock = 'passphrase'."

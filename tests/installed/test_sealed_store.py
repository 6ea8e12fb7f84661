"""What outlives an installed daemon: made, locked, unlocked, moved to another daemon, and destroyed."""

from __future__ import annotations

import pytest

from tests.installed.kit import Company, Daemon, meet

FIRST, SECOND, CARRIED = "correct horse battery", "staple of another horse", "only for the journey"


def sealed(company: Company, name: str, url: str) -> Daemon:
    """Return somebody's daemon that has started, whose sealed store asks for its passphrase."""
    store = f'[store]\nkind = "sealed"\nfile = "{company.folder}/{name}/store/store.db"\nargon2_memory = 64\n'
    person = company.person(name, url, more=store)
    person.start()
    return person


def opened(person: Daemon, *passphrases: str) -> None:
    """Unlock the store."""
    done = person.whisperctl("store", "unlock", input="".join(f"{each}\n" for each in passphrases))
    assert done.returncode == 0, done.stderr


def test_a_store_is_locked_changed_exported_imported_and_wiped(company: Company):
    _, url = company.relay()
    anna, ben, other = (sealed(company, name, url) for name in ("anna", "ben", "other"))
    assert anna.ask("store", "status")["state"] == "new"
    opened(anna, FIRST)
    opened(ben, FIRST)
    meet(anna, ben)
    anna.ask("contact", "save", "c1", "ben")
    ben.wait(lambda: ben.ask("contact", "list"))
    ben.ask("contact", "save", "c1", "anna")
    anna.wait(lambda: [row["state"] for row in anna.ask("contact", "list")] == ["connected"])

    anna.ask("store", "lock")
    refused = anna.whisperctl("contact", "list")
    assert refused.returncode != 0 and "store unlock" in refused.stderr
    wrong = anna.whisperctl("store", "unlock", input="not this one at all\n")
    assert wrong.returncode != 0
    opened(anna, FIRST)
    changed = anna.whisperctl("store", "passphrase", input=f"{FIRST}\n{SECOND}\n")
    assert changed.returncode == 0, changed.stderr
    anna.restart()
    opened(anna, SECOND)

    export = anna.folder / "carried"
    done = anna.whisperctl("store", "export", str(export), input=f"{CARRIED}\n")
    assert done.returncode == 0, done.stderr
    assert b"ben" not in export.read_bytes()
    taken = other.folder / "carried"
    taken.write_bytes(export.read_bytes())
    other.own(taken)
    opened(other, SECOND)
    done = other.whisperctl("store", "import", str(taken), input=f"{CARRIED}\n")
    assert done.returncode == 0, done.stderr
    assert [row["contact"] for row in other.ask("contact", "list")] == ["ben"]

    done = anna.whisperctl("store", "wipe", "--yes")
    assert done.returncode == 0, done.stderr
    assert anna.ask("store", "status")["state"] == "new"
    opened(anna, FIRST)
    assert anna.ask("contact", "list") == []


@pytest.mark.parametrize("verb", ["unlock", "passphrase"])
def test_without_a_passphrase_nothing_is_changed(company: Company, verb: str):
    _, url = company.relay()
    anna = sealed(company, "anna", url)
    done = anna.whisperctl("store", verb)
    assert done.returncode != 0 and "passphrase" in done.stderr
    assert anna.ask("store", "status")["state"] == "new"

"""Every failure that a user can see has a code, an exit status and a remedy of its own."""

from __future__ import annotations

from whisperd.errors import WhisperdError, catalogue


def test_codes_and_exit_statuses_are_unique():
    errors = catalogue()
    statuses = [error.exit_status for error in errors.values()]
    assert len(set(statuses)) == len(statuses)
    assert all(0 < status < 126 for status in statuses)


def test_every_error_says_what_happened_and_what_to_do():
    for error in catalogue().values():
        assert error.summary and not error.summary.endswith("."), error
        assert error.remedy.endswith((".", "?")), error
        assert error().message == error.summary


def test_an_error_can_be_more_precise_than_its_class():
    error = WhisperdError("the cat sat on it", remedy="Lift the cat.")
    assert (error.message, error.remedy) == ("the cat sat on it", "Lift the cat.")
    assert WhisperdError.remedy != error.remedy

"""The comparison of objects with Protocols finds what it is there to find."""

from __future__ import annotations

from typing import Protocol

import pytest

from tests.protocols import differences


class Promised(Protocol):
    @property
    def name(self) -> str:
        """Its name."""

    def by_place(self, one: int, /) -> None:
        """Called by position."""

    def by_name(self, one: int, more: bool = False) -> None:
        """Called by name."""


class Whole:
    name = "whole"

    def by_place(self, other_name: int) -> None:
        """A name that nobody uses may differ."""

    def by_name(self, one: int, more: bool = True, further: int = 0) -> None:
        """More may be taken."""


class NoName(Whole):
    def __getattribute__(self, name: str) -> object:
        if name == "name":
            raise AttributeError(name)
        return super().__getattribute__(name)


class NotCallable(Whole):
    by_place = 5  # type: ignore[assignment]


class OtherName(Whole):
    def by_name(self, two: int, more: bool = True) -> None:  # type: ignore[override]
        """Its first parameter has another name."""


class Fewer(Whole):
    def by_name(self, one: int) -> None:  # type: ignore[override]
        """It does not take ``more``."""


class Wants(Whole):
    def by_place(self, one: int, two: int) -> None:  # type: ignore[override]
        """It wants what nobody promised."""


def test_what_is_whole_differs_in_nothing():
    assert differences(Whole(), Promised) == []


@pytest.mark.parametrize(("made", "said"), [
    (NoName(), ["name is missing"]), (NotCallable(), ["by_place cannot be called"]),
    (OtherName(), ["by_name", "by_name"]), (Fewer(), ["by_name"]), (Wants(), ["by_place", "by_place"]),
], ids=lambda value: type(value).__name__)
def test_what_is_missing_or_taken_differently_is_found(made, said):
    found = differences(made, Promised)
    assert len(found) == len(said) and all(one.startswith(start) for one, start in zip(found, said, strict=True))

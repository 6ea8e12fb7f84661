"""Uploads of descriptors are counted from tor's events, whatever else those say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from whisperd.tor.onion.descriptor_uploads import DescriptorUploads

LABEL = "a" * 56
UPLOAD, UPLOADED, FAILED = (f"{action} {LABEL} UNKNOWN $AA~relay1" for action in ("UPLOAD", "UPLOADED", "FAILED"))


def after(*events: str) -> DescriptorUploads:
    uploads = DescriptorUploads(f"{LABEL}.onion")
    for event in events:
        uploads.hear(event)
    return uploads


def test_it_is_complete_when_one_worked_and_none_is_under_way() -> None:
    assert not after(UPLOAD, UPLOAD, UPLOADED).complete
    assert after(UPLOAD, UPLOAD, UPLOADED, UPLOADED).complete
    assert after(UPLOAD, UPLOAD, FAILED, UPLOADED).complete


def test_a_descriptor_that_has_not_been_uploaded_yet_is_waited_for() -> None:
    created = [f"CREATED {LABEL} UNKNOWN UNKNOWN {name}" for name in ("first", "second")]
    first, second = (f"{UPLOAD} {name} HSDIR_INDEX=00" for name in ("first", "second"))
    half = after(*created, first, UPLOADED)
    assert half.done == 1 and not half.begun and not half.complete
    both = after(*created, first, UPLOADED, second)
    assert both.begun and not both.complete
    assert after(*created, first, UPLOADED, second, UPLOADED).complete


def test_failures_alone_are_no_success() -> None:
    assert not after(UPLOAD, FAILED).complete


def test_it_has_failed_when_everything_did_and_nothing_is_to_come() -> None:
    assert after(UPLOAD, UPLOAD, FAILED, FAILED).failed
    assert not after().failed and not after(UPLOAD, UPLOAD, FAILED).failed
    assert not after(UPLOAD, UPLOAD, UPLOADED, FAILED).failed
    assert not after(UPLOAD, FAILED, f"CREATED {LABEL} UNKNOWN UNKNOWN second").failed


def test_a_descriptor_that_somebody_fetches_in_vain_is_no_upload_that_failed() -> None:
    fetched = FAILED.replace("relay1", "relay2") + " descriptor REASON=NOT_FOUND"
    assert not after(fetched).failed
    assert not after(UPLOAD, fetched, FAILED.replace("AA", "BB")).failed
    assert not after(UPLOAD, UPLOAD, UPLOADED, fetched).complete


def test_descriptors_that_are_refused_are_told_from_those_that_got_nowhere() -> None:
    refused = f"{FAILED} descriptor REASON=UPLOAD_REJECTED"
    assert after(UPLOAD, refused).outdated and after(UPLOAD, UPLOAD, refused, FAILED).outdated
    assert not after(UPLOAD, FAILED).outdated and not after(UPLOAD, f"{FAILED} descriptor REASON=UNEXPECTED").outdated
    assert not after(UPLOAD, UPLOAD, refused).outdated and not after(UPLOAD, UPLOAD, UPLOADED, refused).outdated


def test_what_concerns_another_onion_changes_nothing() -> None:
    assert not after(UPLOAD, UPLOADED.replace("a", "b")).complete


@given(st.lists(st.one_of(st.text(), st.sampled_from((UPLOAD, UPLOADED, FAILED)))))
def test_any_events_are_survived(events: list[str]) -> None:
    uploads = after(*events)
    assert uploads.done == sum(event == UPLOADED for event in events)

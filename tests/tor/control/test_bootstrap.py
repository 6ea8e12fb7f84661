"""Bootstrap phases are read from events, answers and log files alike."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from whisperd.tor.control.bootstrap import Phase, phase_in_log, phase_of


def test_a_phase_is_read_with_tors_own_words() -> None:
    line = 'NOTICE BOOTSTRAP PROGRESS=75 TAG=enough_dirinfo SUMMARY="Loaded enough \\"directory\\" info"'
    assert phase_of(line) == Phase(75, "enough_dirinfo", 'Loaded enough "directory" info')


def test_what_hinders_it_is_kept() -> None:
    phase = phase_of('WARN BOOTSTRAP PROGRESS=5 TAG=conn SUMMARY="Connecting" WARNING="No route to host" COUNT=3')
    assert phase is not None and phase.warning == "No route to host" and not phase.done


def test_other_events_are_no_phases() -> None:
    assert phase_of("NOTICE CIRCUIT_ESTABLISHED") is None
    assert phase_of("NOTICE BOOTSTRAP TAG=conn") is None


@given(st.text())
def test_any_text_gives_a_phase_in_bounds_or_none(text: str) -> None:
    phase = phase_of("BOOTSTRAP " + text)
    assert phase is None or 0 <= phase.percent <= 100


def test_the_last_phase_of_a_log_counts(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert phase_in_log(log) is None
    log.write_text("[notice] Bootstrapped 5% (conn): Connecting to a relay\n[notice] other\n"
                   "[notice] Bootstrapped 100% (done): Done\n")
    assert phase_in_log(log) == Phase(100, "done", "Done")

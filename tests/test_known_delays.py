"""Delays that are known are measured as they are. `make bench WHAT=truth` finds out up to which rate."""

from pathlib import Path

import pytest

from reports.confusion import SMALL
from reports.ledger import open_ledger
from tests.known_delays import MEDIAN_MS, P99_MS, errors_ms, loops_lag_ms
from tests.played import play

ENOUGH = 50  # of some 150 messages


def test_known_delays_are_measured_as_they_are(tmp_path: Path) -> None:
    """On a machine that is busy with other things, by no more beside the truth than the run's own loops say."""
    played = play(
        tmp_path / "run", "steady", "--defect", "server.delay=exp:40", settings={**SMALL, "agent_every_s": [0.2, 0.3]}
    )
    try:
        assert played.wait() in (0, 3), played.stderr()
    finally:
        played.end()
    ledger = open_ledger(played.folder)
    errors, lag_ms, rig = errors_ms(ledger), loops_lag_ms(ledger), ledger.summary.rig
    if rig.voided and len(errors) < ENOUGH:
        pytest.skip(f"by its own account the run measured next to nothing: {rig.reasons or rig.voided}")
    assert len(errors) >= ENOUGH
    assert errors.min() > 0  # nothing is shown before it left
    at_ease = lag_ms["p99"] <= P99_MS
    assert errors.quantile(0.5) <= (MEDIAN_MS if at_ease else max(MEDIAN_MS, lag_ms["p50"]))
    assert errors.quantile(0.99) <= max(P99_MS, lag_ms["p99"])
    assert ledger.summary.reorders == 0
    assert (ledger.summary.lost, ledger.summary.recovered) == (0, 0)

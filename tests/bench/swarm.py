"""Measure the load: deliveries that one load process plays and records in a second, and what one costs it.

A real run of `steady` against the bundled server on the same machine, at a rate that both can carry. Looked at are the
last seconds of sending, when all sessions talk. `python -m tests.bench.swarm`
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from reports.ledger import Ledger, open_ledger

WIDGETS, AGENTS = 60, 6
RUN_TIME_S, WINDOW_S = 20, 10
WITHIN_S = 120
RATES = {"agent_every_s": "[0.25, 0.35]", "widget_every_s": "[0.5, 0.7]", "arrivals_per_s": "30"}  # about 300 a second


def measure() -> dict[str, float]:
    """Deliveries per second, the load process's CPU per delivery (us) and its share of a core, its loop lag (ms)."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "run"
        command = [sys.executable, "-m", "entrega", "run", "steady", "-t", f"{RUN_TIME_S}s", "--out", str(folder)]
        command += ["--widgets", str(WIDGETS), "--agents", str(AGENTS)]
        for field, value in RATES.items():
            command += ["--set", f"{field}={value}"]
        played = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=False)
        if played.returncode not in (0, 3):  # 3: the rig was at its limit, which is a measurement too
            raise RuntimeError(played.stderr)
        return _measured(open_ledger(folder))


def _measured(ledger: Ledger) -> dict[str, float]:
    until_ns = ledger.run.info["t0_ns"] + RUN_TIME_S * 10**9
    figures = ledger.query(f"""
        SELECT count(*) FILTER (kind = 'displayed' AND via = 'live') / {WINDOW_S} AS delivered_per_s,
            avg(cpu) FILTER (kind = 'rig') * 1e6 / delivered_per_s AS cpu_us_per_delivery,
            avg(cpu) FILTER (kind = 'rig') AS cpu,
            quantile_cont(lag_ms, 0.99) FILTER (kind = 'rig') AS lag_ms_p99
        FROM events WHERE t BETWEEN {until_ns - WINDOW_S * 10**9} AND {until_ns}""")
    missed = {"missed": float(ledger.summary.recovered + ledger.summary.lost)}
    return {str(name): float(value) for name, value in figures.iloc[0].items()} | missed


if __name__ == "__main__":
    print(measure())

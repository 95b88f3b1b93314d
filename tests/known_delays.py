"""What a run measured of delays that its server wrote down: `server.delay` and its answer key, message by message."""

from typing import Any

import pandas as pd

from reports.ledger import Ledger

DEFECT = "server.delay"
MEDIAN_MS, P99_MS = 1.0, 5.0  # how far what is measured may be from what is true


def errors_ms(ledger: Ledger) -> "pd.Series[float]":
    """By mid: from the store to the display as measured, less the delay as logged. Windows that the rig voided are out.

    Between the store and the display lies, besides the delay, the way of any message: to be written by the server, to
    be read by the swarm. That way is in the error.
    """
    key = pd.read_json(ledger.run.path / "injected.jsonl", lines=True)
    logged_ns = key[key["name"] == DEFECT].set_index("mid").eval("end_ns - start_ns")
    measured = ledger.query("""
        SELECT mid, due_ns, displayed_ns - stored_ns AS measured_ns
        FROM ledger JOIN (SELECT mid, min(t) AS stored_ns FROM events WHERE kind = 'stored' GROUP BY mid) USING (mid)
        WHERE displayed_ns IS NOT NULL""").set_index("mid")
    due_s = (measured["due_ns"] - ledger.run.info["t0_ns"]) / 1e9
    sound = measured[~ledger.summary.rig.voids(due_s)]
    return ((sound["measured_ns"] - logged_ns) / 1e6).dropna()


def told(ledger: Ledger) -> bool:
    """Whether the run says itself that its latency is not to be trusted: not valid, or void as long as it sent."""
    return not ledger.summary.rig.valid or errors_ms(ledger).empty


def loops_lag_ms(ledger: Ledger) -> dict[str, Any]:
    """How late the two loops on the way were by their own reports, the load process's and the server's together."""
    lags = ledger.query("""
        SELECT sum(p50) AS p50, sum(p99) AS p99
        FROM (SELECT quantile_disc(lag_ms, 0.5) AS p50, quantile_disc(lag_ms, 0.99) AS p99
              FROM events WHERE kind IN ('rig', 'loop_lag') GROUP BY kind)""")
    return {str(name): float(value) for name, value in lags.iloc[0].items()}

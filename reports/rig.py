"""Was the load generator itself the bottleneck? It watches itself; this judges what it saw.

Past a limit a window of 5 s says nothing about latency. Losses stay losses: a slow load generator does not make a
server forget. The run is invalid only when evidence is missing or the generator was short of CPU for half of the time:
what it used, and what it stood in line for while neighbours had the processors.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from reports.facts import kinds_of
from reports.witnesses import OF_LOAD
from reports.words import ms, percent, plural

if TYPE_CHECKING:
    from reports.ledger import Ledger

WINDOW_S = 5
A_LITTLE = 0.05  # of a latency: who may have added no more to it did not make it


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that a figure of the load generator may be, and why that much."""

    name: str
    called: str
    most: float
    unit: str
    reason: str

    def said(self, value: float | None) -> str:
        """The value of such a figure in words."""
        return ms(value) if self.unit == "ms" else percent(value)


LIMITS = (
    Limit("lag_ms_p99", "loop lag p99", 20.0, "ms", "it adds itself to every latency that is taken meanwhile"),
    Limit("lag_ms_max", "loop lag max", 250.0, "ms", "nobody can tell such a stall from a slow server"),
    Limit("slip_ms_p99", "schedule slip p99", 50.0, "ms", "messages that leave later are not the planned load"),
    Limit(
        "cpu", "CPU a load process wanted", 0.85, "of a core over 5 s", "beyond it everything waits for the processor"
    ),
    Limit("steal", "time stolen by the host", 0.02, "of the machine's time", "the clock ran on while nothing else did"),
    Limit("throttled", "time held back by a CPU quota", 0.02, "of the time", "as if the host had stolen it"),
)


@dataclass(frozen=True, slots=True)
class Voided:
    """A window, in s from the run's start, whose latency counts for nothing, and the limits it went past.

    `late_ms` is the latest that the load generator was in it, whether in its loop or in sending.
    """

    start_s: float
    end_s: float
    why: str
    late_ms: float


@dataclass(frozen=True, slots=True)
class Rig:
    """How the load generator did; each figure is its worst process's (shares: worst window), null: not measured.

    `server_lag_ms_p99` (the server's own loop) and `server_cpu` (of one core, in the worst window; null: the run did
    not start it) are shown beside it; they are findings, never the rig's.
    """

    valid: bool
    reasons: tuple[str, ...]
    lag_ms_p99: float | None
    lag_ms_max: float | None
    slip_ms_p99: float | None
    cpu: float | None
    steal: float | None
    throttled: float | None
    windows: int
    voided: tuple[Voided, ...]
    server_lag_ms_p99: float | None
    server_cpu: float | None

    @property
    def beyond_doubt_ms(self) -> float:
        """Above this a latency can be the load generator's to A_LITTLE at most, in voided windows as well."""
        return max((window.late_ms for window in self.voided), default=0.0) / A_LITTLE

    @property
    def left_out(self) -> str:
        """What limits that were passed have cost, to be said after the word valid; empty: nothing."""
        if not self.valid or not self.voided:
            return ""
        return f", but for latency in {len(self.voided):,} of {plural(self.windows, 'window')} of {WINDOW_S} s"

    def past(self, limit: Limit) -> int:
        """In how many windows it went past that limit."""
        return sum(limit.called in window.why.split(", ") for window in self.voided)

    def voids(self, at_s: "pd.Series[float]") -> "pd.Series[bool]":
        """Which of these times (s from the run's start) lie in a voided window."""
        starts = {window.start_s for window in self.voided}
        return (at_s // WINDOW_S * WINDOW_S).isin(starts)


def judge_rig(ledger: "Ledger") -> Rig:
    """The load generator's own figures and whether the run is valid, from the run's events and the ledger's rows."""
    t0_ns = ledger.run.info.get("t0_ns") or 0
    measured, server = ledger.query(_windows_sql(t0_ns)), ledger.query(_server_sql(t0_ns))
    windows, whole_run = measured[measured["slot"].notna()], measured[measured["slot"].isna()]
    reasons = (*_recorders(ledger), *_short_of_cpu(windows))
    return Rig(
        valid=not reasons,
        reasons=reasons,
        lag_ms_p99=_worst(whole_run["lag_ms_p99"]),
        lag_ms_max=_worst(whole_run["lag_ms_max"]),
        slip_ms_p99=_worst(whole_run["slip_ms_p99"]),
        cpu=_worst(windows["cpu"]),
        steal=_worst(windows["steal"]),
        throttled=_worst(windows["throttled"]),
        windows=int(windows["slot"].nunique()),
        voided=_voided(windows),
        server_lag_ms_p99=_worst(server["lag_ms_p99"]),
        server_cpu=_worst(server["cpu"]),
    )


def _slot(t_ns: str, t0_ns: int) -> str:
    """The number of the window in which that time lies."""
    return f"(({t_ns} - {t0_ns}) // {WINDOW_S * 1_000_000_000})"


def _server_sql(t0_ns: int) -> str:
    """The server's own figures, in one row."""
    return f"""
        WITH windows AS (SELECT avg(cpu) AS cpu FROM events WHERE kind = 'server_cpu' GROUP BY {_slot("t", t0_ns)})
        SELECT quantile_disc(lag_ms, 0.99) FILTER (kind = 'loop_lag') AS lag_ms_p99,
            (SELECT max(cpu) FROM windows) AS cpu
        FROM events"""


def _windows_sql(t0_ns: int) -> str:
    """Figures per process and 5 s window, and per process over the whole run (slot null).

    A late loop reports after the fact, so its sample counts in every window that the lateness spans. Of a message's
    attempts only the first is due; later ones wait for the server.
    """
    began, ended = _slot("t - CAST(coalesce(lag_ms, 0) * 1e6 AS BIGINT)", t0_ns), _slot("t", t0_ns)
    return f"""
        WITH samples AS (
            SELECT source, {ended} AS slot, NULL AS lag_ms, cpu + coalesce(waited, 0) AS cpu, steal, throttled,
                NULL AS slip_ms
            FROM events WHERE kind = 'rig'
            UNION ALL
            SELECT source, unnest(range({began}, {ended} + 1)), lag_ms, NULL, NULL, NULL, NULL
            FROM events WHERE kind = 'rig'
            UNION ALL
            SELECT source, {_slot("min(t)", t0_ns)}, NULL, NULL, NULL, NULL, greatest(min(t) - due_ns, 0) / 1e6
            FROM events WHERE kind = 'sent' AND due_ns IS NOT NULL GROUP BY source, mid, due_ns
        )
        SELECT source, slot, quantile_disc(lag_ms, 0.99) AS lag_ms_p99, max(lag_ms) AS lag_ms_max,
            quantile_disc(slip_ms, 0.99) AS slip_ms_p99, avg(cpu) AS cpu, avg(steal) AS steal,
            avg(throttled) AS throttled, greatest(max(lag_ms), max(slip_ms), 0) AS late_ms
        FROM samples GROUP BY GROUPING SETS ((source, slot), (source)) ORDER BY source, slot"""


def _voided(windows: pd.DataFrame) -> tuple[Voided, ...]:
    past = pd.DataFrame({limit.called: windows[limit.name] > limit.most for limit in LIMITS})
    slots = windows["slot"].astype("int64")
    by_slot, late_ms = past.groupby(slots).any(), windows["late_ms"].groupby(slots).max()
    return tuple(
        Voided(
            float(slot * WINDOW_S), float((slot + 1) * WINDOW_S), ", ".join(by_slot.columns[row]), float(late_ms[slot])
        )
        for slot, row in zip(by_slot.index.tolist(), by_slot.to_numpy(), strict=True)
        if row.any()
    )


def _recorders(ledger: "Ledger") -> list[str]:
    """A recorder that was cut, or is missing altogether, may have seen what now looks lost.

    Ours end with a sentinel; a file by another hand may go on beyond the last message's allowance instead.
    """
    ends_ns = [window["end_ns"] for window in ledger.run.info["fault_windows"]]
    swarm = ledger.query(
        "SELECT source, bool_or(kind = 'sentinel') OR NOT starts_with(source, 'swarm') AND coalesce(max(t) - ? >= "
        "(SELECT greatest(max(coalesce(accepted_ns, sent_ns)), ?) FROM ledger), false) AS whole FROM events "
        f"WHERE list_contains(?, kind) GROUP BY source {OF_LOAD}",
        [round(ledger.run.info["horizon_s"] * 1e9), max(ends_ns, default=0), kinds_of("swarm")],
    )
    reasons = [
        f"The recording of load process {source} breaks off: the process died or was killed."
        for source in sorted(swarm.loc[~swarm["whole"].astype(bool), "source"])
    ]
    missing = (ledger.run.info.get("workers") or 0) - len(swarm)
    if missing > 0:
        reasons.append(
            f"{plural(missing, 'load process', 'load processes')} left no recording, and so never got to work."
        )
    return reasons


def _short_of_cpu(windows: pd.DataFrame) -> list[str]:
    limit = next(limit for limit in LIMITS if limit.name == "cpu")
    reasons = []
    for source, of_source in windows[windows["cpu"].notna()].groupby("source"):
        over, of = int((of_source["cpu"] > limit.most).sum()), len(of_source)
        if over * 2 >= of:
            reasons.append(
                f"Load process {source} wanted more than {percent(limit.most)} of a core in {over} of {of} windows of "
                f"{WINDOW_S} s, so it may have been slower than the server; use more --processes or fewer users, or "
                "end what else runs here."
            )
    return reasons


def _worst(figures: Any) -> float | None:
    worst = figures.max()
    return None if pd.isna(worst) else round(float(worst), 3)

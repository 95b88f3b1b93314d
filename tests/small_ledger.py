"""A ledger in memory, as small as a test wants it: rows and events given in a few words, no folder, no server."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pandas as pd

from loadtests.events import columns
from reports.summary import Summary, summarize

T0_NS = 1_000_000_000_000
RUN = "cafe0001"
INFO: dict[str, Any] = {
    "format": 1,
    "run": RUN,
    "scenario": {"name": "written", "seed": 7, "goals": {}},
    "target": {"name": "bundled", "promises": {"ack": True, "history": True, "order": True}},
    "seed": 7,
    "t0_ns": T0_NS,
    "horizon_s": 20.0,
    "late_after_s": 2.0,
    "warm_up_s": 0.0,
    "planned": {"widgets": 1, "agents": 1, "messages": 1},
    "fault_windows": [],
    "clocks": [{"process": "start", "monotonic_ns": T0_NS, "utc": "2025-11-22T12:00:00+00:00"}],
    "end": {"state": "complete", "reason": None},
    "workers": 1,
}
COUNTERS: dict[str, float | None] = {
    **dict.fromkeys(("duplicates", "reorders", "leaks", "phantoms", "unexpected", "foreign", "view_misses"), 0),
    "false_connected_s": 0.0,
}


def message(key: str, outcome: str | None = "live", **changes: Any) -> dict[str, Any]:
    """One ledger row, KEY = INDEX.a.N: agent INDEX modulo 2 sends it at N s, the widget shows it 20 ms later."""
    index, by, number = key.split(".")
    widget, agent = f"widget-{index}", f"agent-{int(index) % 2}"
    due_ns = T0_NS + int(number) * 1_000_000_000
    shown = outcome in ("live", "late", "recovered")
    row: dict[str, Any] = {
        "mid": f"{RUN}:{key}", "key": key, "session": f"s{index}", "seq": int(number) + 1,
        "sender": agent if by == "a" else widget, "recipient": widget if by == "a" else agent,
        "due_ns": due_ns, "sent_ns": due_ns + 1_000_000, "accepted_ns": due_ns + 6_000_000,
        "published_ns": due_ns + 5_000_000, "displayed_ns": due_ns + 20_000_000 if shown else None,
        "sender_view": "accepted", "owed": outcome is not None, "outcome": outcome, "via": "live" if shown else None,
        "stored": "yes", "by_design": False, "missed_because": None, "not_recovered_because": None, "reason": None,
        "latency_ms": 20.0 if shown else None, "live_latency_ms": 20.0 if outcome in ("live", "late") else None,
        "said": None, "attempts": 1, "copies": int(shown), "view_misses": 0, "wiped": False, "members": 2,
        "conn_state": "joined", "join_offset_ms": -500.0, "shown_after_s": None, "evidence": "journal",
        "gap_root": None, "cause_ms": None, "since_drop_ms": None, "back_after_ms": None,
        "refused_with": None, "room": f"chat:s{index}", "namespace": None,
        "entered_room": None,
    }  # fmt: skip
    return {**row, **changes}


def lost(key: str, cause: str = "early_message", **changes: Any) -> dict[str, Any]:
    return message(key, "lost", **{"missed_because": cause, "not_recovered_because": "not_offered", **changes})


def event(at_s: float, kind: str, **fields: Any) -> dict[str, Any]:
    """One event, `at_s` from the run's start, in swarm-1's file unless it says otherwise."""
    return {"source": "swarm-1", "line": 0, "t": T0_NS + round(at_s * 1e9), "kind": kind, **fields}


def healthy_rig(**changes: Any) -> list[dict[str, Any]]:
    """What a load process at ease writes about itself in 20 s, and its sentinel."""
    beats = [event(0.5 * n, "rig", **{"lag_ms": 1.0, "cpu": 0.2, "steal": 0.0, **changes}) for n in range(40)]
    return [*beats, event(20, "sentinel")]


class SmallLedger:
    """What summary, figures and pages ask of a ledger."""

    def __init__(
        self,
        rows: list[dict[str, Any]],
        events: list[dict[str, Any]] | None = None,
        counters: dict[str, float | None] | None = None,
        path: Path = Path("runs/written"),
        **info: Any,
    ) -> None:
        events = healthy_rig() if events is None else events
        self.run = SimpleNamespace(path=path, info={**INFO, **info})
        self.deliveries = _rows(rows)
        self.counters = {**COUNTERS, **(counters or {})}
        self.attributed: dict[str, dict[str, int]] = {}
        self.contradictions = None
        self.doubts = ()
        self._con = duckdb.connect()
        self._con.register("ledger", self.deliveries)
        self._con.register("given", pd.DataFrame(events, columns=list(columns())).astype(object))
        casts = ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, kind in columns().items())
        self._con.execute(f"CREATE VIEW events AS SELECT {casts} FROM given ORDER BY t")

    def query(self, sql: str, given: Sequence[Any] | Mapping[str, Any] = ()) -> pd.DataFrame:
        return self._con.sql(sql, params=given).df()

    @cached_property
    def summary(self) -> Summary:
        return summarize(self)


def _rows(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(message("0.a.0")))
    whole = (
        "seq",
        "due_ns",
        "sent_ns",
        "accepted_ns",
        "published_ns",
        "displayed_ns",
        "members",
        "copies",
        "view_misses",
    )
    share = ("latency_ms", "live_latency_ms", "join_offset_ms", "shown_after_s", "cause_ms", "since_drop_ms")
    share += ("back_after_ms",)
    kinds = {**dict.fromkeys(whole, "Int64"), **dict.fromkeys(share, "Float64"), "owed": "bool"}
    return frame.astype({**dict.fromkeys(frame.columns.difference(list(kinds)), "object"), **kinds})

"""A run written by hand: what happened in a few words, as real event lines in a real run folder.

    h = History()
    h.widget_opens(0, at=0.0)
    h.agent_assumes(0, at=1.0)
    h.widget_joins(0, at=2.0)
    h.agent_sends("0.a.0", at=3.0)
    h.shows("0.a.0", at=3.02)
    row = h.ledger().row("0.a.0")

Times are seconds from the run's start.
"""

import json
from pathlib import Path
from typing import Any

from loadtests.events import FORMAT

T0_NS = 1_000_000_000_000
RUN = "abc"


def ns(at: float) -> int:
    return T0_NS + round(at * 1e9)


class History:
    """`sources` maps a file's stem to its lines; swarm-1 holds everybody unless `by` says otherwise."""

    def __init__(self, horizon_s: float = 20.0, late_after_s: float = 2.0, **info: Any) -> None:
        self.lines: dict[str, list[dict[str, Any]]] = {}
        self.info = {
            "format": FORMAT, "run": RUN, "scenario": {"name": "written", "seed": 7}, "seed": 7, "t0_ns": T0_NS,
            "target": {"promises": {"ack": True, "history": True, "order": True}, "socket": {"join": "join"}},
            "horizon_s": horizon_s, "late_after_s": late_after_s, "warm_up_s": 0.0, "workers": 1,
            "planned": {"widgets": 1, "agents": 1, "messages": 1}, "fault_windows": [],
            "clocks": [{"process": "start", "monotonic_ns": T0_NS, "utc": "2025-11-22T12:00:00+00:00"}],
            "end": {"state": "complete", "reason": None}, **info,
        }  # fmt: skip

    def event(self, at: float, kind: str, source: str = "swarm-1", **fields: Any) -> None:
        line = {"t": ns(at), "kind": kind, **{name: value for name, value in fields.items() if value is not None}}
        self.lines.setdefault(source, []).append(line)

    def write(self, folder: Path) -> Path:
        (folder / "events").mkdir(parents=True)
        for source, lines in self.lines.items():
            ordered = sorted(lines, key=lambda line: line["t"])
            (folder / "events" / f"{source}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in ordered))
        (folder / "run.json").write_text(json.dumps(self.info))
        return folder

"""The tab *Delivery* of Locust's web UI: what is owed, shown, overdue and caught up now, over all and per process.

It is fed from the rigs' lines in the run folder, so that it says the same of one load process and of many. Locust asks
for its statistics every 2 s, and takes the rows of other tabs along with them.
"""

import json
import time
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any

from flask import Response, request
from locust.web import WebUI

from loadtests.progress import Tail

KEY = "delivery"
RECENT_S = 30.0  # for rates, quantiles and lag
TOTALS = ("connected", "joined", "sent", "accepted", "displayed", "caught_up")
QUANTILES = (50, 95, 99)
COLUMNS = {
    "name": "Process",
    "connected": "Connected",
    "joined": "Joined",
    "sent": "Sent",
    "accepted": "Owed",
    "displayed": "Displayed",
    "overdue": "Overdue now",
    "caught_up": "Recovered",
    "delivered": "Delivered (%)",
    "rate": "Displayed (1/s)",
    **{f"p{q}": f"{q}%ile (ms)" for q in QUANTILES},
    "slowest": "Max (ms)",
    "lag": "Own lag (ms)",
}


@dataclass(slots=True)
class DeliveryTab:
    """`follow` each run as it begins; between runs the last one's figures stay."""

    _tail: Tail | None = None
    _lines: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # of each process, the recent ones

    def show_in(self, web_ui: WebUI) -> None:
        assert web_ui.app is not None
        structure = [{"key": key, "title": title} for key, title in COLUMNS.items()]
        web_ui.template_args["extended_tabs"] = [{"title": "Delivery", "key": KEY}]
        web_ui.template_args["extended_tables"] = [{"key": KEY, "structure": structure}]
        web_ui.app.after_request(self._put_beside_the_statistics)

    def _put_beside_the_statistics(self, response: Response) -> Response:
        if request.path.endswith("/stats/requests"):
            statistics: dict[str, Any] = response.get_json()
            rows = self.rows(time.monotonic_ns())
            response.set_data(json.dumps({**statistics, "extended_stats": [{"key": KEY, "data": rows}]}))
        return response

    def follow(self, folder: Path, late_after_s: float) -> None:
        self._tail = Tail(folder / "events", late_after_s)
        self._lines.clear()

    def rows(self, now_ns: int) -> list[dict[str, Any]]:
        """With the keys of COLUMNS: first of all processes together, then of each where there are several."""
        if self._tail is None:
            return []
        for name, line in self._tail.lines():
            self._lines.setdefault(name, []).append(line)
        late_ns = round(self._tail.late_after_s * 1e9)
        for name, lines in self._lines.items():
            old_ns = lines[-1]["t"] - max(late_ns, round(RECENT_S * 1e9))
            self._lines[name] = [line for line in lines if line["t"] >= old_ns]
        names = sorted(self._lines)
        return [
            self._together(names, now_ns - late_ns),
            *({**self._row([name]), "name": name.removeprefix("swarm-")} for name in names if len(names) > 1),
        ]

    def _together(self, names: list[str], late_ns: int) -> dict[str, Any]:
        """What only all of them know together, since one process sends what another one displays."""
        row = self._row(names)
        before = [[line for line in self._lines[name] if line["t"] <= late_ns] for name in names]
        owed_since_long = sum(lines[-1]["accepted"] for lines in before if lines)
        row["overdue"] = max(0, owed_since_long - row["displayed"])
        row["delivered"] = round(100 * row["displayed"] / row["accepted"], 2) if row["accepted"] else None
        return {**row, "name": "all"}

    def _row(self, names: list[str]) -> dict[str, Any]:
        latest = [self._lines[name][-1] for name in names]
        lines = [line for name in names for line in self._lines[name]]
        samples = sorted(round(ms, 1) for line in lines for ms in line["latencies_ms"] or ())
        return {
            **{key: sum(line[key] for line in latest) for key in TOTALS},
            "rate": round(sum(_rate(self._lines[name]) for name in names), 1),
            **{f"p{q}": samples[ceil(len(samples) * q / 100) - 1] if samples else None for q in QUANTILES},
            "slowest": samples[-1] if samples else None,
            "lag": round(max(line["lag_ms"] for line in lines), 1) if lines else None,
        }


def _rate(lines: list[dict[str, Any]]) -> float:
    """Displays a second from the first line to the last."""
    took_s = (lines[-1]["t"] - lines[0]["t"]) / 1e9
    return (lines[-1]["displayed"] - lines[0]["displayed"]) / took_s if took_s else 0.0

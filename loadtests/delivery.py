"""How delivery is going while a run is played, in rows for a table: of all load processes together and of each.

Like progress it is read from the tails of the recorders' files. What is shown as recovered is what pages showed first
after a join, a fetch or a replay; the ledger knows it better afterwards.
"""

from math import ceil
from typing import Any

from loadtests.progress import Tail

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


def rows(tail: Tail, now_ns: int) -> list[dict[str, Any]]:
    """With the keys of COLUMNS, null where nothing can be said; those of each process where there are several.

    Rates, quantiles and lag are of the lines that the tail keeps.
    """
    tail.look()
    names = sorted(tail.lines)
    each = [{**_row([tail.lines[name]]), "name": name.removeprefix("swarm-")} for name in names if len(names) > 1]
    # What only all of them know together, since one process sends what another one displays.
    every = {**_row([tail.lines[name] for name in names]), "name": "all", "overdue": tail.overdue(now_ns)}
    if every["accepted"]:
        every["delivered"] = round(100 * every["displayed"] / every["accepted"], 2)
    return [*each, every]


def _row(of_each: list[list[dict[str, Any]]]) -> dict[str, Any]:
    lines = [line for lines in of_each for line in lines]
    samples = sorted(round(ms, 1) for line in lines for ms in line["latencies_ms"] or ())
    return {
        **dict.fromkeys(COLUMNS),
        **{key: sum(lines[-1][key] for lines in of_each) for key in TOTALS},
        "rate": round(sum(map(_rate, of_each)), 1),
        **{f"p{q}": samples[ceil(len(samples) * q / 100) - 1] for q in QUANTILES if samples},
        "slowest": samples[-1] if samples else None,
        "lag": round(max(line["lag_ms"] for line in lines), 1) if lines else None,
    }


def _rate(lines: list[dict[str, Any]]) -> float:
    """Displays a second from the first line to the last."""
    took_s = (lines[-1]["t"] - lines[0]["t"]) / 1e9
    return (lines[-1]["displayed"] - lines[0]["displayed"]) / took_s if took_s else 0.0

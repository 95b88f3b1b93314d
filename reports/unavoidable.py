"""What the plan itself makes unavoidable: messages that were due while their recipient could not be there."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from loadtests.plan import plan
from loadtests.scenario import from_table
from loadtests.values import ScenarioError
from reports.intervals import Share

if TYPE_CHECKING:
    from reports.ledger import Ledger

# Faults in whose windows nothing can reach the one they hit. In the others it can: late, twice, or as ever.
TAKING_AWAY = frozenset({"drop", "close", "offline", "reload", "half-open", "kill-server", "stop-server"})


def unavoidable_miss(ledger: "Ledger") -> Share:
    """Of the owed messages those due in a planned fault's window, or before the widget was planned to connect.

    The least that any client and server must miss live: detection, back-off and the way back come on top of it.
    """
    rows = ledger.deliveries
    rows = rows[rows["owed"] & rows["due_ns"].notna()]
    spans = pd.DataFrame([*_windows(ledger.run.info), *arrivals(ledger)], columns=["party", "start_ns", "end_ns"])
    of_all = spans[spans["party"].isna()]
    of_one = spans[spans["party"].notna()].astype({"party": "str"})
    due = rows[["mid", "recipient", "due_ns"]].astype({"due_ns": "int64"})
    pairs = [due.merge(of_all, how="cross"), due.merge(of_one, left_on="recipient", right_on="party")]
    hit = pd.concat(pairs).query("start_ns <= due_ns < end_ns")["mid"].nunique()
    owed = int(ledger.deliveries["owed"].sum())
    return Share(hit, owed, hit / owed if owed else None)


def _windows(info: Mapping[str, Any]) -> list[tuple[str | None, int, int]]:
    """A link that swallows only what goes up still brings what comes down."""
    windows = [each for each in info.get("fault_windows") or [] if each["name"] in TAKING_AWAY]
    return [(each["party"], each["start_ns"], each["end_ns"]) for each in windows if each.get("way") != "up"]


def arrivals(ledger: "Ledger") -> list[tuple[str | None, int, int]]:
    """From each session's opening until its widget was planned to connect; nothing where run.json has no whole plan."""
    table = ledger.run.info.get("scenario") or {}
    if "connect_after_s" not in table:
        return []
    try:
        scenario = from_table(table)
    except ScenarioError:  # of another version of entrega
        return []
    opened = ledger.query("SELECT party, min(t) AS t FROM events WHERE kind = 'session_opened' GROUP BY party")
    numbers = pd.to_numeric(opened["party"].str.removeprefix("widget-"), errors="coerce")
    return [
        (str(party), int(t_ns), int(t_ns) + round(plan(scenario, int(number)).connects_s * 1e9))
        for party, t_ns, number in zip(opened["party"], opened["t"], numbers, strict=True)
        if not pd.isna(number)
    ]

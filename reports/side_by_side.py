"""Several runs in one table: a row for each, with what became of its messages."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from reports.words import interval

if TYPE_CHECKING:
    from reports.ledger import Ledger


def side_by_side(ledgers: "Mapping[Any, Ledger]") -> pd.DataFrame:
    """The main figures of runs under the names that they are given; rates are shares, their intervals in words."""
    rows = [
        {
            "scenario": summary.scenario,
            "seed": summary.seed,
            "owed": summary.owed,
            "recovered": summary.recovered,
            "lost": summary.lost,
            "live_miss": summary.live_miss.rate,
            "permanent_loss": summary.permanent_loss.rate,
            "permanent_loss_95": interval(summary.permanent_loss),
            "verdict": summary.verdict,
        }
        for summary in (ledger.summary for ledger in ledgers.values())
    ]
    return pd.DataFrame(rows, index=pd.Index(list(ledgers), name="run"))

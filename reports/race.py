"""The race between a widget's join and the first message that is meant for it.

A message is missed when it is emitted before the widget's join took effect. So a widget that began to connect some lead
before the message sees it if that lead is at least the race window: what lies between beginning to connect and being
in the room. The window is estimated from leads and outcomes alone; the plan says what the leads were to be.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.optimize import isotonic_regression

from loadtests.plan import plan
from loadtests.scenario import from_table
from reports.intervals import RESAMPLES, SEED, Floats, Rate, rate_by_session

if TYPE_CHECKING:
    from reports.ledger import Ledger

TAIL = 0.01  # of the resampled windows, on each side: at 2.5 % they covered only 0.85 to 0.93 in simulation


@dataclass(frozen=True, slots=True)
class Window:
    """How long before the message a widget must begin to connect, and the 95 % interval of that."""

    ms: float
    low_ms: float
    high_ms: float


@dataclass(frozen=True, slots=True)
class Race:
    """`first`: a row per session, `lead_ms` from the widget's first attempt to the emit, and whether it was `missed`.

    `planned`: of how many sessions the plan's own leads are shorter than `join_delay_ms`, so that they must miss it.
    `window` is null where all or none were missed.
    """

    join_delay_ms: float
    first: pd.DataFrame
    planned: int
    missed: Rate
    window: Window | None


def race(ledger: "Ledger", join_delay_ms: float) -> Race:
    """Of each session's first message of the agent, where a join is known to take that much longer than on the wire."""
    first = ledger.query("""
        WITH begun AS (SELECT party, min(t) AS begun_ns FROM events WHERE kind = 'connecting' GROUP BY party)
        SELECT split_part(key, '.', 1)::INTEGER AS index, outcome IN ('recovered', 'lost') AS missed,
            (coalesce(published_ns, accepted_ns) - begun_ns) / 1e6 AS lead_ms
        FROM ledger JOIN begun ON party = recipient
        WHERE key LIKE '%.a.0' AND owed AND outcome <> 'unjudged' AND lead_ms IS NOT NULL ORDER BY lead_ms""")
    plans = [plan(from_table(ledger.run.info["scenario"]), int(index)) for index in first["index"]]
    leads_s = [each.escalates_s + each.assume_after_s + each.agent_dues_s[0] - each.connects_s for each in plans]
    return Race(
        join_delay_ms=join_delay_ms,
        first=first,
        planned=sum(lead_s * 1e3 < join_delay_ms for lead_s in leads_s),
        missed=rate_by_session(first["missed"].astype(float), np.ones(len(first))),
        window=window(first["lead_ms"].to_numpy(dtype=float), first["missed"].to_numpy(dtype=float)),
    )


def window(leads_ms: Floats, missed: Floats) -> Window | None:
    """The mean window, by the method of Spearman and Kärber on a falling share of misses; leads ascend.

    The interval resamples sessions. Where every lead that was too short is below every one that was not, the window
    lies between the two whatever the samples say, so the interval always holds that gap.
    """
    if not 0 < missed.sum() < missed.size:
        return None
    dice = np.random.default_rng(SEED)
    drawn = np.sort(dice.integers(0, missed.size, (RESAMPLES, missed.size)))
    low, high = np.quantile([_mean(leads_ms[each], missed[each]) for each in drawn], [TAIL, 1 - TAIL])
    too_short, enough = leads_ms[missed == 1].max(), leads_ms[missed == 0].min()
    if too_short < enough:
        low, high = min(low, too_short), max(high, enough)
    return Window(_mean(leads_ms, missed), float(low), float(high))


def _mean(leads_ms: Floats, missed: Floats) -> float:
    """The first lead, where all are missed, and the area under the share of misses from there on."""
    share = isotonic_regression(missed, increasing=False).x
    return float(leads_ms[0] + np.trapezoid(share, leads_ms))

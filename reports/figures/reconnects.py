"""What it costs to be away: messages missed by how long a party was away, and how long it takes to be back."""

import math
from collections.abc import Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from reports.absences import absences, due_per_s
from reports.figures.canvas import HATCHED, INK, LIVE, LOST, PALE, nothing, picture, round_up, with_key
from reports.intervals import LEVEL
from reports.words import plural, seconds

if TYPE_CHECKING:
    from reports.ledger import Ledger

BINS = 8
LOOKS = (("-", INK), ("--", LIVE), (":", LOST), ("-.", PALE), ((0, (1, 2)), INK), ((0, (6, 2)), PALE))
NOBODY_AWAY = "No party lost its connection to a planned fault."


def missed_by_time_away(ledger: "Ledger") -> Figure:
    """How many messages an absence cost, by how long its fault lasted; dotted: those due while it lasted."""
    found = absences(ledger)
    lost = f"{found['lost'].sum():,} of them lost for good"
    figure, axes = picture(
        f"{plural(len(found), 'absence')}: {plural(int(found['missed'].sum()), 'message')} missed, {lost}",
        "messages missed in an absence, on average, by how long its fault lasted; absences on top",
    )
    if found.empty:
        return nothing(figure, axes, NOBODY_AWAY)
    longest_s = float(found["away_s"].max())
    width = round_up(longest_s / BINS)
    places = found["away_s"] // width * width + width / 2
    for place, of_place in found.groupby(places):
        _bar(axes, float(str(place)), width, of_place)
    edge_s = width * math.ceil(longest_s / width)
    rate = due_per_s(ledger, found["party"])
    axes.plot(
        [0, edge_s], [0, rate * edge_s], color=INK, linestyle=":", label=f"time away x {rate:.2g} messages a second"
    )
    axes.set(xlim=(0, edge_s), xlabel="how long the fault lasted, s", ylabel="messages missed in an absence")
    axes.set_ylim(0, axes.get_ylim()[1] * 1.08)
    for place, n in places.value_counts().items():
        axes.text(float(str(place)), axes.get_ylim()[1], f"{n:,}", ha="center", va="top", fontsize=8, color=PALE)
    return with_key(figure, axes)


def time_to_rejoin(ledgers: "Mapping[str, Ledger]") -> Figure:
    """Share of those that a fault took away who had joined again, by the time since it was over; a line for each run.

    `ledgers`: runs by the names that they are to have. The bars are the medians with their 95 % intervals.
    """
    waits = {name: absences(ledger)["back_s"] for name, ledger in ledgers.items()}
    waits = {name: back_s for name, back_s in waits.items() if len(back_s)}
    lasts = {name: float(back_s.max()) for name, back_s in waits.items() if back_s.notna().any()}
    slowest, last_s = max(lasts.items(), key=itemgetter(1), default=("", 0.0))
    figure, axes = picture(
        f"The last to be back: {slowest}, {seconds(last_s)} after the fault was over" if lasts else "Nobody came back",
        "share of absences that were over, by the time since the fault was; bars: their medians, at 95 %",
    )
    if not waits:
        return nothing(figure, axes, NOBODY_AWAY)
    end_s = max(1.0, last_s * 1.05)
    for n, (name, back_s) in enumerate(waits.items()):
        _curve(axes, name, back_s, end_s, LOOKS[n % len(LOOKS)], 0.5 + 0.03 * (n - len(waits) / 2))
    axes.set(xlim=(min([0.0, *(float(waits[name].min()) for name in lasts)]), end_s), ylim=(0, 1.03))
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.set_xlabel("from the end of the fault to the join's ack, s")
    axes.set_ylabel("share joined again")
    figure.legend(loc="outside lower left", ncols=1, frameon=False, fontsize=9)
    return figure


def _bar(axes: Axes, place: float, width: float, rows: pd.DataFrame) -> None:
    missed, lost = rows["missed"].to_numpy(dtype=float), float(rows["lost"].mean())
    axes.bar(place, lost, width * 0.9, color=LOST, label="lost")
    axes.bar(place, missed.mean() - lost, width * 0.9, bottom=lost, label="recovered", **HATCHED)
    if missed.size > 1 and missed.std():
        low, high = stats.t.interval(LEVEL, missed.size - 1, missed.mean(), stats.sem(missed))
        for colour, thickness, name in (("white", 3.5, "_"), (INK, 1.2, "95 % interval")):
            axes.vlines(place, max(0.0, low), high, color=colour, linewidth=thickness, label=name)


def _curve(
    axes: Axes, name: str, back_s: "pd.Series[float]", end_s: float, look: tuple[Any, str], height: float
) -> None:
    came = np.sort(back_s.dropna().to_numpy(dtype=float))
    said, (line, colour) = f"{name}: back after {came.size:,} of {plural(len(back_s), 'absence')}", look
    everybody = np.concatenate([came, np.full(len(back_s) - came.size, np.inf)])  # who never came is later than any
    half_s = float(np.median(everybody))
    if math.isfinite(half_s):
        said += f", half of them within {half_s:.1f} s"
        low, high = stats.quantile_test(everybody, q=half_s, p=0.5).confidence_interval(LEVEL)
        if math.isfinite(low + high):
            said += f" ({low:.1f} to {high:.1f} at 95 %)"
            axes.hlines(height, low, high, color=colour, linewidth=3)
    shares = np.arange(came.size + 1) / len(back_s)
    x, y = [min([0.0, *came[:1]]), *came, end_s], [*shares, shares[-1]]
    axes.step(x, y, where="post", color=colour, linestyle=line, linewidth=1.6, label=said)

"""How much was missed: against the recipient's join, and by cause."""

from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.figures.canvas import HATCHED, INK, LOST, NOTHING_OWED, PALE, judged, nothing, picture, round_up, with_key
from reports.intervals import rate_by_session
from reports.words import plural

if TYPE_CHECKING:
    from reports.ledger import Ledger

BINS_A_SIDE = 10  # of the join's offset, before it and after it
WIDEST_S, NARROWEST_S = 30.0, 1.0


def loss_by_join_offset(ledger: "Ledger") -> Figure:
    """Share of messages missed against (join ack minus emit): to the right of 0 the recipient came too late."""
    rows = judged(ledger)
    missed = rows["outcome"].isin(["recovered", "lost"])
    early = ~(rows["join_offset_ms"] < 0).fillna(False).astype(bool)  # a recipient that never joined is later than any
    title = (
        f"Sent before the recipient's join: {missed[early].sum():,} of {early.sum():,} missed; "
        f"after it: {missed[~early].sum():,} of {(~early).sum():,}"
    )
    figure, axes = picture(title, "share of messages missed, by how much later than the message the join was; n on top")
    if rows.empty:
        return nothing(figure, axes)
    places, width, labels = _places(rows["join_offset_ms"].astype(float) / 1e3, missed)
    for place in sorted(set(places)):
        _offset_bar(axes, place, width, rows[places == place])
    axes.axvline(0, color=INK, linewidth=1, linestyle=":")
    axes.set_ylim(0, 1.12)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.set_xticks(list(labels), list(labels.values()))
    axes.set_xlabel("join ack minus emit, s (left of 0: joined before the message was sent)")
    axes.set_ylabel("share of messages")
    return with_key(figure, axes)


def causes(ledger: "Ledger") -> Figure:
    """How many messages each cause made missed, split into those recovered and those lost for good."""
    rows = judged(ledger)
    counts = rows[rows["missed_because"].notna()].groupby(["missed_because", "outcome"]).size().unstack(fill_value=0)
    counts = counts.reindex(columns=["recovered", "lost"], fill_value=0)
    total = counts.sum(axis=1).sort_values(kind="stable")
    counts, missed = counts.loc[total.index], int(total.sum())
    most = (
        f"Missed most often because of {total.index[-1]}: {total.iloc[-1]:,} of {missed:,}" if missed else "No misses"
    )
    said = f"{missed:,} of {plural(len(rows), 'message')} missed, {counts['lost'].sum():,} of them lost for good"
    figure, axes = picture(most, said, height=1.8 + 0.4 * max(2, len(counts)))
    if not missed:
        return nothing(figure, axes, "No message was missed." if len(rows) else NOTHING_OWED)
    names = [str(name) for name in counts.index]
    axes.barh(names, counts["lost"], color=LOST, height=0.6, label="lost")
    axes.barh(names, counts["recovered"], left=counts["lost"], label="recovered", height=0.6, **HATCHED)
    for place, n in enumerate(total):
        axes.annotate(f"{n:,}", (n, place), xytext=(5, 0), textcoords="offset points", va="center", color=INK)
    axes.set_xlim(0, total.max() * 1.1)
    axes.set_ylim(-0.7, max(2, len(counts)) - 0.3)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("messages")
    return with_key(figure, axes)


def _places(
    offset_s: "pd.Series[float]", missed: "pd.Series[bool]"
) -> tuple["pd.Series[float]", float, dict[float, str]]:
    """Where each message's bar stands, a bar's width, and the axis's labels.

    The axis reaches as far as joins that came too late, alike on both sides; beyond it there is one bar for all, and
    one for those whose recipient never joined.
    """
    reach_s = max([NARROWEST_S, *offset_s[missed & (offset_s <= WIDEST_S)]])
    width = round_up(reach_s / BINS_A_SIDE)
    edge = width * BINS_A_SIDE
    places = offset_s.fillna(0.0) // width * width + width / 2
    before, after, never = -edge - 1.5 * width, edge + 1.5 * width, edge + 4 * width
    places = places.mask(offset_s < -edge, before).mask(offset_s >= edge, after).mask(offset_s.isna(), never)
    ticks = {tick: f"{tick:.3g}" for tick in (-edge, -edge / 2, 0.0, edge / 2, edge)}
    extra = {before: "\nearlier", after: "\nlater", never: "\nnever\njoined"}
    return places.round(9), width, {**ticks, **{at: label for at, label in extra.items() if (places == at).any()}}


def _offset_bar(axes: Axes, place: float, width: float, rows: pd.DataFrame) -> None:
    n, lost = len(rows), int((rows["outcome"] == "lost").sum())
    recovered = int((rows["outcome"] == "recovered").sum())
    axes.bar(place, lost / n, width * 0.9, color=LOST, label="lost")
    axes.bar(place, recovered / n, width * 0.9, bottom=lost / n, label="recovered", **HATCHED)
    by_session = rows["outcome"].isin(["recovered", "lost"]).groupby(rows["session"])
    rate = rate_by_session(by_session.sum().to_numpy(), by_session.size().to_numpy())
    if rate.low is not None and rate.high is not None:
        for colour, thickness, name in (("white", 3.5, "_"), (INK, 1.2, "95 % interval")):
            axes.vlines(place, rate.low, rate.high, color=colour, linewidth=thickness, label=name)
    axes.text(place, 1.03, f"{n:,}", ha="center", fontsize=7, color=PALE)

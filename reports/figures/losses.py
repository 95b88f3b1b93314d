"""How much was missed: against the recipient's join, and by cause."""

from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from reports.figures.canvas import HATCHED, INK, LOST, NOTHING_OWED, PALE, Picture, nothing, picture, round_up, with_key
from reports.intervals import rate_by_session
from reports.words import plural

if TYPE_CHECKING:
    from reports.ledger import Ledger

BINS_A_SIDE = 10  # of the join's offset, before it and after it
WIDEST_S, NARROWEST_S = 30.0, 1.0


def loss_by_join_offset(ledger: "Ledger") -> Picture:
    """Share of messages missed against (join ack minus emit): to the right of 0 the recipient came too late."""
    width = round_up(_reach_s(ledger) / BINS_A_SIDE)
    rows = _by_place(ledger, width)
    early, rest = (rows.loc[rows["early"] == side, ["missed", "n"]].sum().tolist() for side in (True, False))
    title = "Sent before the recipient's join: {:,} of {:,} missed; after it: {:,} of {:,}".format(*early, *rest)
    figure, axes = picture(title, "share of messages missed, by how much later than the message the join was; n on top")
    if rows.empty:
        return nothing(figure, axes)
    if not early[0]:
        return nothing(figure, axes, _none_early(early[1], early[1] + rest[1]))
    for place, of_place in rows.groupby("place"):
        _offset_bar(axes, float(str(place)), width, of_place)
    edge = width * BINS_A_SIDE
    labels = {tick: f"{tick:.3g}" for tick in (-edge, -edge / 2, 0.0, edge / 2, edge)}
    labels |= {at: said for at, said in _beyond(width).items() if (rows["place"] == at).any()}
    axes.axvline(0, color=INK, linewidth=1, linestyle=":")
    axes.set_ylim(0, 1.12)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.set_xticks(list(labels), list(labels.values()))
    axes.set_xlabel("join ack minus emit, s (left of 0: joined before the message was sent)")
    axes.set_ylabel("share of messages")
    return with_key(figure, axes)


def causes(ledger: "Ledger") -> Picture:
    """How many messages each cause made missed, split into those recovered and those lost for good."""
    counts = ledger.query("""
        SELECT missed_because AS cause, count(*) AS n, count(*) FILTER (outcome = 'lost') AS lost
        FROM ledger WHERE owed AND outcome <> 'unjudged' GROUP BY cause ORDER BY n, cause""")
    owed, counts = int(counts["n"].sum()), counts.dropna(subset=["cause"]).reset_index(drop=True)
    missed = int(counts["n"].sum())
    first = counts.tail(1)[["cause", "n"]].to_numpy().tolist()
    most = "".join(f"Missed most often because of {cause}: {n:,} of {missed:,}" for cause, n in first)
    said = f"{missed:,} of {plural(owed, 'message')} missed, {counts['lost'].sum():,} of them lost for good"
    figure, axes = picture(most, said, height=1.8 + 0.4 * max(2, len(counts)))
    if not missed:
        return nothing(figure, axes, f"None of {plural(owed, 'message')} was missed." if owed else NOTHING_OWED)
    axes.barh(counts["cause"], counts["lost"], color=LOST, height=0.6, label="lost")
    recovered = counts["n"] - counts["lost"]
    axes.barh(counts["cause"], recovered, left=counts["lost"], label="recovered", height=0.6, **HATCHED)
    for place, n in enumerate(counts["n"]):
        axes.annotate(f"{n:,}", (n, place), xytext=(5, 0), textcoords="offset points", va="center", color=INK)
    axes.set_xlim(0, counts["n"].max() * 1.1)
    axes.set_ylim(-0.7, max(2, len(counts)) - 0.3)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("messages")
    return with_key(figure, axes)


def _reach_s(ledger: "Ledger") -> float:
    """As far as joins that came too late; the axis reaches there on both sides."""
    found = ledger.query(f"""
        SELECT max(join_offset_ms) / 1e3 AS s FROM ledger
        WHERE owed AND outcome IN ('recovered', 'lost') AND join_offset_ms <= {WIDEST_S * 1e3}""")["s"].iloc[0]
    return NARROWEST_S if pd.isna(found) else max(NARROWEST_S, float(found))


def _none_early(early: int, owed: int) -> str:
    if not early:
        return f"None of {plural(owed, 'message')} was emitted before its recipient had joined for the first time."
    went = f"{early:,} of {plural(owed, 'message')} {'was' if early == 1 else 'were'}"
    return f"{went} emitted before the recipient had joined for the first time, and none of these was missed."


def _beyond(width: float) -> dict[float, str]:
    """Beyond the axis there is one bar for all that were earlier, one for the later, one for who never joined."""
    edge = width * BINS_A_SIDE
    beyond = {-edge - 1.5 * width: "\nearlier", edge + 1.5 * width: "\nlater", edge + 4 * width: "\nnever\njoined"}
    return {round(at, 9): said for at, said in beyond.items()}


def _by_place(ledger: "Ledger", width: float) -> pd.DataFrame:
    """A row for each session in each bar: `place` is the bar's. A recipient that never joined is later than any."""
    edge, (before, after, never) = width * BINS_A_SIDE, _beyond(width)
    return ledger.query(f"""
        SELECT CASE WHEN s IS NULL THEN {never} WHEN s < {-edge} THEN {before} WHEN s >= {edge} THEN {after}
                ELSE round((floor(s / {width}) + 0.5) * {width}, 9) END::DOUBLE AS place,
            session, coalesce(s >= 0, true) AS early, count(*) AS n,
            count(*) FILTER (outcome IN ('recovered', 'lost')) AS missed, count(*) FILTER (outcome = 'lost') AS lost
        FROM (SELECT *, join_offset_ms / 1e3 AS s FROM ledger WHERE owed AND outcome <> 'unjudged')
        GROUP BY place, session, early ORDER BY place, session""")


def _offset_bar(axes: Axes, place: float, width: float, rows: pd.DataFrame) -> None:
    n, missed, lost = (int(rows[name].sum()) for name in ("n", "missed", "lost"))
    axes.bar(place, lost / n, width * 0.9, color=LOST, label="lost")
    axes.bar(place, (missed - lost) / n, width * 0.9, bottom=lost / n, label="recovered", **HATCHED)
    rate = rate_by_session(rows["missed"].to_numpy(), rows["n"].to_numpy())
    if rate.low is not None and rate.high is not None:
        for colour, thickness, name in (("white", 3.5, "_"), (INK, 1.2, "95 % interval")):
            axes.vlines(place, rate.low, rate.high, color=colour, linewidth=thickness, label=name)
    axes.text(place, 1.03, f"{n:,}", ha="center", fontsize=8, color=PALE)

"""Three pictures of a ledger: latency over time, loss against the join, causes. Each says its n, units and finding.

Readable in grey: lost is dark, recovered is light and hatched. No pyplot, so that nothing is kept between calls.
"""

import io
import math
from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from reports.intervals import rate_by_session
from reports.words import ms, plural, seconds

if TYPE_CHECKING:
    from reports.ledger import Ledger

INK, PALE = "#1f2933", "#66717d"
LIVE, LATE, PALER, LOST, SHADE = "#6b8cae", "#c77700", "#c3d0dd", "#7a1626", "#f0e4c8"
HATCH = "////"
NOTHING_OWED = "No message was owed to anybody."
BINS_A_SIDE = 10  # of the join's offset, before it and after it
WIDEST_S, NARROWEST_S = 30.0, 1.0


class Picture(Figure):
    """A figure that a notebook shows without pyplot's global state."""

    def _repr_png_(self) -> bytes:
        return drawn(self, "png")


def drawn(figure: Figure, kind: str) -> bytes:
    """The figure as svg or png; the same ledger gives the same bytes."""
    buffer = io.BytesIO()
    undated = {"Date": None} if kind == "svg" else {"Software": None}
    with rc_context({"svg.hashsalt": "entrega"}):
        figure.savefig(buffer, format=kind, dpi=144, metadata=undated)
    return buffer.getvalue()


def latency_over_time(ledger: "Ledger") -> Figure:
    """Every owed message at its due: how long until it was shown, or that it was lost. Faults are shaded."""
    rows = _judged(ledger)
    figure, axes = _picture(_half_within(rows), ledger.summary.headline)
    if rows.empty:
        return _nothing(figure, axes)
    due_s = (rows["due_ns"] - ledger.run.info["t0_ns"]).astype(float) / 1e9
    for outcome, marker, size, colour in (
        ("live", "o", 12, LIVE),
        ("late", "^", 26, LATE),
        ("recovered", "D", 20, PALER),
    ):
        these = (rows["outcome"] == outcome) & rows["latency_ms"].notna()
        _dots(axes, due_s[these], rows.loc[these, "latency_ms"].astype(float), outcome, marker, size, colour)
    axes.set_yscale("log")
    lost = due_s[rows["outcome"] == "lost"]
    _dots(axes, lost, pd.Series(0.9, index=lost.index), "lost", "x", 26, LOST, transform=axes.get_xaxis_transform())
    late_ms = ledger.run.info["late_after_s"] * 1e3
    axes.axhline(late_ms, color=PALE, linewidth=0.8, linestyle=":", label=f"late after {seconds(late_ms / 1e3)}")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** 0.2)  # room for the lost, which have no latency, and for names
    _shade(axes, ledger)
    axes.set_xlabel("due, s from the run's start")
    axes.set_ylabel("due to display, ms")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    return _with_key(figure, axes)


def loss_by_join_offset(ledger: "Ledger") -> Figure:
    """Share of messages missed against (join ack minus emit): to the right of 0 the recipient came too late."""
    rows = _judged(ledger)
    missed = rows["outcome"].isin(["recovered", "lost"])
    early = ~(rows["join_offset_ms"] < 0).fillna(False).astype(bool)  # a recipient that never joined is later than any
    title = (
        f"Sent before the recipient's join: {missed[early].sum():,} of {early.sum():,} missed; "
        f"after it: {missed[~early].sum():,} of {(~early).sum():,}"
    )
    figure, axes = _picture(
        title, "share of messages missed, by how much later than the message the join was; n on top"
    )
    if rows.empty:
        return _nothing(figure, axes)
    places, width, labels = _places(rows["join_offset_ms"].astype(float) / 1e3, missed)
    for place in sorted(set(places)):
        _offset_bar(axes, place, width, rows[places == place])
    axes.axvline(0, color=INK, linewidth=1, linestyle=":")
    axes.set_ylim(0, 1.12)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.set_xticks(list(labels), list(labels.values()))
    axes.set_xlabel("join ack minus emit, s (left of 0: joined before the message was sent)")
    axes.set_ylabel("share of messages")
    return _with_key(figure, axes)


def causes(ledger: "Ledger") -> Figure:
    """How many messages each cause made missed, split into those recovered and those lost for good."""
    rows = _judged(ledger)
    counts = rows[rows["missed_because"].notna()].groupby(["missed_because", "outcome"]).size().unstack(fill_value=0)
    counts = counts.reindex(columns=["recovered", "lost"], fill_value=0)
    total = counts.sum(axis=1).sort_values(kind="stable")
    counts, missed = counts.loc[total.index], int(total.sum())
    most = (
        f"Missed most often because of {total.index[-1]}: {total.iloc[-1]:,} of {missed:,}" if missed else "No misses"
    )
    said = f"{missed:,} of {plural(len(rows), 'message')} missed, {counts['lost'].sum():,} of them lost for good"
    figure, axes = _picture(most, said, height=1.8 + 0.4 * max(2, len(counts)))
    if not missed:
        return _nothing(figure, axes, "No message was missed." if len(rows) else NOTHING_OWED)
    names = [str(name) for name in counts.index]
    axes.barh(names, counts["lost"], color=LOST, height=0.6, label="lost")
    axes.barh(names, counts["recovered"], left=counts["lost"], label="recovered", height=0.6, **_HATCHED)
    for place, n in enumerate(total):
        axes.annotate(f"{n:,}", (n, place), xytext=(5, 0), textcoords="offset points", va="center", color=INK)
    axes.set_xlim(0, total.max() * 1.1)
    axes.set_ylim(-0.7, max(2, len(counts)) - 0.3)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("messages")
    return _with_key(figure, axes)


def _judged(ledger: "Ledger") -> pd.DataFrame:
    rows: pd.DataFrame = ledger.deliveries
    return rows[rows["owed"] & (rows["outcome"] != "unjudged")]


def _half_within(rows: pd.DataFrame) -> str:
    shown, lost = rows["latency_ms"].dropna().astype(float), int((rows["outcome"] == "lost").sum())
    half = f"Half of the messages that were shown took at most {ms(shown.median())}" if len(shown) else "None was shown"
    return f"{half}; {lost:,} were lost" if lost else half


_HATCHED: dict[str, Any] = {"color": PALER, "edgecolor": PALE, "hatch": HATCH, "linewidth": 0.5}


def _picture(title: str, said: str, height: float = 4.0) -> tuple[Figure, Axes]:
    figure = Picture(figsize=(9, height), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(f"{title}\n", loc="left", fontsize=12, fontweight="bold", color=INK)
    axes.annotate(said, (0, 1), (0, 8), "axes fraction", "offset points", fontsize=9, color=PALE)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=9)
    return figure, axes


def _nothing(figure: Figure, axes: Axes, why: str = NOTHING_OWED) -> Figure:
    axes.set_title("", loc="left")
    axes.set_axis_off()
    for text in axes.texts:
        text.remove()
    axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center", va="center", fontsize=12, color=PALE)
    return figure


def _with_key(figure: Figure, axes: Axes) -> Figure:
    """Each name once, however many bars carry it."""
    handles, names = axes.get_legend_handles_labels()
    once = dict(zip(names, handles, strict=True))
    figure.legend(once.values(), once, loc="outside lower left", ncols=6, frameon=False, fontsize=9)
    return figure


def _dots(axes: Axes, x: Any, y: Any, name: str, marker: str, size: int, colour: str, **more: Any) -> None:
    if len(x):
        edge: dict[str, Any] = (
            {} if marker == "x" else {"edgecolors": INK if name == "recovered" else "none", "linewidths": 0.6}
        )
        label = f"{name} ({len(x):,})"
        axes.scatter(x, y, s=size, c=colour, marker=marker, label=label, rasterized=True, zorder=3, **edge, **more)


def _shade(axes: Axes, ledger: "Ledger") -> None:
    """The plan's faults as bands with their names; windows that the rig voided as hatched ones."""
    for fault in ledger.summary.faults:
        for start_s, end_s in fault.windows_s:
            axes.axvspan(start_s, end_s, color=SHADE, zorder=0, label=f"_{fault.name}")
        middle_s = sum(fault.windows_s[0]) / 2
        axes.text(middle_s, 1.0, fault.name, transform=axes.get_xaxis_transform(), ha="center", va="top", fontsize=8)
    axes.set_xlim(axes.get_xlim())  # void windows before and after the talk are of no interest
    left, right = axes.get_xlim()
    voided = [window for window in ledger.summary.rig.voided if window.end_s > left and window.start_s < right]
    for n, window in enumerate(voided):
        label = f"{seconds(5 * len(voided))} void: the rig was disturbed" if n == 0 else None
        axes.axvspan(window.start_s, window.end_s, fill=False, hatch="...", edgecolor="#d0d5db", lw=0, label=label)


def _places(
    offset_s: "pd.Series[float]", missed: "pd.Series[bool]"
) -> tuple["pd.Series[float]", float, dict[float, str]]:
    """Where each message's bar stands, a bar's width, and the axis's labels.

    The axis reaches as far as joins that came too late, alike on both sides; beyond it there is one bar for all, and
    one for those whose recipient never joined.
    """
    reach_s = max([NARROWEST_S, *offset_s[missed & (offset_s <= WIDEST_S)]])
    width = _round_up(reach_s / BINS_A_SIDE)
    edge = width * BINS_A_SIDE
    places = offset_s.fillna(0.0) // width * width + width / 2
    before, after, never = -edge - 1.5 * width, edge + 1.5 * width, edge + 4 * width
    places = places.mask(offset_s < -edge, before).mask(offset_s >= edge, after).mask(offset_s.isna(), never)
    ticks = {tick: f"{tick:.3g}" for tick in (-edge, -edge / 2, 0.0, edge / 2, edge)}
    extra = {before: "\nearlier", after: "\nlater", never: "\nnever\njoined"}
    return places.round(9), width, {**ticks, **{at: label for at, label in extra.items() if (places == at).any()}}


def _round_up(value: float) -> float:
    """To 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))


def _offset_bar(axes: Axes, place: float, width: float, rows: pd.DataFrame) -> None:
    n, lost = len(rows), int((rows["outcome"] == "lost").sum())
    recovered = int((rows["outcome"] == "recovered").sum())
    axes.bar(place, lost / n, width * 0.9, color=LOST, label="lost")
    axes.bar(place, recovered / n, width * 0.9, bottom=lost / n, label="recovered", **_HATCHED)
    by_session = rows["outcome"].isin(["recovered", "lost"]).groupby(rows["session"])
    rate = rate_by_session(by_session.sum().to_numpy(), by_session.size().to_numpy())
    if rate.low is not None and rate.high is not None:
        for colour, thickness, name in (("white", 3.5, "_"), (INK, 1.2, "95 % interval")):
            axes.vlines(place, rate.low, rate.high, color=colour, linewidth=thickness, label=name)
    axes.text(place, 1.03, f"{n:,}", ha="center", fontsize=7, color=PALE)

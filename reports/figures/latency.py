"""Latency over a run's time: every owed message at its due, the faults' windows below it."""

from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from reports.figures.canvas import FAULT, INK, LATE, LIVE, LOST, PALE, PALER, SHADE, Picture, nothing, picture, with_key
from reports.words import ms, plural, seconds

if TYPE_CHECKING:
    from reports.faults import Fault
    from reports.ledger import Ledger


LANE_INCHES = 0.2
DOTS = 20_000  # of an outcome; of more, every so-many-th is drawn
MARKS = {"live": ("o", 12, LIVE), "late": ("^", 26, LATE), "recovered": ("D", 20, PALER), "lost": ("x", 26, LOST)}


def latency_over_time(ledger: "Ledger") -> Picture:
    """Every owed message at its due: how long until it was shown, or that it was lost; when which fault was on."""
    dots, faults = _dots(ledger), ledger.summary.faults
    figure, axes = picture(_half_within(ledger), ledger.summary.headline, height=4.0 + LANE_INCHES * len(faults))
    if dots.empty:
        return nothing(figure, axes)
    axes.set_yscale("log")
    for outcome in MARKS:
        _draw(axes, outcome, dots[dots["outcome"] == outcome])
    late_ms = ledger.run.info["late_after_s"] * 1e3
    axes.axhline(late_ms, color=PALE, linewidth=0.8, linestyle=":", label=f"late after {seconds(late_ms / 1e3)}")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** 0.2)  # room for the lost, which have no latency, and for names
    lowest = _lanes(figure, axes, faults) if faults else axes
    _shade(axes, ledger)
    lowest.set_xlabel("due, s from the run's start")
    axes.set_ylabel("due to display, ms")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    return with_key(figure, axes)


def _half_within(ledger: "Ledger") -> str:
    """By the summary's median, so that a page does not give two."""
    found = ledger.summary.latency_ms
    if found.p50 is not None:
        return f"Half of the messages were shown within {ms(found.p50)}"
    if found.never("p50"):
        return f"Fewer than half of the messages were shown: {found.lost:,} of {found.n:,} were lost"
    if not found.n:
        return "No message counts for latency: all were due in the warm-up or while the load generator was disturbed"
    return f"How long it took to show {plural(found.n - found.lost, 'message')}; {found.lost:,} lost"


def _dots(ledger: "Ledger") -> pd.DataFrame:
    """outcome, due_s, latency_ms of the messages that are drawn, and of how many with that outcome: `n`."""
    return ledger.query(
        f"""
        WITH judged AS (
            SELECT outcome, (due_ns - coalesce(?, min(due_ns) OVER ())) / 1e9 AS due_s, latency_ms,
                count(*) OVER (PARTITION BY outcome) AS n,
                row_number() OVER (PARTITION BY outcome ORDER BY due_ns, mid) AS place
            FROM ledger WHERE owed AND outcome <> 'unjudged'
        )
        SELECT outcome, due_s, latency_ms, n FROM judged WHERE place % greatest(1, n // {DOTS}) = 0""",
        [ledger.run.info.get("t0_ns")],
    )


def _draw(axes: Axes, outcome: str, dots: pd.DataFrame) -> None:
    """The lost have no latency and stand on top."""
    if dots.empty:
        return
    marker, size, colour = MARKS[outcome]
    lost = outcome == "lost"
    edge: dict[str, Any] = {"edgecolors": INK if outcome == "recovered" else "none", "linewidths": 0.6}
    y: Any = [0.9] * len(dots) if lost else dots["latency_ms"]
    n = int(dots["n"].iloc[0])
    label = f"{outcome} ({n:,}{f', {len(dots):,} drawn' if len(dots) < n else ''})"
    placed: dict[str, Any] = {"transform": axes.get_xaxis_transform()} if lost else edge
    axes.scatter(dots["due_s"], y, size, c=colour, marker=marker, label=label, rasterized=True, zorder=3, **placed)


def _lanes(figure: Picture, axes: Axes, faults: "tuple[Fault, ...]") -> Axes:
    """A lane below the plot for each fault, since any number of them may be on at once."""
    grid = figure.add_gridspec(2, 1, height_ratios=(3.2, LANE_INCHES * len(faults)))
    axes.set_subplotspec(grid[0])
    lanes = figure.add_subplot(grid[1], sharex=axes)
    for place, fault in enumerate(faults):
        spans = [(start_s, end_s - start_s) for start_s, end_s in fault.windows_s]
        lanes.broken_barh(spans, (place - 0.3, 0.6), color=FAULT)
    lanes.set_yticks(range(len(faults)), [fault.name for fault in faults])
    lanes.set_ylim(len(faults) - 0.4, -0.6)
    lanes.tick_params(colors=INK, labelsize=8)
    lanes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelbottom=False)
    return lanes


def _shade(axes: Axes, ledger: "Ledger") -> None:
    """Faults that hit everybody as bands; windows that the rig voided as hatched ones."""
    for fault in ledger.summary.faults:
        for start_s, end_s in fault.windows_s if fault.parties is None else ():
            axes.axvspan(start_s, end_s, color=SHADE, zorder=0, label=f"_{fault.name}")
    axes.set_xlim(axes.get_xlim())  # void windows before and after the talk are of no interest
    left, right = axes.get_xlim()
    voided = [window for window in ledger.summary.rig.voided if window.end_s > left and window.start_s < right]
    for n, window in enumerate(voided):
        label = "not counted: the load generator was disturbed" if n == 0 else None
        axes.axvspan(window.start_s, window.end_s, fill=False, hatch="...", edgecolor="#d0d5db", lw=0, label=label)

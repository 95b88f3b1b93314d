"""Latency over a run's time: every owed message at its due, the faults' windows behind it."""

from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from reports.figures.canvas import INK, LATE, LIVE, LOST, PALE, PALER, SHADE, nothing, picture, with_key
from reports.words import ms, seconds

if TYPE_CHECKING:
    from reports.ledger import Ledger


DOTS = 20_000  # of an outcome; of more, every so-many-th is drawn
MARKS = {"live": ("o", 12, LIVE), "late": ("^", 26, LATE), "recovered": ("D", 20, PALER), "lost": ("x", 26, LOST)}


def latency_over_time(ledger: "Ledger") -> Figure:
    """Every owed message at its due: how long until it was shown, or that it was lost. Faults are shaded."""
    dots = _dots(ledger)
    figure, axes = picture(_half_within(ledger), ledger.summary.headline)
    if dots.empty:
        return nothing(figure, axes)
    axes.set_yscale("log")
    for outcome in MARKS:
        _draw(axes, outcome, dots[dots["outcome"] == outcome])
    late_ms = ledger.run.info["late_after_s"] * 1e3
    axes.axhline(late_ms, color=PALE, linewidth=0.8, linestyle=":", label=f"late after {seconds(late_ms / 1e3)}")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** 0.2)  # room for the lost, which have no latency, and for names
    _shade(axes, ledger)
    axes.set_xlabel("due, s from the run's start")
    axes.set_ylabel("due to display, ms")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    return with_key(figure, axes)


def _half_within(ledger: "Ledger") -> str:
    shown_ms, lost = ledger.query("""
        SELECT median(latency_ms), count(*) FILTER (outcome = 'lost')
        FROM ledger WHERE owed AND outcome <> 'unjudged'""").iloc[0]
    half = (
        "None was shown" if pd.isna(shown_ms) else f"Half of the messages that were shown took at most {ms(shown_ms)}"
    )
    return f"{half}; {lost:,.0f} were lost" if lost else half


def _dots(ledger: "Ledger") -> pd.DataFrame:
    """outcome, due_s, latency_ms of the messages that are drawn, and of how many with that outcome: `n`."""
    return ledger.query(
        f"""
        WITH judged AS (
            SELECT outcome, (due_ns - ?) / 1e9 AS due_s, latency_ms, count(*) OVER (PARTITION BY outcome) AS n,
                row_number() OVER (PARTITION BY outcome ORDER BY due_ns, mid) AS place
            FROM ledger WHERE owed AND outcome <> 'unjudged'
        )
        SELECT outcome, due_s, latency_ms, n FROM judged WHERE place % greatest(1, n // {DOTS}) = 0""",
        [ledger.run.info["t0_ns"]],
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

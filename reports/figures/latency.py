"""Latency over a run's time: every owed message at its due, the faults' windows behind it."""

from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from reports.figures.canvas import INK, LATE, LIVE, LOST, PALE, PALER, SHADE, judged, nothing, picture, with_key
from reports.words import ms, seconds

if TYPE_CHECKING:
    from reports.ledger import Ledger


def latency_over_time(ledger: "Ledger") -> Figure:
    """Every owed message at its due: how long until it was shown, or that it was lost. Faults are shaded."""
    rows = judged(ledger)
    figure, axes = picture(_half_within(rows), ledger.summary.headline)
    if rows.empty:
        return nothing(figure, axes)
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
    return with_key(figure, axes)


def _half_within(rows: pd.DataFrame) -> str:
    shown, lost = rows["latency_ms"].dropna().astype(float), int((rows["outcome"] == "lost").sum())
    half = f"Half of the messages that were shown took at most {ms(shown.median())}" if len(shown) else "None was shown"
    return f"{half}; {lost:,} were lost" if lost else half


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

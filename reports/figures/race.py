"""The race window: how long before the first reply a widget must begin to connect, in a sweep of the join's delay."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.figures.canvas import INK, LIVE, LOST, PALE, nothing, picture, with_key
from reports.race import Race, race
from reports.words import interval

if TYPE_CHECKING:
    from reports.ledger import Ledger


def race_window(ledgers: "Mapping[float, Ledger]") -> Figure:
    """Every session's first reply, by how long before it the widget had begun to connect; a lane for each run.

    `ledgers`: by how many ms the server delayed each join in that run, as its defect server.join-delay says.
    """
    races = [race(ledger, delay_ms) for delay_ms, ledger in sorted(ledgers.items())]
    measured = [f"{each.window.ms:,.0f}" for each in races if each.window]
    said = [f"{each.join_delay_ms:g}" for each in races if each.window]
    figure, axes = picture(
        f"Race window: {' / '.join(measured)} ms, where a join takes {' / '.join(said)} ms longer",
        "first replies by the widget's lead; bars: the window as measured, with its 95 % interval",
        height=1.9 + 0.75 * len(races),
    )
    if not measured:
        return nothing(figure, axes, "No run has both replies that were missed and replies that were not.")
    for y, each in enumerate(reversed(races)):
        _lane(axes, y, each)
    axes.set_yticks(range(len(races)), [f"join delayed\nby {each.join_delay_ms:g} ms" for each in reversed(races)])
    axes.set_ylim(-0.5, len(races) - 0.4)
    axes.set_xlabel("emit of the first reply minus the widget's first attempt to connect, ms (left of 0: too late)")
    return with_key(figure, axes)


def _lane(axes: Axes, y: float, found: Race) -> None:
    for missed, mark, colour, name in ((True, "x", LOST, "missed"), (False, "o", LIVE, "shown at once")):
        leads = found.first.loc[found.first["missed"] == missed, "lead_ms"]
        axes.scatter(leads, [y - 0.12] * len(leads), s=18, marker=mark, color=colour, linewidths=0.9, label=name)
    axes.vlines(found.join_delay_ms, y - 0.25, y + 0.25, color=INK, linestyle=":", label="closed form: that delay")
    if found.window:
        low, middle, high = found.window.low_ms, found.window.ms, found.window.high_ms
        axes.hlines(y + 0.1, low, high, color=INK, linewidth=2, label="race window, 95 % interval")
        axes.plot(middle, y + 0.1, marker="D", color=INK, markersize=4)
        said = f"window {middle:,.0f} ms ({low:,.0f} to {high:,.0f}); "
    else:
        said = "no window: " + ("all missed; " if found.missed.k else "none missed; ")
    said += f"missed {found.missed.k} of {found.missed.n} ({interval(found.missed)}), by the plan {found.planned}"
    axes.text(1.0, y + 0.33, said, transform=axes.get_yaxis_transform(), ha="right", fontsize=8, color=PALE)

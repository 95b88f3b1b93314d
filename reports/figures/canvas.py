"""What all figures share: colours, a plot with its finding as the title, the key, bytes of it.

Readable in grey: lost is dark, recovered is light and hatched. No pyplot, so that nothing is kept between calls.
"""

import io
import math
import textwrap
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, PALE = "#1f2933", "#66717d"
LIVE, LATE, PALER, LOST, SHADE, FAULT = "#6b8cae", "#c77700", "#c3d0dd", "#7a1626", "#f0e4c8", "#c2a25a"
HATCHED: dict[str, Any] = {"color": PALER, "edgecolor": PALE, "hatch": "////", "linewidth": 0.5}
SAID_WIDTH = 130  # characters of the line below the title
KEY_WIDTH = 125  # characters of a row, each sign counting as eight
NOTHING_OWED = "No message was owed to anybody."


class Picture(Figure):
    """A figure that a notebook shows without pyplot's global state. `reason`: why there is nothing in it, if so."""

    reason = ""

    def _repr_png_(self) -> bytes:
        return drawn(self, "png")


def drawn(figure: Figure, kind: str) -> bytes:
    """The figure as svg or png; the same ledger gives the same bytes."""
    buffer = io.BytesIO()
    undated = {"Date": None} if kind == "svg" else {"Software": None}
    with rc_context({"svg.hashsalt": "entrega"}):
        figure.savefig(buffer, format=kind, dpi=144, metadata=undated)
    return buffer.getvalue()


def picture(title: str, said: str, height: float = 4.0) -> tuple[Picture, Axes]:
    """A figure with one plot: its finding as the title, below it what is drawn."""
    figure = Picture(figsize=(9, height), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(f"{title}\n", loc="left", fontsize=12, fontweight="bold", color=INK)
    said = said if len(said) <= SAID_WIDTH else f"{said[:SAID_WIDTH]} ..."  # more would leave the plot no room
    axes.annotate(said, (0, 1), (0, 8), "axes fraction", "offset points", fontsize=9, color=PALE)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=9)
    return figure, axes


def nothing(figure: Picture, axes: Axes, why: str = NOTHING_OWED) -> Picture:
    """The figure with nothing in it but the reason."""
    figure.reason = why
    axes.set_title("", loc="left")
    axes.set_axis_off()
    for text in axes.texts:
        text.remove()
    said = textwrap.fill(why, 70)
    axes.text(0.5, 0.5, said, transform=axes.transAxes, ha="center", va="center", fontsize=12, color=PALE)
    return figure


def with_key(figure: Picture, axes: Axes) -> Picture:
    """Each name once, however many bars carry it."""
    handles, names = axes.get_legend_handles_labels()
    once = dict(zip(names, handles, strict=True))
    rows = math.ceil(sum(len(name) + 8 for name in once) / KEY_WIDTH)
    ncols = math.ceil(len(once) / max(1, rows))
    figure.legend(once.values(), once, loc="outside lower left", ncols=ncols, frameon=False, fontsize=9)
    return figure


def round_up(value: float) -> float:
    """To 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))

"""One session from its opening on: the widget's lane, the server's and the agent's, and every message on its way.

A lane is a band that says what the party's connection was doing; a message goes from lane to lane in real time.
"""

from collections.abc import Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from reports.figures.canvas import INK, LATE, LIVE, LOST, PALE, PALER, SHADE, nothing, picture, with_key
from reports.steps import AGENT, AWAY, CONNECTED, JOINED, SERVER, WIDGET, lane, states
from reports.words import plural

if TYPE_CHECKING:
    from reports.ledger import Ledger

HEIGHTS = {WIDGET: 2.0, SERVER: 1.0, AGENT: 0.0}
HALF = 0.09  # of a band's height
BANDS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    AWAY: ("away", {"facecolor": "white"}),
    CONNECTED: ("connected, not joined", {"facecolor": "white", "hatch": "////"}),
    JOINED: ("joined; the server: up", {"facecolor": PALER}),
}
SHOWN, REFUSED = ("live", "late", "recovered"), "not accepted"
# How a message's way to its recipient is drawn, and how it ends there; an arrow points from the sender's lane.
WAYS: Mapping[str, tuple[str, str, str]] = {  # colour, line, marker
    "live": (LIVE, "-", "arrow"),
    "late": (LATE, "-", "arrow"),
    "recovered": (INK, "--", "D"),
    "lost": (LOST, "-", "x"),
    REFUSED: (PALE, ":", "X"),
    "unjudged": (PALE, ":", "$?$"),
}
MESSAGE = ["key", "sender", "sent_s", "emitted_s", "shown_s"]
NAME = 0.1  # of the width, for a fault's
LABELLED = 40  # messages; of more, only the missed ones have their name


def session_timeline(ledger: "Ledger", mid: str) -> Figure:
    """The session of that message (its mid or KEY). Raises reports.trace.TraceError for one that the run lacks."""
    from reports.trace import row_of  # here, since it loads what no other figure needs

    session = row_of(ledger, mid)["session"]
    parties = _parties(ledger, session)
    spans = states(ledger, session, parties)
    opened_ns = spans.loc[spans["kind"] == "session_opened", "from_ns"].min()
    rows = _ways(ledger, session, 0 if pd.isna(opened_ns) else int(opened_ns))
    figure, axes = picture(_finding(rows, parties), _causes(rows), height=4.6)
    if pd.isna(opened_ns) or rows.empty:
        return nothing(figure, axes, "Nothing was sent in this session.")
    end_s = float(rows[["sent_s", "shown_s"]].max().max()) + 1.0
    _bands(axes, spans, opened_ns, end_s)
    for way, of_way in rows.groupby("way", sort=False):
        _messages(axes, str(way), of_way)
    _shade(axes, ledger, parties, opened_ns, end_s)
    axes.set(xlim=(-0.01 * end_s, end_s), ylim=(-0.42, 2.42), xlabel="s from the session's opening")
    names = [",\n".join(party for party in parties if lane({"party": party}) == each) or each for each in HEIGHTS]
    axes.set_yticks(list(HEIGHTS.values()), names)
    axes.spines["left"].set_visible(False)
    axes.tick_params("y", length=0)
    return with_key(figure, axes)


def _parties(ledger: "Ledger", session: str) -> list[str]:
    """The widget, and the agents: more than one where one handed over to another."""
    found = ledger.query(
        "SELECT DISTINCT unnest([sender, recipient]) AS party FROM ledger WHERE session = ? ORDER BY party DESC",
        [session],
    )
    return [str(party) for party in found["party"].dropna()]


def _ways(ledger: "Ledger", session: str, opened_ns: int) -> pd.DataFrame:
    """The session's messages that were sent, with their times in s from its opening."""
    return ledger.query(
        f"""
        SELECT key, sender, outcome, missed_because, coalesce(outcome, '{REFUSED}') AS way,
            (sent_ns - {opened_ns}) / 1e9 AS sent_s,
            (coalesce(published_ns, accepted_ns, sent_ns) - {opened_ns}) / 1e9 AS emitted_s,
            (coalesce(displayed_ns, published_ns, accepted_ns, sent_ns) - {opened_ns}) / 1e9 AS shown_s
        FROM ledger WHERE session = ? AND sent_ns IS NOT NULL ORDER BY sent_ns, key""",
        [session],
    )


def _finding(rows: pd.DataFrame, parties: list[str]) -> str:
    lost = int((rows["outcome"] == "lost").sum())
    missed = lost + int((rows["outcome"] == "recovered").sum())
    went = f"{missed:,} of {plural(len(rows), 'message')} missed, {lost:,} of them lost for good"
    return f"{' and '.join(parties)}: {went if missed else f'all {len(rows):,} messages shown as they were sent'}"


def _causes(rows: pd.DataFrame) -> str:
    """Which messages were missed for which cause, by their names in the figure."""
    missed = rows.dropna(subset=["missed_because"])
    listed = missed.groupby("missed_because", sort=False)["key"].agg(lambda keys: ", ".join(map(_name, keys[:8])))
    more = {cause: "..." if n > 8 else "" for cause, n in missed["missed_because"].value_counts().items()}
    return "   ".join(f"{cause}: {keys}{more[cause]}" for cause, keys in listed.items())


def _name(key: str) -> str:
    """a.3, of 17.a.3: the session is said already."""
    return key.partition(".")[2]


def _bands(axes: Axes, spans: pd.DataFrame, opened_ns: int, end_s: float) -> None:
    """The best that any page of the party was doing lies on top; what is not known to be there is away."""
    spans = spans.assign(
        from_s=((spans["from_ns"] - opened_ns) / 1e9).clip(0, end_s),
        to_s=((spans["to_ns"] - opened_ns) / 1e9).clip(0, end_s),
    )
    for depth, (state, (said, look)) in enumerate(BANDS.items()):
        for place, y in HEIGHTS.items():
            of_lane = spans[(spans["lane"] == place) & (spans["state"] == state)]
            parts = [(0.0, end_s)] if state == AWAY else list(zip(of_lane["from_s"], of_lane["to_s"], strict=True))
            widths = [(start_s, until_s - start_s) for start_s, until_s in parts if until_s > start_s]
            where = (y - HALF, 2 * HALF)
            axes.broken_barh(widths, where, edgecolor=PALE, linewidth=0.6, zorder=1 + depth / 10, label=said, **look)


def _messages(axes: Axes, way: str, rows: pd.DataFrame) -> None:
    """Those that went the same way: lines from lane to lane, the marks where they end, and their names."""
    colour, line, marker = WAYS[way]
    to_server, on, ends = [], [], dict[str, list[tuple[float, float]]]()
    for key, sender, sent_s, emitted_s, shown_s in rows[MESSAGE].to_numpy().tolist():
        up = 1 if lane({"party": sender}) == AGENT else -1
        to_server.append([(sent_s, 1 - up * (1 - HALF)), (emitted_s, 1 - up * (0.5 if way == REFUSED else HALF))])
        if way != REFUSED:
            on.append([(emitted_s, 1 + up * HALF), (shown_s, 1 + up * (1 - HALF if way in SHOWN else 0.5))])
        ends.setdefault({1: "^", -1: "v"}[up] if marker == "arrow" else marker, []).append((on or to_server)[-1][-1])
        if len(rows) <= LABELLED or way not in ("live", "late"):
            dark = LOST if colour == LOST else PALE
            axes.text(sent_s, 1 - up * 1.2, _name(key), ha="center", va="center", size=6.5, color=dark, rotation=90)
    for segments, style in ((to_server, ":" if way == REFUSED else "-"), (on, line)):
        axes.add_collection(LineCollection(segments, colors=colour, linestyles=style, linewidths=1.0, zorder=3))
    for n, (shape, points) in enumerate(ends.items()):
        x, y = zip(*points, strict=True)
        axes.scatter(x, y, 40, color=colour, marker=shape, zorder=4, label=f"{way} ({len(rows):,})" if n == 0 else None)


def _shade(axes: Axes, ledger: "Ledger", parties: list[str], opened_ns: int, end_s: float) -> None:
    """The plan's faults of these two parties, and of the server, as bands, with their names where there is room."""
    free_s = 0.0
    for window in sorted(ledger.run.info.get("fault_windows") or [], key=itemgetter("start_ns")):
        start_s, until_s = ((window[name] - opened_ns) / 1e9 for name in ("start_ns", "end_ns"))
        if window["party"] in {None, *parties} and start_s < end_s and until_s > 0:
            axes.axvspan(max(0.0, start_s), min(until_s, end_s), color=SHADE, zorder=0)
            if start_s >= free_s:
                axes.text(max(0.0, start_s), 2.4, f" {window['name']}", va="top", fontsize=8, color=INK)
                free_s = start_s + NAME * end_s

"""`entrega report` in a terminal: 80 columns are enough, and no colour is needed to read it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from reports import found
from reports.intervals import SHARES
from reports.rig import LIMITS
from reports.words import COUNTERS, LATENCIES, NONE, added_up, cell, certainty, count, interval, ms, percent, seconds

if TYPE_CHECKING:
    from reports.ledger import Ledger
    from reports.summary import Summary
    from reports.verdict import Verdict

STYLES = {"pass": "bold green", "fail": "bold red", "unknown": "bold yellow"}


def print_report(ledger: "Ledger", verdict: "Verdict", console: Console) -> None:
    """What happened, whether it is good enough, how much, how fast, why, and how far to trust it."""
    summary = ledger.summary
    seed = "" if summary.seed is None else f", seed {summary.seed}"
    console.print(f"[bold]{escape(summary.scenario)}[/], run {summary.run}{seed}", highlight=False)
    console.print(f"{summary.headline}.\n", highlight=False)
    console.print(f"[{STYLES[verdict.verdict]}]{verdict.verdict.upper()}[/]")
    for reason in verdict.reasons:
        console.print(Padding(escape(reason), (0, 0, 0, 2)), highlight=False)
    for part in (_messages(summary), _rates(summary), _hidden(summary), _latencies(summary)):
        console.print("", part, sep="\n", highlight=False)
    for title, column in (
        ("Why messages were missed", "missed_because"),
        ("Why those were not shown later", "not_recovered_because"),
    ):
        if causes := found.because(ledger, column):
            console.print(f"\n[bold]{title}[/]")
            _print_causes(causes, console)
    console.print("", _counters(summary), sep="\n", highlight=False)
    _print_causes(found.made(ledger), console)
    for doubt in found.doubts(ledger):
        console.print(f"\n{escape(doubt)}", highlight=False)
    for table in (_parties(summary), _rig(summary)):
        console.print("", table, sep="\n", highlight=False)
    for sample in list(summary.samples.values())[:1]:
        console.print(f"\nOne message in full: entrega trace {escape(sample)} {ledger.run.path}", highlight=False)


def _table(title: str, *columns: str) -> Table:
    """The first column is words, the others are figures."""
    table = Table(box=None, title=title, title_justify="left", title_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", header_style="dim")
    return table


def _grid(title: str, rows: Iterable[Iterable[str]]) -> Table:
    table = _table(title)
    table.show_header = False
    for row in rows:
        table.add_row(*row)
    return table


def _messages(summary: "Summary") -> Table:
    beside = (f"unreached {count(summary.unreached)}", f"acked and lost {count(summary.acked_and_lost)}")
    return _grid("Messages", [[line] for line in (*added_up(summary), ", ".join(beside))])


def _counters(summary: "Summary") -> Table:
    cells = [f"{name.replace('_', ' ')} {count(getattr(summary, name))}" for name in COUNTERS]
    return _grid("Counters", [cells[:4], cells[4:]])


def _rates(summary: "Summary") -> Table:
    table = _table("Rates", "of judged messages", "share", "95 % interval", "messages", "sessions")
    for name, rate in (("missed live", summary.live_miss), ("lost for good", summary.permanent_loss)):
        table.add_row(name, percent(rate.rate), interval(rate), f"{rate.k:,} of {rate.n:,}", f"{rate.sessions:,}")
    least = summary.unavoidable_miss
    if least is not None and least.k:
        table.add_row("due in the plan's own gaps", percent(least.share), "", f"{least.k:,} of {least.n:,}", "")
    return table


def _hidden(summary: "Summary") -> str:
    """Why a rate has no interval, and both bounds on what a run of this size can miss."""
    least = summary.smallest_detectable_loss
    if least.session is None:
        return "Nothing was judged, so any loss may be hidden."
    rates = (summary.live_miss, summary.permanent_loss)
    why = {f"{certainty(rate).replace('no', 'No', 1)}.\n" for rate in rates if interval(rate) == NONE}
    bounds = f"{percent(least.session)} of sessions and {percent(least.message)} of messages"
    return f"{''.join(why)}What was not seen once among so many may still happen to up to {bounds}."


def _latencies(summary: "Summary") -> Table:
    every = any(getattr(summary, name).of_every for name in LATENCIES)
    said = "; *: of all messages, also those of voided windows" * every
    table = _table(f"Latency, ms (-: too few samples to tell{said})", "", *SHARES, "max", "of", "never")
    for name, called in LATENCIES.items():
        series = getattr(summary, name)
        cells = (cell(series, quantile) for quantile in (*SHARES, "max"))
        table.add_row(called, *cells, f"{series.n:,}", f"{series.lost:,}")
    return table


def _print_causes(causes: list[found.Found], console: Console) -> None:
    for cause in causes:
        console.print(f"[bold]{cause.n:>6,}  {cause.title}[/]", highlight=False)
        told = f": {cause.told}" if cause.told != cause.by.sentence else ""
        example = f"e.g. {cause.sample}{told}" if cause.sample else ""
        for line in filter(None, (cause.by.sentence, cause.declared, f"Cure: {cause.by.cure}", example)):
            console.print(Padding(escape(line), (0, 0, 0, 8)), highlight=False)


def _parties(summary: "Summary") -> Table:
    who, asked = summary.parties, summary.escalations
    cells = (
        f"asked for {who.asked:,}, connected {who.connected:,}, joined {who.joined:,}, never back {who.never_back:,}",
        f"escalations {asked.asked:,}, assumed {asked.assumed:,}, never {asked.never:,}",
        "indicator falsely said connected: "
        + (count(None) if summary.false_connected_s is None else seconds(summary.false_connected_s)),
    )
    return _grid("Widgets and agents", [[cell] for cell in cells])


def _rig(summary: "Summary") -> Table:
    """The load generator's figures beside their limits."""
    rig = summary.rig
    state = "valid" if rig.valid else "NOT VALID"
    table = _table(f"Load generator: {state}{rig.left_out}", "", "measured", "at most", "windows past it")
    for limit in LIMITS:
        measured = limit.said(getattr(rig, limit.name))
        table.add_row(limit.called, measured, limit.said(limit.most), f"{rig.past(limit):,}")
    table.add_row("the server's loop lag p99", ms(rig.server_lag_ms_p99), "", "")
    table.add_row("the server's CPU, of one core", percent(rig.server_cpu), "", "")
    return table

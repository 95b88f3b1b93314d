"""Scenarios played, reported and judged one after the other, as CI does, and what all of those who tell of it need."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from loadtests.bad_input import BadInput
from loadtests.order import Order
from loadtests.run_folder import new_path, point_latest
from reports.found import Found, because
from reports.ledger import open_ledger
from reports.terminal import STYLES
from reports.verdict import Verdict
from reports.words import count, percent, within

if TYPE_CHECKING:
    from reports.ledger import Ledger
    from reports.summary import Summary

TROUBLE = "trouble"  # beside pass, fail and unknown: there is no run to judge


@dataclass(frozen=True, slots=True)
class Checked:
    """A scenario and what came of it. Without a run there is no summary, and the verdict's reasons say why.

    `took_s`: from the first to the last event.
    """

    scenario: str
    verdict: Verdict
    run: Path | None = None
    summary: "Summary | None" = None
    took_s: float = 0.0
    causes: tuple[Found, ...] = ()

    def if_unknown(self, asked: str | None) -> str | None:
        """What `--on-unknown` makes of it: a run that was cut off, or in which nothing was owed, it does not excuse."""
        summary = self.summary
        tested = summary is None or (summary.owed > 0 and summary.end.state == "complete")
        return asked if tested or asked == "fail" else None


def judged(ledger: "Ledger", verdict: Verdict) -> Checked:
    """A run that was played, with its verdict."""
    (took_s,) = ledger.query("SELECT (max(t) - min(t)) / 1e9 AS s FROM events")["s"]
    causes = tuple(because(ledger, "missed_because"))
    return Checked(ledger.summary.scenario, verdict, ledger.run.path, ledger.summary, float(took_s), causes)


def unplayed(scenario: str, why: str) -> Checked:
    """Nothing that could be judged."""
    return Checked(scenario, Verdict(TROUBLE, (why,), ()))


def check(
    orders: Sequence[Order],
    runs: Path,
    play: Callable[[Order], Path],
    judge: Callable[["Ledger"], Verdict],
    tell: Callable[[Sequence[Checked]], None],
) -> list[Checked]:
    """Play, report and judge each order into a new folder below `runs`; `tell` hears of all of them, also when a
    signal comes in between.
    """
    checked: list[Checked] = []
    try:
        for number, order in enumerate(orders, 1):
            print(f"{number} of {len(orders)}: {order.scenario.name}", file=sys.stderr, flush=True)
            checked.append(_checked(order, runs, play, judge))
    finally:
        missing = [unplayed(each.scenario.name, "It was not played to its end.") for each in orders[len(checked) :]]
        tell([*checked, *missing])
    return checked


def _checked(order: Order, runs: Path, play: Callable[[Order], Path], judge: Callable[["Ledger"], Verdict]) -> Checked:
    from reports.page import write_report  # here, since it loads what a gate has no need of: it draws

    name = order.scenario.name
    try:
        folder = play(replace(order, out=new_path(runs, name, order.scenario.seed)))
        point_latest(folder)
        ledger = open_ledger(folder)
        verdict = judge(ledger)
        write_report(ledger, verdict)
    except BadInput as error:
        return unplayed(name, str(error))
    return judged(ledger, verdict)


def print_checked(checked: Sequence[Checked], console: Console) -> None:
    """One table, then why, then where to read on."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for place, column in enumerate(("scenario", "verdict", "owed", "missed live", "lost", "p95 to display")):
        table.add_column(column, justify="right" if place > 1 else "left", header_style="dim")
    for each in checked:
        verdict = each.verdict.verdict
        style = STYLES.get(verdict, STYLES["unknown"])
        table.add_row(escape(each.scenario), f"[{style}]{verdict}[/]", *figures(each))
    console.print(table, highlight=False)
    for each in checked:
        console.print(f"\n[bold]{escape(each.scenario)}[/] {each.run / 'report' if each.run else ''}", highlight=False)
        for reason in each.verdict.reasons:
            console.print(Padding(escape(reason), (0, 0, 0, 2)), highlight=False)


def figures(checked: Checked) -> tuple[str, ...]:
    """Owed, missed live, lost for good, p95 from due to display."""
    summary = checked.summary
    if summary is None:
        return ("-",) * 4
    return (
        count(summary.owed),
        percent(summary.live_miss.rate),
        percent(summary.permanent_loss.rate),
        within(summary.latency_ms, "p95"),
    )

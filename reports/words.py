"""How figures are said, the same in tables, pages and verdicts. `0` was counted; "not measured" was not."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reports.intervals import Quantiles, Rate

if TYPE_CHECKING:
    from reports.summary import Summary

NOT_MEASURED = "not measured"
NONE = "none"

# The latency series of a summary: the whole, the part that came as it was emitted, and its three parts.
LATENCIES = {
    "latency_ms": "due to display",
    "live_latency_ms": "due to live display",
    "slip_ms": "  due to sent",
    "acceptance_ms": "  sent to accepted",
    "delivery_ms": "  sent to live display",
    "time_to_join_ms": "connecting to joined",
}

# What became of the messages: each line is a sum and its parts, so that whoever adds up finds all of them.
ACCOUNT = (
    ("planned", ("sent", "unsent")),
    ("sent", ("accepted", "refused", "unanswered")),
    ("sent", ("owed", "not_owed")),
    ("owed", ("live", "late", "recovered", "lost", "unjudged")),
)

# What was counted beside that.
COUNTERS = ("duplicates", "reorders", "leaks", "phantoms", "unexpected", "unexplained", "foreign", "view_misses")


def count(n: float | None) -> str:
    """1,234, or not measured."""
    return NOT_MEASURED if n is None else f"{n:,.0f}" if n == int(n) else f"{n:,.1f}"


def plural(n: int, one: str, many: str | None = None) -> str:
    """1 message, 2 messages."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def percent(share: float | None) -> str:
    """Two figures, three from 10 % on; never a round 0 or 100 that is not one."""
    if share is None:
        return NOT_MEASURED
    if 0 < share < 1e-5:
        return "below 0.001 %"
    if 0.9995 <= share < 1:
        return "above 99.9 %"
    value = share * 100
    return f"{value:.3g} %" if value >= 10 else f"{value:.2g} %"


def ms(value: float | None) -> str:
    """12.3 ms, 1,234 ms, or not measured."""
    return NOT_MEASURED if value is None else f"{figure(value)} ms"


def figure(value: float | None) -> str:
    """Three figures of a bare number; - where the samples do not carry one."""
    return "-" if value is None else f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def within(found: Quantiles, name: str) -> str:
    """A quantile with its unit; never where it falls among the lost."""
    value = getattr(found, name)
    return ms(value) if value is not None else "never" if found.never(name) else "too few to tell"


def cell(found: Quantiles, name: str) -> str:
    """The same as a bare number; - where there are too few samples, and * behind one that is of every message."""
    return "never" if found.never(name) else figure(getattr(found, name)) + "*" * (name in found.of_every)


def seconds(value: float) -> str:
    """12.5 s without needless zeros."""
    return f"{value:,.1f}".removesuffix(".0") + " s"


def interval(rate: Rate) -> str:
    """The 95 % interval of a rate in words."""
    if rate.rate is None:
        return NOT_MEASURED
    if rate.low is None or rate.high is None:
        return NONE
    if rate.k == 0:
        return f"below {percent(rate.high)}"
    if rate.k == rate.n:
        return f"above {percent(rate.low)}"
    return f"{percent(rate.low)} to {percent(rate.high)}"


def certainty(rate: Rate) -> str:
    """The interval with its level, or why there is none."""
    said = interval(rate)
    if said == NOT_MEASURED:
        return said
    if said != NONE:
        return f"{said} at 95 %"
    if rate.by == "run":
        return "no 95 % interval: a fault hit all sessions at once, so that together they are one case"
    return f"no 95 % interval: that takes two judged {rate.by}s at least"


def added_up(summary: "Summary") -> list[str]:
    """ACCOUNT with its figures: `sent 9 = owed 6 + not owed 3`."""

    def said(name: str) -> str:
        return f"{name.replace('_', ' ')} {count(getattr(summary, name))}"

    return [f"{said(whole)} = {' + '.join(said(part) for part in parts)}" for whole, parts in ACCOUNT]


def spans(windows_s: Sequence[tuple[float, float]]) -> str:
    """When a fault was on, in words: a few spans one by one, of more the time from the first to the last."""
    if len(windows_s) > 3:
        total_s = sum(end_s - start_s for start_s, end_s in windows_s)
        return f"for {seconds(total_s)} in all between {seconds(windows_s[0][0])} and {seconds(windows_s[-1][1])}"
    return listed([f"from {seconds(start_s)} to {seconds(end_s)}" for start_s, end_s in windows_s])


def listed(names: Sequence[str]) -> str:
    """a, b and c."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last

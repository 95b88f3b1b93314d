"""How figures are said, the same in tables, pages and verdicts. `0` was counted; "not measured" was not."""

from collections.abc import Sequence

from reports.intervals import Rate

NOT_MEASURED = "not measured"

# The latency series of a summary: the whole, the part that came as it was emitted, and its three parts.
LATENCIES = {
    "latency_ms": "due to display",
    "live_latency_ms": "due to live display",
    "slip_ms": "  due to sent",
    "acceptance_ms": "  sent to accepted",
    "delivery_ms": "  sent to live display",
    "time_to_join_ms": "connecting to joined",
}


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


def seconds(value: float) -> str:
    """12.5 s without needless zeros."""
    return f"{value:,.1f}".removesuffix(".0") + " s"


def interval(rate: Rate) -> str:
    """The interval of a rate in words, or why there is none."""
    if rate.rate is None:
        return NOT_MEASURED
    if rate.low is None or rate.high is None:
        return "a fault hit all: one run is one sample" if rate.by == "run" else f"too few {rate.by}s for one"
    if rate.k == 0:
        return f"below {percent(rate.high)}"
    if rate.k == rate.n:
        return f"above {percent(rate.low)}"
    return f"{percent(rate.low)} to {percent(rate.high)}"


def listed(names: Sequence[str]) -> str:
    """a, b and c."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last

"""Measure whether figures are true: two truths that are known beforehand, beside what runs say of them. Ten minutes.

A server that stands still for a while (tests.bench.stall), and delays that the server writes down (tests.bench.delays).
`broken` names the bounds that did not hold, and then the exit code is 1. `python -m tests.bench truth`
"""

from tests.bench import delays, stall


def measure() -> dict[str, float | str | None]:
    """The figures of both; `broken`: nothing, or each bound that did not hold and by how much."""
    broken: list[str] = []
    print("  a server that stands still, open and closed loop", flush=True)
    stalled = stall.measure(broken.append)
    print("  delays that are known", flush=True)
    delayed = delays.measure(broken.append)
    return {
        **{f"stall_{name}": value for name, value in stalled.items()},
        **{f"delay_{name}": value for name, value in delayed.items()},
        "broken": "; ".join(broken) or "nothing",
    }

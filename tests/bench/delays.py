"""Delays that the server writes down, and how far from them a run measures them, at higher and higher rates.

Each rate is twice the one before, until the run says of itself that it measures nothing (not valid, or void from end to
end), or the server has no CPU left: beyond that it is the server's queue that is measured. Judged is the rate before
that, which is half of it; the errors at the last one are shown for what they are.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reports.ledger import Ledger, open_ledger
from tests.known_delays import DEFECT, MEDIAN_MS, P99_MS, errors_ms, told

WIDGETS, AGENTS = 40, 8
RUN_TIME_S = 20
FIRST_RATE, MOST_RATE = 25, 6400  # messages a second
SERVER_FULL = 0.85  # of one core
WITHIN_S = 180


@dataclass(frozen=True, slots=True)
class Rung:
    """What a run at that rate (1/s) says: errors (ms), whether it is sound, why not, and the CPU of both sides."""

    rate: int
    messages: int
    median_ms: float | None
    p99_ms: float | None
    gave_in: str
    rig_cpu: float
    server_cpu: float


def measure(fail: Callable[[str], None]) -> dict[str, float | str | None]:
    """The rate at which something gives in, what, and the errors (ms) at half of it; `fail` is told what is off."""
    below: Rung | None = None
    rate = FIRST_RATE
    while True:
        rung = _rung(rate)
        print(f"  {_line(rung)}", flush=True)
        if rung.gave_in or rate >= MOST_RATE:
            break
        below, rate = rung, rate * 2
    if below is None:
        fail(f"already at {rate} messages a second: {rung.gave_in}")
        return {"gave_in_at_per_s": rate, "gave_in": rung.gave_in}
    for name, found, most in (("median", below.median_ms, MEDIAN_MS), ("p99", below.p99_ms, P99_MS)):
        if found is None or found > most:
            fail(f"measured less logged delay: {name} {found} ms, at most {most:g} ms, at {below.rate} a second")
    return {
        "gave_in_at_per_s": rung.rate,
        "gave_in": rung.gave_in or "nothing",
        "judged_at_per_s": below.rate,
        "messages": below.messages,
        "error_ms_median": below.median_ms,
        "error_ms_p99": below.p99_ms,
    }


def _rung(rate: int) -> Rung:
    with tempfile.TemporaryDirectory() as scratch:
        ledger = _play(Path(scratch) / "run", rate)
        errors, rig = errors_ms(ledger), ledger.summary.rig
        gave_in = ""
        if told(ledger):
            gave_in = f"the load: {'; '.join(rig.reasons) or 'void from end to end'}"
        elif (rig.server_cpu or 0) > SERVER_FULL:
            gave_in = f"the server, at {rig.server_cpu:.0%} of its core"
        median_ms, p99_ms = (float(errors.quantile(q)) if len(errors) else None for q in (0.5, 0.99))
        return Rung(rate, len(errors), median_ms, p99_ms, gave_in, rig.cpu or 0.0, rig.server_cpu or 0.0)


def _play(folder: Path, rate: int) -> Ledger:
    """Agents send so many messages a second in all, the widgets none, after everybody has joined."""
    every_s = WIDGETS / rate
    settings = {"agent_every_s": [0.8 * every_s, 1.2 * every_s], "agent_first_s": [2, 2 + every_s]}
    settings |= {"widget_first_s": 1000, "arrivals_per_s": WIDGETS, "warm_up_s": 0}
    command = [sys.executable, "-m", "entrega", "run", "steady", "-t", f"{RUN_TIME_S}s", "--out", str(folder)]
    command += ["--widgets", str(WIDGETS), "--agents", str(AGENTS), "--defect", f"{DEFECT}=exp:40"]
    command += [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    played = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    if played.returncode not in (0, 3):
        raise RuntimeError(played.stderr)
    return open_ledger(folder)


def _line(rung: Rung) -> str:
    errors = (
        "nothing is sound"
        if rung.median_ms is None
        else f"{rung.messages} messages, median {rung.median_ms:.2f} ms, p99 {rung.p99_ms:.2f} ms off"
    )
    cpu = f"CPU of the load {rung.rig_cpu:.0%}, of the server {rung.server_cpu:.0%}"
    return f"{rung.rate} a second: {errors}; {cpu}{'; gave in: ' + rung.gave_in if rung.gave_in else ''}"

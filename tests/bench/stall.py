"""A server that stands still, and the latency that a run reports of it, beside what is known beforehand.

Messages are due evenly, RATE a second for T s. In the middle the server is stopped for S s (SIGSTOP, SIGCONT). What was
due u s after it was stopped waits until it goes on, S - u, and then for its turn: RATE * u messages wait before it, and
the server serves `capacity` a second, so that with rho = RATE / capacity the latency is

    L(u) = S - u + rho * u = S - (1 - rho) * u,        which falls from S to 0 at u = S / (1 - rho).

Dues are even, so of all messages the share (S - x) / ((1 - rho) * T) is later than x, and where that is 1 - q, x is
the quantile q:

    x(q) = S - (1 - rho) * (1 - q) * T                 for q above 1 - S / ((1 - rho) * T).

To that comes what a message takes at other times, the median. (A server that first takes in all that waits and then
answers it makes everybody wait for the whole backlog, which is at most rho more of x.) A client that waits for each
answer before it sends the next message meets the stall once: of the RATE * S messages that were due meanwhile it sends
one.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loadtests import run_folder
from loadtests import scenario as scenarios
from loadtests.run_folder import RunFolderError
from reports.ledger import Ledger, open_ledger
from tests.bench import server
from tests.bench.closed_loop import latencies_ms
from tests.server_process import ServerProcess, running

STALLED = Path(__file__).parent / "stalled.toml"
RATE = 25.0  # messages due a second, of the run; the closed loop sends as many
STALL_S, AT_S = 6.0, 33.0  # for how long, and when after the run's start
QUANTILES = (0.92, 0.95, 0.97, 0.99)
REPORTED = {0.95: "p95", 0.99: "p99"}  # in summary.json
SHARE, LEAST_MS = 0.05, 20.0  # how far a quantile may be off: the larger of the two
MOST_LOAD = 0.1
WITHIN_S = 180.0


@dataclass(frozen=True, slots=True)
class Played:
    """What came of the run, and of the closed loop beside it; the stall as it really was (s)."""

    ledger: Ledger
    closed_ms: list[float]
    stall_s: float


def measure(fail: Callable[[str], None]) -> dict[str, float | str | None]:
    """Each quantile (ms): as it must be, as the run reports it, as the closed loop does. `fail` is told what is off."""
    capacity = server.measure()["accepted_per_s"]
    load = 2 * RATE / capacity
    if load > MOST_LOAD:
        fail(f"the load is {load:.0%} of the server's capacity, more than {MOST_LOAD:.0%}")
    with tempfile.TemporaryDirectory() as scratch:
        played = _play(Path(scratch))
        reported = _reported(played.ledger)
        rig, messages = played.ledger.summary.rig, len(played.ledger.deliveries)
    if not rig.valid:
        fail(f"the run is not valid: {', '.join(rig.reasons)}")
    figures: dict[str, float | str | None] = {"load_share": load, "stall_s": played.stall_s, "messages": messages}
    figures["voided_windows"] = len(rig.voided)
    for q in QUANTILES:
        expected = expected_ms(q, played.stall_s, messages / RATE, RATE / capacity) + reported[0.5]
        closed = float(np.quantile(played.closed_ms, q))
        name = f"p{q * 100:g}"
        figures |= {f"{name}_ms_expected": expected, f"{name}_ms": reported[q], f"{name}_ms_closed_loop": closed}
        if not abs(reported[q] - expected) <= max(SHARE * expected, LEAST_MS):
            fail(f"{name} is {reported[q]:,.0f} ms, expected {expected:,.0f} ms")
        if closed > STALL_S * 1000 / 10:
            fail(f"the closed loop shows the stall: its {name} is {closed:,.0f} ms")
    return figures


def expected_ms(q: float, stall_s: float, run_s: float, rho: float) -> float:
    """The closed form above, in ms."""
    return max(0.0, stall_s - (1 - rho) * (1 - q) * run_s) * 1000


def _reported(ledger: Ledger) -> dict[float, float]:
    """Quantile -> latency (ms): by the summary where it has it, else of the ledger's rows."""
    asked = ", ".join(str(q) for q in (0.5, *QUANTILES))
    sql = f"SELECT unnest(quantile_disc(coalesce(latency_ms, 'inf'::DOUBLE), [{asked}])) AS ms FROM ledger WHERE owed"
    found = dict(zip((0.5, *QUANTILES), map(float, ledger.query(sql)["ms"]), strict=True))
    summary = {q: getattr(ledger.summary.latency_ms, name) for q, name in REPORTED.items()}
    return found | {q: float("nan") if value is None else value for q, value in summary.items()}


def _play(scratch: Path) -> Played:
    scenario = scenarios.load(str(STALLED))
    pings = ("--ping-interval", f"{scenario.ping_interval_s:g}", "--ping-timeout", f"{scenario.ping_timeout_s:g}")
    folder = scratch / "run"
    with running(scratch, *pings) as serving, _run(folder, serving.url) as run, ThreadPoolExecutor(1) as beside:
        t0_s = _t0_s(folder)
        closed = beside.submit(latencies_ms, serving.url, RATE, t0_s + scenario.run_time_s)
        time.sleep(t0_s + AT_S - time.monotonic())
        stall_s = _stall(serving)
        status = run.wait(WITHIN_S)
        closed_ms = closed.result(WITHIN_S)
    if status not in (0, 3):
        raise RuntimeError(f"the run ended with {status}")
    return Played(open_ledger(folder), closed_ms, stall_s)


@contextlib.contextmanager
def _run(folder: Path, url: str) -> "Iterator[subprocess.Popen[bytes]]":
    command = [sys.executable, "-m", "entrega", "run", str(STALLED), "-H", url, "--out", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        try:
            yield run
        finally:
            run.terminate()


def _t0_s(folder: Path) -> float:
    """When the run began, once it has."""
    until_s = time.monotonic() + WITHIN_S
    while time.monotonic() < until_s:
        with contextlib.suppress(RunFolderError):
            if (t0_ns := run_folder.read_info(folder)["t0_ns"]) is not None:
                return float(t0_ns) / 1e9
        time.sleep(0.05)
    raise RuntimeError("the run did not begin")


def _stall(serving: ServerProcess) -> float:
    """Stop the server for a while; how long it was (s)."""
    stopped_s = time.monotonic()
    os.kill(serving.process.pid, signal.SIGSTOP)
    try:
        time.sleep(STALL_S)
    finally:
        os.kill(serving.process.pid, signal.SIGCONT)
    return time.monotonic() - stopped_s

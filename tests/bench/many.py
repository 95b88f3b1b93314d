"""Measure how many widgets can be joined at once, with one agent for 50, against the bundled server beside them.

One run of many.toml: at least one message per session in 40 s for two minutes after the last one has joined. Held means
nothing lost, nothing unexplained, no row the rig's, a valid rig. Then all leave within 40 s, each with an audit, which
is more than the talk before. What cannot be held is tried again at half its size: the figures are those of the largest
of SIZES that can, and `gave_in` says of the others what broke first.
Ten minutes and more. `python -m tests.bench 10k`
"""

import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from loadtests import scenario as scenarios
from reports.ledger import Ledger, open_ledger

MANY = Path(__file__).parent / "many.toml"
SIZES = (10_000, 5_000, 2_500)
WIDGETS_AN_AGENT = 50
STEADY_S = 120
LOOK_AGAIN_S = 5.0
PARTS = {"swarm": "locust -f", "server": "entrega serve"}


def measure() -> dict[str, float | str | None]:
    """Widgets held, and of that run: connects, deliveries (1/s), memory per widget (kB), shares of a core, latency."""
    gave_in = []
    for size in SIZES:
        with tempfile.TemporaryDirectory() as scratch:
            figures, failed = _hold(size, Path(scratch) / "run")
        if not failed:
            return {"held": size, **figures, "gave_in": "; ".join(gave_in) or "nothing"}
        gave_in.append(f"{size}: {', '.join(failed)}")
        print(f"  {gave_in[-1]}", flush=True)
    return {"held": 0, **figures, "gave_in": "; ".join(gave_in)}


def _hold(widgets: int, folder: Path) -> tuple[dict[str, float | str | None], list[str]]:
    scenario = scenarios.load(str(MANY))
    agents = widgets // WIDGETS_AN_AGENT
    ramp_s = scenario.settle_s + (agents + widgets) / scenario.arrivals_per_s
    run_time_s = ramp_s + scenario.run_time_s
    command = [sys.executable, "-m", "entrega", "run", str(MANY), "-t", f"{run_time_s:.0f}s", "--out", str(folder)]
    command += ["--widgets", str(widgets), "--agents", str(agents)]
    print(f"  {widgets} widgets, {agents} agents, about {run_time_s + scenario.quiet_phase_s:.0f} s", flush=True)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    seen: dict[str, list[tuple[float, float, float]]] = {part: [] for part in PARTS}
    watching = threading.Thread(target=_watch, args=(process, seen))
    watching.start()
    try:
        status = process.wait(2 * (run_time_s + scenario.quiet_phase_s) + 120)
    finally:
        process.terminate()
        watching.join()
    if status not in (0, 3):
        return {}, [f"the run ended with {status}"]
    ledger = open_ledger(folder)
    return _figures(ledger, ramp_s, seen, widgets), _failed(ledger, widgets)


def _figures(
    ledger: Ledger, ramp_s: float, seen: dict[str, list[tuple[float, float, float]]], widgets: int
) -> dict[str, float | str | None]:
    from_ns = ledger.run.info["t0_ns"] + round(ramp_s * 1e9)
    until_ns = from_ns + STEADY_S * 10**9
    row = ledger.query(f"""
        SELECT count(*) FILTER (kind = 'displayed') / {STEADY_S} AS deliveries_per_s,
            min(joined) FILTER (kind = 'rig') AS conversations_joined_at_least
        FROM events WHERE t BETWEEN {from_ns} AND {until_ns}""").iloc[0]
    ramp = ledger.query("""
        SELECT count(*) / ((max(t) - min(t)) / 1e9) AS connects_per_s FROM events
        WHERE kind = 'connected' AND conn = 1 AND party LIKE 'widget-%'""").iloc[0]
    latency = ledger.query(f"""
        SELECT quantile_cont(latency_ms, 0.99) FILTER (due_ns < {until_ns}) AS latency_p99_ms,
            quantile_cont(latency_ms, 0.99) FILTER (due_ns >= {until_ns}) AS latency_p99_ms_while_all_leave
        FROM ledger WHERE due_ns >= {from_ns}""").iloc[0]
    figures: dict[str, float | str | None] = {**ramp.to_dict(), **row.to_dict(), **latency.to_dict()}
    for part, looks in seen.items():
        kb = [look[2] for look in looks]
        figures[f"kb_per_widget_{part}"] = (max(kb) - kb[0]) / widgets if kb else None
        steady = [look for look in looks if from_ns <= look[0] <= until_ns]
        if len(steady) > 1:
            figures[f"cpu_{part}"] = (steady[-1][1] - steady[0][1]) / ((steady[-1][0] - steady[0][0]) / 1e9)
    return figures


def _failed(ledger: Ledger, widgets: int) -> list[str]:
    """What is to be nothing and is not."""
    summary = ledger.summary.to_dict()
    wrong = [f"{summary[name]} {name}" for name in ("lost", "unexplained", "unjudged") if summary[name]]
    rig = summary["rig"]
    joined = summary["parties"]["joined"]
    return (
        wrong
        + ([] if rig["valid"] else list(rig["reasons"]))
        + ([f"{joined} parties ever joined"] if joined < widgets else [])
    )


def _watch(process: "subprocess.Popen[bytes]", seen: dict[str, list[tuple[float, float, float]]]) -> None:
    while process.poll() is None:
        for part, words in PARTS.items():
            for pid in _below(process.pid, words):
                look = _look(pid)
                if look is not None:
                    seen[part].append(look)
        time.sleep(LOOK_AGAIN_S)


def _below(parent: int, words: str) -> list[int]:
    """The children of that process whose command line holds those words."""
    try:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return [int(pid) for pid in children if words in _command(pid)]
    except OSError:
        return []


def _command(pid: str) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def _look(pid: int) -> tuple[float, float, float] | None:
    """When (monotonic ns), CPU seconds so far, proportional set size in kB; None when the process has gone."""
    try:
        ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return None
    (pss,) = (line.split()[1] for line in rollup.splitlines() if line.startswith("Pss:"))
    return float(time.monotonic_ns()), sum(map(int, ticks)) / 100, float(pss)


if __name__ == "__main__":
    print(measure())

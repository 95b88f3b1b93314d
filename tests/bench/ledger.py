"""Measure the ledger at growing size: seconds and memory, and how many scans of the same evidence it costs.

The evidence is that of sessions of 100 messages, each sent, accepted, received and displayed, with the fields that the
swarm writes against the bundled server and times of whole ns; but a fifth of them come before the widget has joined,
and every second widget is never handed those. A scan is `sum(hash(COLUMNS(*)))` over the
same file: all that is in it, looked at once. Two threads, warm; a scan is the median of 5, and so is a ledger that
takes no longer than a few seconds. `python -m tests.bench.ledger`
"""

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import duckdb
import orjson

from loadtests.events import FORMAT, columns
from loadtests.seal import seal
from reports.ledger import Ledger, build_ledger

SIZES = {"100k": 100_000, "1m": 1_000_000, "10m": 10_000_000}
SEALED = "100k"
PER_SESSION, EARLY, AGENTS = 100, 20, 50
ROOT = Path(__file__).resolve().parent.parent.parent
WITHIN_S = 1800
T0_NS = 10**12

# The order is made of numbers, before they become the words of events.
EVIDENCE = f"""
WITH happened AS (
    SELECT i, NULL::BIGINT AS n, i * 20 + unnest([0, 500, 10_741, 10_749, 10_750, 10_754]) AS ms,
        unnest(['session_opened', 'assumed', 'connecting', 'connected', 'join_sent', 'joined']) AS kind
    FROM range($sessions) AS sessions(i)
    UNION ALL
    SELECT i, n, i * 20 + 1_000 + n * 500 + unnest([0, 7]), unnest(['sent', 'accepted'])
    FROM range($sessions) AS sessions(i), range({PER_SESSION}) AS messages(n)
    UNION ALL
    SELECT i, n, i * 20 + if(n < {EARLY}, 10_755, 1_008 + n * 500) + unnest([0, 1]), unnest(['received', 'displayed'])
    FROM range($sessions) AS sessions(i), range({PER_SESSION}) AS messages(n) WHERE n >= {EARLY} OR i % 2 = 1
    UNION ALL
    SELECT NULL, NULL, $sessions * 20 + 200_000, 'sentinel'
),
timed AS (SELECT *, {T0_NS} + ms * 1_000_000 + (hash(i, n, kind) % 1_000_000)::BIGINT AS t FROM happened)
SELECT 'swarm-1' AS source, row_number() OVER () AS line, t, kind,
    if(kind IN ('assumed', 'sent', 'accepted'), 'agent-' || i % {AGENTS}, 'widget-' || i) AS party,
    if(i IS NULL, NULL, 1) AS view, printf('s%015x', i) AS session,
    if(kind IN ('session_opened', 'assumed', 'sent', 'accepted'), NULL, view) AS conn,
    '8abe6356:' || i || '.a.' || n AS mid, if(kind = 'sent', NULL, n + 1) AS seq,
    if(kind IN ('session_opened', 'assumed'), i, NULL) AS "index",
    if(kind IN ('accepted', 'received'), printf('%016x', hash(i, n)), NULL) AS id,
    CASE WHEN kind = 'sent' THEN 'rest' WHEN kind IN ('received', 'displayed') THEN if(n < {EARLY}, 'join', 'live')
        END AS via,
    if(kind = 'received', 'new-message', NULL) AS event, if(kind = 'received', 250 + hash(i, n) % 50, NULL) AS size,
    if(kind = 'sent', t - hash(n, i) % 2_000_000, NULL)::BIGINT AS due_ns,
    if(kind = 'accepted', 201, NULL) AS status,
    if(kind IN ('join_sent', 'joined'), 'chat:' || session, NULL) AS room,
    if(kind IN ('join_sent', 'joined'), 0, NULL) AS "after",
    if(kind = 'joined', if(i % 2 = 1, {EARLY}, 0), NULL) AS "count"
FROM (FROM timed ORDER BY t)"""


def measure() -> dict[str, float]:
    """Every size in a process of its own, so that the memory is that ledger's."""
    measured: dict[str, float] = {}
    for size, messages in SIZES.items():
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), messages)
            command = [sys.executable, "-m", "tests.bench.ledger", folder]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=WITHIN_S, check=False)
            if done.returncode:
                raise RuntimeError(done.stderr)
            measured |= {f"{name}_{size}": value for name, value in json.loads(done.stdout).items()}
            if size == SEALED:
                measured[f"seal_s_{size}"] = _seal(Path(folder))
    first, *_, last = SIZES
    growth = measured[f"ledger_s_{last}"] / measured[f"ledger_s_{first}"]
    return {**measured, "exponent": math.log(growth) / math.log(SIZES[last] / SIZES[first])}


def write(folder: Path, messages: int) -> None:
    """A sealed run folder with so many messages."""
    info = {
        "format": FORMAT, "run": "8abe6356", "seed": 7, "scenario": {"name": "bench", "goals": {}}, "t0_ns": T0_NS,
        "target": {"promises": {"ack": True, "history": True, "order": True}, "widget": {"join": {"event": "join"}}},
        "horizon_s": 22.0, "late_after_s": 2.0, "warm_up_s": 0.0, "workers": 1, "fault_windows": [],
        "planned": {"widgets": messages // PER_SESSION, "agents": AGENTS, "messages": messages},
        "clocks": [{"process": "start", "monotonic_ns": T0_NS, "utc": "2025-11-22T12:00:00+00:00"}],
        "end": {"state": "complete", "reason": None},
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(info))
    fields = ", ".join(f'"{name}" {kind}' for name, kind in columns().items())
    with duckdb.connect(config={"memory_limit": "4GB", "temp_directory": str(folder / "scratch")}) as con:
        con.execute(f"CREATE TABLE evidence ({fields})")
        con.execute(
            f"COPY (FROM evidence UNION ALL BY NAME ({EVIDENCE})) TO '{folder / 'events.parquet'}' "
            "(FORMAT parquet, COMPRESSION zstd)",
            {"sessions": messages // PER_SESSION},
        )


def _seal(folder: Path) -> float:
    """The same events as the lines that a recorder writes; seconds to seal them."""
    events = duckdb.sql(f"FROM '{folder / 'events.parquet'}'")
    (folder / "events").mkdir()
    with (folder / "events/swarm-1.jsonl").open("wb") as file:
        for row in events.select("* EXCLUDE (source, line)").fetchall():
            fields = {name: value for name, value in zip(events.columns[2:], row, strict=True) if value is not None}
            file.write(orjson.dumps(fields) + b"\n")
    (folder / "events.parquet").unlink()
    return _seconds(lambda: seal(folder))


def _build(folder: Path) -> dict[str, float]:
    """In a process that has two processors, and by that two threads."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    with duckdb.connect() as con:
        scan = f"SELECT sum(hash(COLUMNS(*))) FROM '{folder / 'events.parquet'}'"
        con.execute(scan)
        scan_s = median(_seconds(lambda: con.execute(scan)) for _ in range(5))
    ledger_s = [_seconds(lambda: _found(build_ledger(folder)))]
    while len(ledger_s) < 5 and ledger_s[0] < 5:
        ledger_s.append(_seconds(lambda: build_ledger(folder)))
    peak_mb = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024
    return {"scan_s": scan_s, "ledger_s": median(ledger_s), "ratio": median(ledger_s) / scan_s, "peak_mb": peak_mb}


def _found(ledger: Ledger) -> None:
    """What the evidence holds must have been found: a wrong ledger has no speed."""
    (found,) = ledger.query(
        "SELECT count(*) AS n, count(*) FILTER (outcome = 'live') AS live, count(*) FILTER (outcome = 'lost') AS lost, "
        "count(*) FILTER (missed_because = 'early_message') AS early FROM ledger"
    ).itertuples(index=False)
    messages, early = found.n, found.n * EARLY // PER_SESSION
    assert (found.live, found.lost, found.early) == (messages - early, early // 2, early), found


def _seconds(what: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    what()
    return time.perf_counter() - began_s


if __name__ == "__main__":
    print(json.dumps(_build(Path(sys.argv[1])) if sys.argv[1:] else measure()))

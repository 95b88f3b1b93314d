"""Measure the ledger of 100,000 messages: seconds to seal, to build and to summarise it, and the memory at its peak.

The evidence is written here in the real format, as of a run of 1,000 sessions with a journal: every message is sent,
accepted, stored, published, written, received, displayed and audited, but for the first fifth of each session, which
comes before the widget joins. Every second widget is handed those with the join; the others lose them.
`python -m tests.bench.ledger`
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from loadtests.events import FORMAT, KINDS
from loadtests.seal import seal
from reports.ledger import build_ledger

SESSIONS, MESSAGES, EARLY, AGENTS = 1000, 100, 20, 50
ROOT = Path(__file__).resolve().parent.parent.parent
WITHIN_S = 300
T0_NS, MS, SECOND = 10**12, 10**6, 10**9
RUN = "8abe6356"
Event = dict[str, Any]


def measure() -> dict[str, float]:
    """In a process of its own, so that the memory is the ledger's."""
    with tempfile.TemporaryDirectory() as folder:
        events = write(Path(folder))
        command = [sys.executable, "-m", "tests.bench.ledger", folder]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=WITHIN_S, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
    return {"messages": SESSIONS * MESSAGES, "events": events, **json.loads(done.stdout)}


def write(folder: Path) -> int:
    """A run folder of such a run, not yet sealed; how many events it has."""
    (folder / "events").mkdir()
    info = {
        "format": FORMAT, "run": RUN, "seed": 7, "scenario": {"name": "bench", "goals": {}}, "t0_ns": T0_NS,
        "target": {"promises": {"ack": True, "history": True, "order": True}, "widget": {"join": {"event": "join"}}},
        "horizon_s": 22.0, "late_after_s": 2.0, "warm_up_s": 0.0, "workers": 1, "fault_windows": [],
        "planned": {"widgets": SESSIONS, "agents": AGENTS, "messages": SESSIONS * MESSAGES},
        "clocks": [{"process": "start", "monotonic_ns": T0_NS, "utc": "2025-11-22T12:00:00+00:00"}],
        "end": {"state": "complete", "reason": None},
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(info))
    written = 0
    with (folder / "events/swarm-1.jsonl").open("wb") as swarm, (folder / "events/journal-1.jsonl").open("wb") as own:
        for event in _run():
            file = own if KINDS[event["kind"]].writer == "server" else swarm
            file.write(orjson.dumps(event) + b"\n")
            written += 1
    return written


def _run() -> Iterator[Event]:
    yield {"t": T0_NS, "kind": "server_started", "boot": "1"}
    for number in range(AGENTS):
        about = {"party": f"agent-{number}", "view": 1, "conn": 1}
        yield {"t": T0_NS, "kind": "connecting", **about}
        yield {"t": T0_NS + MS, "kind": "connected", "sid": f"desk-{number}", **about}
    for index in range(SESSIONS):
        yield from _session(index, T0_NS + SECOND + index * 20 * MS)
    end_ns = T0_NS + 200 * SECOND
    yield {"t": end_ns, "kind": "loop_lag", "lag_ms": 1.0}
    yield {"t": end_ns, "kind": "sentinel"}


def _session(index: int, from_ns: int) -> Iterator[Event]:
    """Messages come every 500 ms from the assume on; the widget joins between the last early one and the next."""
    session, room = f"s{index:015x}", f"chat:s{index:015x}"
    widget = {"party": f"widget-{index}", "view": 1, "session": session}
    agent = {"party": f"agent-{index % AGENTS}", "view": 1, "session": session}
    yield {"t": from_ns, "kind": "session_opened", "index": index, **widget}
    yield {"t": from_ns + 500 * MS, "kind": "assumed", "index": index, **agent}
    yield from _join(agent, f"desk-{index % AGENTS}", room, from_ns + 501 * MS, 0)
    first_ns = from_ns + SECOND
    joins_ns = first_ns + EARLY * 500 * MS - 250 * MS
    yield {"t": joins_ns - 9 * MS, "kind": "connecting", "conn": 1, **widget}
    yield {"t": joins_ns - MS, "kind": "connected", "conn": 1, "sid": f"page-{index}", **widget}
    offered = EARLY if index % 2 else 0
    yield from _join(widget, f"page-{index}", room, joins_ns, offered)
    for number in range(MESSAGES):
        at_ns, early = first_ns + number * 500 * MS, number < EARLY
        about = {"session": session, "mid": f"{RUN}:{index}.a.{number}", "seq": number + 1}
        yield from _message(about, f"m{index}-{number}", index, room, at_ns, early)
        if not early or offered:
            seen = {"conn": 1, **widget, **about, "via": "join" if early else "live"}
            seen_ns = joins_ns + 5 * MS if early else at_ns + 8 * MS
            yield {"t": seen_ns, "kind": "received", "id": f"m{index}-{number}", **seen}
            yield {"t": seen_ns + 1, "kind": "displayed", **seen}
    yield from _audit(widget, index)


def _join(party: Event, sid: str, room: str, at_ns: int, count: int) -> Iterator[Event]:
    yield {"t": at_ns, "kind": "join_sent", "conn": 1, "room": room, "after": 0, **party}
    yield {"t": at_ns + MS, "kind": "room_entered", "sid": sid, "room": room, "session": party["session"]}
    yield {"t": at_ns + 4 * MS, "kind": "joined", "conn": 1, "room": room, "after": 0, "count": count, **party}


def _message(about: Event, id: str, index: int, room: str, at_ns: int, early: bool) -> Iterator[Event]:
    """What agent and server write down of one message."""
    sender = {"party": f"agent-{index % AGENTS}", "view": 1, **about}
    sids = [f"desk-{index % AGENTS}", *([] if early else [f"page-{index}"])]
    yield {"t": at_ns, "kind": "sent", "due_ns": at_ns - MS, "via": "rest", **sender}
    yield {"t": at_ns + 4 * MS, "kind": "stored", "id": id, **about}
    published = {"room": room, "members": len(sids), "sids": sids, "id": id}
    yield {"t": at_ns + 5 * MS, "kind": "published", **published, **about}
    yield {"t": at_ns + 6 * MS, "kind": "written", "sid": sids[-1], "id": id, **about}
    yield {"t": at_ns + 7 * MS, "kind": "accepted", "status": 201, "id": id, **sender}


def _audit(widget: Event, index: int) -> Iterator[Event]:
    at_ns = T0_NS + 190 * SECOND
    yield {"t": at_ns, "kind": "history_read", "after": 0, "count": MESSAGES, "audit": True, **widget}
    for number in range(MESSAGES):
        about = {"mid": f"{RUN}:{index}.a.{number}", "seq": number + 1, "id": f"m{index}-{number}", "via": "audit"}
        yield {"t": at_ns + 1, "kind": "received", **widget, **about}


def _build(folder: Path) -> dict[str, float]:
    began_s = time.perf_counter()
    seal(folder)
    sealed_s = time.perf_counter()
    ledger = build_ledger(folder)
    built_s = time.perf_counter()
    summary = ledger.summary
    early = SESSIONS * EARLY
    found = (summary.live, summary.recovered, summary.lost, summary.missed_because)
    assert found == (SESSIONS * MESSAGES - early, early // 2, early // 2, {"early_message": early}), found
    status = Path("/proc/self/status").read_text()
    return {
        "seal_s": sealed_s - began_s,
        "build_s": built_s - sealed_s,
        "summary_s": time.perf_counter() - built_s,
        "peak_memory_mb": int(status.partition("VmHWM:")[2].split()[0]) / 1024,
    }


if __name__ == "__main__":
    print(json.dumps(_build(Path(sys.argv[1])) if sys.argv[1:] else measure()))

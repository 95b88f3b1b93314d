"""Measure what it costs a load process to write one event down. `python -m tests.bench.recorder`"""

import tempfile
import time
from pathlib import Path

from loadtests.events import Recorder

EVENTS, BATCH = 300_000, 300  # a batch is what a busy load process records between two flushes
ABOUT = {
    "party": "widget-17",
    "view": 1,
    "conn": 1,
    "session": "fcb56d0a97f353bb",
    "seq": 12,
    "via": "live",
    "event": "new-message",
    "id": "ca69788965716531",
    "size": 255,
}


def measure() -> dict[str, float]:
    """Time to append one event (where it is called), and to append and flush it (all in all); us. Its bytes."""
    append_ns = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "swarm-1.jsonl"
        recorder = Recorder(path)
        began_ns = time.perf_counter_ns()
        for batch in range(EVENTS // BATCH):
            mid, batch_ns = f"8abe6356:17.a.{batch}", time.perf_counter_ns()
            for _ in range(BATCH):
                recorder.append("received", mid=mid, **ABOUT)
            append_ns += time.perf_counter_ns() - batch_ns
            recorder.flush()
        took_ns = time.perf_counter_ns() - began_ns
        size = path.stat().st_size
        recorder.close()
    return {
        "append_us_per_event": append_ns / EVENTS / 1e3,
        "append_and_flush_us_per_event": took_ns / EVENTS / 1e3,
        "bytes_per_event": size / EVENTS,
    }


if __name__ == "__main__":
    print(measure())

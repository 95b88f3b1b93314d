"""Measure what it costs a load process to write one event down. `python -m tests.bench.recorder`"""

import statistics
import tempfile
import time
from pathlib import Path

from loadtests.events import Recorder

EVENTS, BATCH = 300_000, 300  # a batch is what a busy load process records between two flushes


def measure() -> dict[str, float]:
    """Time to append one event (where it is called), and to append and flush it (all in all): the median batch's, us.

    And its bytes.
    """
    append_ns, took_ns = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "swarm-1.jsonl"
        recorder = Recorder(path)
        for batch in range(EVENTS // BATCH):
            mid, began_ns = f"8abe6356:17.a.{batch}", time.perf_counter_ns()
            for _ in range(BATCH):
                _record(recorder, mid)
            append_ns.append(time.perf_counter_ns() - began_ns)
            recorder.flush()
            took_ns.append(time.perf_counter_ns() - began_ns)
        size = path.stat().st_size
        recorder.close()
    return {
        "append_us_per_event": statistics.median(append_ns) / BATCH / 1e3,
        "append_and_flush_us_per_event": statistics.median(took_ns) / BATCH / 1e3,
        "bytes_per_event": size / EVENTS,
    }


def _record(recorder: Recorder, mid: str) -> None:
    """Fields named at the call: passing them on as **fields costs half as much again."""
    recorder.append(
        "received",
        party="widget-17",
        view=1,
        conn=1,
        session="fcb56d0a97f353bb",
        mid=mid,
        seq=12,
        via="live",
        event="new-message",
        id="ca69788965716531",
        size=255,
    )


if __name__ == "__main__":
    print(measure())

"""How a run is doing, read from the tails of its recorders' files."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RIG = b'"kind":"rig"'
RECENT_S = 30.0  # so far back lines are kept, or as far as twice late_after_s
COUNTS = ("asked", "connected", "joined", "sent", "accepted", "displayed")


@dataclass(frozen=True, slots=True)
class Progress:
    """Sums over all load processes."""

    elapsed_s: float
    planned_s: float
    asked: int
    connected: int
    joined: int
    sent: int
    accepted: int
    displayed: int
    overdue: int


@dataclass(slots=True)
class Tail:
    """Follows the rigs' lines in events/swarm-*.jsonl."""

    events: Path
    late_after_s: float
    lines: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # of each process, the recent ones
    _read: dict[Path, int] = field(default_factory=dict)

    def look(self) -> None:
        """Read what was written since the last look."""
        for path in sorted(self.events.glob("swarm-*.jsonl")):
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                data = file.read()
            whole = data[: data.rfind(b"\n") + 1]
            self._read[path] = self._read.get(path, 0) + len(whole)
            lines = [*self.lines.get(path.stem, ()), *(json.loads(line) for line in whole.splitlines() if RIG in line)]
            if lines:
                old_ns = lines[-1]["t"] - round(max(2 * self.late_after_s, RECENT_S) * 1e9)
                self.lines[path.stem] = [line for line in lines if line["t"] >= old_ns]

    def total(self, count: str) -> int:
        """Of all processes, as far as was read."""
        return sum(lines[-1][count] for lines in self.lines.values())

    def overdue(self, now_ns: int) -> int:
        """Messages that were accepted more than late_after_s ago, and are not displayed by now."""
        late_ns = now_ns - round(self.late_after_s * 1e9)
        before = [[line for line in lines if line["t"] <= late_ns] for lines in self.lines.values()]
        accepted: int = sum(lines[-1]["accepted"] for lines in before if lines)
        return max(0, accepted - self.total("displayed"))

    def progress(self, elapsed_s: float, planned_s: float) -> Progress:
        self.look()
        totals = {count: self.total(count) for count in COUNTS}
        return Progress(elapsed_s, planned_s, **totals, overdue=self.overdue(time.monotonic_ns()))

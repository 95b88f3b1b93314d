"""How a run is doing, read from the tails of its recorders' files."""

import json
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RIG = b'"kind":"rig"'
COUNTS = ("asked", "connected", "joined", "sent", "accepted", "displayed")


@dataclass(frozen=True, slots=True)
class Progress:
    """Sums over all load processes. `overdue`: accepted more than late_after_s ago and not displayed by now."""

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
    """Follows events/swarm-*.jsonl, of which it understands the rig's lines only."""

    events: Path
    late_after_s: float
    _read: dict[Path, int] = field(default_factory=dict)
    _latest: dict[str, dict[str, Any]] = field(default_factory=dict)  # the last line of each process
    _accepted: "deque[tuple[float, int]]" = field(default_factory=deque)

    def look(self, elapsed_s: float, planned_s: float) -> Progress:
        for name, line in self.lines():
            self._latest[name] = line
        total = {name: sum(latest.get(name, 0) for latest in self._latest.values()) for name in COUNTS}
        return Progress(elapsed_s, planned_s, **total, overdue=self._overdue(total["accepted"], total["displayed"]))

    def lines(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """What the rigs have written since it was last asked, with the process's name."""
        for path in sorted(self.events.glob("swarm-*.jsonl")):
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                data = file.read()
            whole = data[: data.rfind(b"\n") + 1]
            self._read[path] = self._read.get(path, 0) + len(whole)
            yield from ((path.stem, json.loads(line)) for line in whole.splitlines() if RIG in line)

    def _overdue(self, accepted: int, displayed: int) -> int:
        now_s = time.monotonic()
        self._accepted.append((now_s, accepted))
        while len(self._accepted) > 1 and self._accepted[1][0] <= now_s - self.late_after_s:
            self._accepted.popleft()
        then_s, then = self._accepted[0]
        return max(0, then - displayed) if then_s <= now_s - self.late_after_s else 0

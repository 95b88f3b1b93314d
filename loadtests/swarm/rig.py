"""The load process watches itself: is its loop late, are its sends late, is its disk full?"""

import time
from collections.abc import Callable
from functools import partial

import gevent

from loadtests import machine
from loadtests.delivery import TOTALS
from loadtests.swarm.chat import Party
from loadtests.swarm.disk import STALLED_S, Disk
from loadtests.swarm.stage import Stage

TICKS_S = (0.07, 0.13, 0.09, 0.11, 0.1)  # then it reports and saves; uneven, or what keeps their pace would not show
SAMPLE = 100  # latencies that one report holds at most
LAST_WORDS_S = 3.0  # for the disk, when a signal wants everybody gone


class Rig:
    """One load process: its stage, the parties on it, and their recorder's upkeep."""

    def __init__(self, stage: Stage, recorder_failed: Callable[[str], None]) -> None:
        """`recorder_failed` is told in a few words why, and the mend."""
        self.stage = stage
        self.parties: set[Party] = set()
        self._disk = Disk(stage.recorder, recorder_failed)
        self._watching = gevent.spawn(self._watch)
        self.closed = False

    def close(self, interrupted: str | None = None) -> None:
        """Write the rest and the sentinel; whoever still plays when it is `interrupted` is withdrawn.

        Returns when that is done, to whoever calls, also a second time.
        """
        if not self.closed:
            self.closed = True
            for party in list(self.parties):
                party.withdraw(interrupted or "stopped")
            self._watching.kill(block=False)
        self._disk.close(LAST_WORDS_S if interrupted else STALLED_S)

    def _watch(self) -> None:
        taken = {
            "steal": machine.Share(machine.stolen),
            "throttled": machine.Share(partial(machine.throttled, machine.control_groups())),
            "waited": machine.Share(machine.waited),
        }
        core, cpu_s = min(1.0, machine.cores()), time.process_time()
        while True:
            began_ns = time.monotonic_ns()
            lag_ms = max(map(_tick_lag_ms, TICKS_S))
            window_s = (time.monotonic_ns() - began_ns) / 1e9
            used_s, cpu_s = time.process_time() - cpu_s, time.process_time()
            self._report(lag_ms, used_s / window_s / core, {name: share.since() for name, share in taken.items()})
            if self.stage.quiet_left_s() <= 0:
                self.stage.over.set()
            self._disk.save()

    def _report(self, lag_ms: float, cpu: float, taken: dict[str, float | None]) -> None:
        counts = self.stage.counts
        slip_ns, counts.slip_ns = counts.slip_ns, 0
        latencies_ms, counts.latencies_ms = counts.latencies_ms, []
        self.stage.recorder.append(
            "rig",
            lag_ms=round(lag_ms, 3),
            slip_ms=slip_ns / 1e6 if slip_ns else None,
            cpu=round(cpu, 4),
            **taken,
            **{name: getattr(counts, name) for name in ("asked", *TOTALS)},
            latencies_ms=latencies_ms[:: len(latencies_ms) // SAMPLE + 1] or None,
        )


def _tick_lag_ms(tick_s: float) -> float:
    due_ns = time.monotonic_ns() + round(tick_s * 1e9)
    gevent.sleep(tick_s)
    return max(0.0, (time.monotonic_ns() - due_ns) / 1e6)

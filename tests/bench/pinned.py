"""Process trees pinned to a core: what they take of it, and of memory. Read from /proc."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
END_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds until `t_ns` (monotonic): of each process of a tree, and of everybody on its core."""

    t_ns: int
    cpu_s: dict[int, float]
    core_s: float


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds from `from_ns` to `until_ns`: of a tree, and of others on the same core."""

    from_ns: int
    until_ns: int
    cpu_s: float
    others_s: float

    @property
    def seconds(self) -> float:
        return (self.until_ns - self.from_ns) / 1e9

    @property
    def cpu(self) -> float:
        """Share of the core, as is `others`."""
        return self.cpu_s / self.seconds

    @property
    def others(self) -> float:
        return self.others_s / self.seconds


@dataclass(frozen=True, slots=True)
class Tree:
    """A process and all that it started, on one core."""

    pid: int
    core: int

    def usage(self) -> Usage:
        return Usage(time.monotonic_ns(), {pid: _cpu_s(pid) for pid in self.pids()}, _core_s(self.core))

    def spent(self, before: Usage) -> Spent:
        """Since then. Raises RuntimeError when a process of the tree came or went: its time would be missing."""
        now = self.usage()
        if now.cpu_s.keys() != before.cpu_s.keys():
            raise RuntimeError(f"the processes below {self.pid} were others at the end: {now.cpu_s}, {before.cpu_s}")
        cpu_s = sum(now.cpu_s.values()) - sum(before.cpu_s.values())
        return Spent(before.t_ns, now.t_ns, cpu_s, max(0.0, now.core_s - before.core_s - cpu_s))

    def pss_kb(self) -> int:
        """Proportional set size of them all."""
        return sum(_pss_kb(pid) for pid in self.pids())

    def pids(self) -> list[int]:
        parents = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                parents[int(stat.parent.name)] = int(_fields(stat)[1])
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended meanwhile
        tree = [self.pid]
        for pid in tree:
            tree += [child for child, parent in parents.items() if parent == pid]
        return tree


def start(command: list[str | Path], core: int, log: Path, **variables: str) -> "subprocess.Popen[bytes]":
    """The command and all that it will start on that core; what it says goes to `log`. It ends with this process."""
    with log.open("ab") as said:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "taskset", "-c", str(core), *command],
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )


@contextmanager
def awake(*cores: int) -> Iterator[None]:
    """The cores never sleep meanwhile: on each a process of idle priority turns over, and gives way to any other.

    A core that fell asleep between two messages is slow for the next one, differently on every machine: the same client
    took 110 to 230 us a message, the less the more others ran beside it.
    """
    idle = ["setpriv", "--pdeathsig", "KILL", "nice", "-n", "19", "chrt", "-i", "0", "taskset", "-c"]
    turning = [subprocess.Popen([*idle, str(core), "sh", "-c", "while :; do :; done"]) for core in cores]
    try:
        yield
    finally:
        for process in turning:
            process.kill()
            process.wait(END_WITHIN_S)


def end(process: "subprocess.Popen[bytes]") -> None:
    """SIGTERM, and SIGKILL to one that does not heed it."""
    process.terminate()
    try:
        process.wait(END_WITHIN_S)
    finally:
        process.kill()
        process.wait(END_WITHIN_S)


def _fields(stat: Path) -> list[str]:
    """From the state on: the name before it may hold anything."""
    return stat.read_text().rpartition(")")[2].split()


def _cpu_s(pid: int) -> float:
    fields = _fields(Path(f"/proc/{pid}/stat"))
    return (int(fields[11]) + int(fields[12])) * TICK_S


def _core_s(core: int) -> float:
    """All but idle, waiting and stolen time, and that of the processes which keep it awake (they are nice)."""
    lines = Path("/proc/stat").read_text().splitlines()
    line = next(line for line in lines if line.startswith(f"cpu{core} "))
    user, _nice, system, _idle, _waiting, irq, softirq = map(int, line.split()[1:8])
    return (user + system + irq + softirq) * TICK_S


def _pss_kb(pid: int) -> int:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(rollup.partition("\nPss:")[2].split()[0])

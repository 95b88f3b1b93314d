"""What this process has of the machine, and what was taken from it meanwhile: read from /proc and control groups.

`root` is the folder in which proc and sys lie, so that recorded files can be read as well.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath

ROOT = Path("/")
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
STOLEN = 7  # its place among the times in /proc/stat; after it come guests' times, which are counted twice


def cores(root: Path = ROOT) -> float:
    """Processors' worth of time that this process may use: a quota of its control groups counts as the machine."""
    return min(float(len(os.sched_getaffinity(0))), *map(_quota, control_groups(root)), float("inf"))


def control_groups(root: Path = ROOT) -> tuple[Path, ...]:
    """The folders of the groups that may hold back this process's CPU: its own and those around it, v1 and v2."""
    try:
        mounts = (root / "proc/self/mountinfo").read_text().splitlines()
        own = [line.split(":", 2) for line in (root / "proc/self/cgroup").read_text().splitlines()]
    except OSError:
        return ()
    groups = []
    for mounted, point, version, controllers in map(_mount, mounts):
        if version == "cgroup2" or (version == "cgroup" and "cpu" in controllers):
            name = "cpu" if version == "cgroup" else ""
            path = next((PurePosixPath(path) for _, names, path in own if name in names.split(",")), mounted)
            top = root / point.relative_to("/")
            folder = top / path.relative_to(mounted) if path.is_relative_to(mounted) else top  # or seen from outside
            groups += [each for each in (folder, *folder.parents) if each.is_relative_to(top) and _throttled(each) >= 0]
    return tuple(groups)


def stolen(root: Path = ROOT) -> tuple[int, int] | None:
    """Clock ticks that the machine's host took away, and all ticks, since the machine's start."""
    try:
        times = [int(ticks) for ticks in (root / "proc/stat").read_text().split("\n", 1)[0].split()[1 : STOLEN + 2]]
    except OSError:
        return None
    return times[STOLEN], sum(times)


def waited(root: Path = ROOT) -> tuple[int, int] | None:
    """Nanoseconds that this process's main thread stood in line for a processor, and the monotonic time."""
    try:
        return int((root / "proc/self/schedstat").read_text().split()[1]), time.monotonic_ns()
    except OSError:
        return None


def throttled(groups: tuple[Path, ...]) -> tuple[int, int] | None:
    """Nanoseconds that these groups were held back by their quotas, and the monotonic time; None: there is no group."""
    held_ns = [max(0, _throttled(group)) for group in groups]
    return (sum(held_ns), time.monotonic_ns()) if held_ns else None


class Share:
    """How much of a growing whole was taken since the last look."""

    def __init__(self, read: Callable[[], tuple[int, int] | None]) -> None:
        """`read` gives what was taken and the whole so far, None where nobody knows."""
        self._read = read
        self._last = read()

    def since(self) -> float | None:
        """The share; None when it cannot be told."""
        last, self._last = self._last, self._read()
        if last is None or self._last is None:
            return None
        taken, whole = self._last[0] - last[0], self._last[1] - last[1]
        return round(taken / whole, 4) if whole else 0.0


def used(pid: int) -> tuple[int, int] | None:
    """Nanoseconds of CPU that a process and its children have used, and the monotonic time; None: it is gone."""
    ticks = _ticks(pid)
    return None if ticks is None else (ticks * 10**9 // TICKS_A_SECOND, time.monotonic_ns())


def _ticks(pid: int) -> int | None:
    """Of the process, of children that have ended, and of those that live."""
    process = Path(f"/proc/{pid}")
    try:
        own = (process / "stat").read_text().rpartition(")")[2].split()[11:15]
        children = [child for file in process.glob("task/*/children") for child in file.read_text().split()]
    except OSError:
        return None
    return sum(map(int, own)) + sum(_ticks(int(child)) or 0 for child in children)


def _mount(line: str) -> tuple[PurePosixPath, PurePosixPath, str, list[str]]:
    """What is mounted of a file system, where, its kind and its options, of a line of mountinfo."""
    fields, _, system = line.partition(" - ")
    _, _, _, mounted, point, *_ = fields.split(" ")
    kind, _, options = system.split(" ", 2)
    return PurePosixPath(mounted), PurePosixPath(point), kind, options.split(",")


def _quota(group: Path) -> float:
    """Processors' worth of time that the group may use; inf: as much as there is."""
    try:
        if (group / "cpu.max").exists():
            quota, period = (group / "cpu.max").read_text().split()
        else:
            quota, period = ((group / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period"))
    except OSError:
        return float("inf")
    return float("inf") if quota in ("max", "-1") else int(quota) / int(period)


def _throttled(group: Path) -> int:
    """Nanoseconds so far; -1: such a group is not held back, as the outermost."""
    try:
        said = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
    except OSError:
        return -1
    if "throttled_usec" in said:
        return int(said["throttled_usec"]) * 1000
    return int(said.get("throttled_time", -1))

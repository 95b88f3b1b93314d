"""What /proc and control groups say, as recorded: a host that stole, quotas of both versions that were used up."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from loadtests import machine
from tests.played import until

# A process that spun for 2 s in a group with a quota of 0.3 processors (Linux 6.18), before and after.
V1_MOUNT = "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
V1_OTHERS = (
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
)
V1_OWN = "4:memory:/\n3:cpuset:/\n2:cpuacct:/\n1:cpu:/spinning\n0::/\n"
V1_BEFORE = "nr_periods 1\nnr_throttled 0\nthrottled_time 0\nnr_bursts 0\nburst_time 0\n"
V1_AFTER = "nr_periods 22\nnr_throttled 20\nthrottled_time 1236455036\nnr_bursts 0\nburst_time 0\n"
THROTTLED_NS = 1_236_455_036

V2_MOUNT = "29 23 0:26 {root} /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime - cgroup2 cgroup2 rw,nsdelegate\n"
V2_OUTERMOST = "usage_usec 5318\nuser_usec 3210\nsystem_usec 2108\n"  # it is never held back
V2_AFTER = (
    "usage_usec 600123\nuser_usec 600001\nsystem_usec 122\ncore_sched.force_idle_usec 0\n"
    "nr_periods 22\nnr_throttled 20\nthrottled_usec 1236455\nnr_bursts 0\nburst_usec 0\n"
)

STAT = "cpu  1344007 20 133813 1087905 5958 0 4745 43741 0 0\ncpu0 672003 10 66906 543952 2979 0 2372 21870 0 0\n"
LATER = "cpu  1344107 20 133813 1087955 5958 0 4745 43791 0 0\ncpu0 672053 10 66906 543977 2979 0 2372 21895 0 0\n"


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def v1(root: Path, stat: str, quota: str = "30000\n") -> Path:
    group = "sys/fs/cgroup/cpu"
    write(
        root,
        {
            "proc/self/mountinfo": V1_OTHERS + V1_MOUNT,
            "proc/self/cgroup": V1_OWN,
            "sys/fs/cgroup/unified/cpu.stat": V2_OUTERMOST,
            f"{group}/cpu.stat": V1_BEFORE,
            f"{group}/cpu.cfs_quota_us": "-1\n",
            f"{group}/cpu.cfs_period_us": "100000\n",
            f"{group}/spinning/cpu.stat": stat,
            f"{group}/spinning/cpu.cfs_quota_us": quota,
            f"{group}/spinning/cpu.cfs_period_us": "100000\n",
        },
    )
    return root


def v2(root: Path, stat: str, own: str = "0::/work.slice/load.scope\n", mounted: str = "/") -> Path:
    write(
        root,
        {
            "proc/self/mountinfo": V2_MOUNT.format(root=mounted),
            "proc/self/cgroup": own,
            "sys/fs/cgroup/cpu.stat": V2_OUTERMOST,
            "sys/fs/cgroup/work.slice/cpu.stat": stat,
            "sys/fs/cgroup/work.slice/cpu.max": "30000 100000\n",
            "sys/fs/cgroup/work.slice/load.scope/cpu.stat": V2_AFTER.replace("1236455", "0"),
            "sys/fs/cgroup/work.slice/load.scope/cpu.max": "max 100000\n",
        },
    )
    return root


@pytest.mark.parametrize(("version", "stat"), [(v1, V1_BEFORE), (v2, V2_AFTER)])
def test_a_quota_counts_as_the_machine(tmp_path: Path, version: Callable[[Path, str], Path], stat: str) -> None:
    assert machine.cores(version(tmp_path, stat)) == 0.3


def test_without_a_quota_the_processors_count(tmp_path: Path) -> None:
    mine = float(len(os.sched_getaffinity(0)))
    assert machine.cores(v1(tmp_path / "none", V1_BEFORE, quota="-1\n")) == mine
    assert machine.cores(v1(tmp_path / "more", V1_BEFORE, quota="100000000\n")) == mine
    assert machine.cores(tmp_path / "nothing known") == mine


def test_time_held_back_is_summed_over_the_groups(tmp_path: Path) -> None:
    groups = machine.control_groups(v1(tmp_path / "v1", V1_BEFORE))
    assert [group.name for group in groups] == ["spinning", "cpu"]
    before = machine.throttled(groups)
    v1(tmp_path / "v1", V1_AFTER)
    after = machine.throttled(groups)
    assert before is not None
    assert after is not None
    assert after[0] - before[0] == THROTTLED_NS
    assert after[1] > before[1]

    groups = machine.control_groups(v2(tmp_path / "v2", V2_AFTER))
    assert [group.name for group in groups] == ["load.scope", "work.slice"]
    assert (machine.throttled(groups) or (0, 0))[0] == THROTTLED_NS // 1000 * 1000


@pytest.mark.parametrize(("own", "mounted"), [("/../../docker/3f2a", "/"), ("/docker/3f2a", "/docker/3f2a")])
def test_a_container_sees_its_group_as_the_outermost(tmp_path: Path, own: str, mounted: str) -> None:
    """Its files lie at the mount point, whatever name the group has outside."""
    root = v2(tmp_path, V2_AFTER, own=f"0::{own}\n", mounted=mounted)
    write(root, {"sys/fs/cgroup/cpu.stat": V2_AFTER, "sys/fs/cgroup/cpu.max": "150000 100000\n"})
    assert [group.name for group in machine.control_groups(root)] == ["cgroup"]
    assert machine.cores(root) == 1.5


def test_where_no_group_can_hold_back_nothing_is_known(tmp_path: Path) -> None:
    assert machine.control_groups(tmp_path) == ()
    assert machine.throttled(()) is None


def test_time_in_line_for_a_processor(tmp_path: Path) -> None:
    write(tmp_path, {"proc/self/schedstat": "882345678 2114279319 6021\n"})
    assert (machine.waited(tmp_path) or (0, 0))[0] == 2_114_279_319
    assert machine.waited(tmp_path / "a kernel that does not say") is None


def test_stolen_time_is_a_share_of_all(tmp_path: Path) -> None:
    write(tmp_path, {"proc/stat": STAT})
    steal = machine.Share(lambda: machine.stolen(tmp_path))
    write(tmp_path, {"proc/stat": LATER})
    assert steal.since() == 0.25  # 50 of 200 ticks
    assert steal.since() == 0.0
    (tmp_path / "proc/stat").unlink()
    assert steal.since() is None
    write(tmp_path, {"proc/stat": LATER})
    assert steal.since() is None  # since when, nobody knows


SPINS = "import sys; print(flush=True); [None for _ in iter(int, 1)]"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SPINS!r}])"


def test_what_a_process_and_its_children_use() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], start_new_session=True, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            share = machine.Share(lambda: machine.used(process.pid))
            before = machine.used(process.pid)
            assert before is not None
            until(lambda: (machine.used(process.pid) or (0, 0))[0] > before[0] + 10**9, "its child has used a second")
            assert 0.1 < (share.since() or 0.0) < 1.1
        finally:
            os.killpg(process.pid, 9)
    assert machine.used(process.pid) is None
    assert share.since() is None

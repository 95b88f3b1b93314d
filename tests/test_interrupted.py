"""Runs that are stopped, cut or starved: no process is left, the folder can be read, and nothing is lost falsely.

All are played at once, for each mostly waits.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from loadtests.run_folder import RunFolderError
from reports.confusion import SMALL
from reports.ledger import Ledger, open_ledger
from tests.played import WITHIN_S, Play, entrega, environment, play, settings_of, until

BRISK = {**SMALL, "settle_s": 0.5, "agent_first_s": 0.5, "widget_first_s": 1.5}
LONG = {**BRISK, "run_time_s": 300.0}
TWO = ("--processes", "2")


def talking(played: Play) -> Play:
    """The run, once a message has been displayed."""
    until(lambda: (played.folder / "run.json").exists() and played.events("displayed"), "a message is displayed")
    return played


def signalled(played: Play, *numbers: signal.Signals) -> Play:
    talking(played)
    for number in numbers:
        played.process.send_signal(number)
    played.wait(WITHIN_S)
    played.assert_nothing_left()
    return played


def killed_at(played: Play, moment: Callable[[], Any]) -> Play:
    until(moment, "the moment to die")
    played.process.kill()
    played.wait(WITHIN_S)
    played.assert_nothing_left()
    return played


def ended(played: Play) -> Play:
    played.wait()
    played.assert_nothing_left()
    return played


def without_a_worker(played: Play) -> Play:
    """Killed when some message's whole story is recorded: its sender's part and its recipient's."""

    def mids(kind: str) -> set[str]:
        return {event["mid"] for event in played.events(kind)}

    until(lambda: mids("accepted") & mids("displayed"), "a message is accepted and displayed")
    locusts = talking(played).processes("locust")
    parents = {pid: int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) for pid in locusts}
    os.kill(next(pid for pid in locusts if parents[pid] in locusts), signal.SIGKILL)
    return ended(played)


def without_its_server(played: Play) -> Play:
    (server,) = talking(played).processes("entrega serve")
    os.kill(server, signal.SIGKILL)
    return ended(played)


def looked_at(played: Play) -> tuple[Play, str]:
    """A run, and what somebody was told who wanted to read it while it was played."""
    with pytest.raises(RunFolderError) as refused:
        open_ledger(talking(played).folder)
    return ended(played), str(refused.value)


@pytest.fixture(scope="module")
def came_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    """Name -> what came of that run."""
    folder = tmp_path_factory.mktemp("interrupted")
    plays: dict[str, Play] = {}

    def started(name: str, *options: str, settings: Any = LONG) -> Play:
        plays[name] = play(folder / name, "steady", *options, settings=settings)
        return plays[name]

    def stages(name: str) -> dict[str, Callable[[], Any]]:
        played = plays[name]
        return {
            "its folder is there": (played.folder / "run.json").exists,
            "its load starts": lambda: played.processes("locust"),
        }

    try:
        with ThreadPoolExecutor(16) as at_once:

            def begin(then: Callable[..., Any], played: Play, *more: Any) -> "Future[Any]":
                return at_once.submit(then, played, *more)

            futures = {
                "SIGINT": begin(signalled, started("int", *TWO), signal.SIGINT),
                "SIGTERM": begin(signalled, started("term"), signal.SIGTERM),
                "both": begin(signalled, started("both"), signal.SIGINT, signal.SIGTERM, signal.SIGINT),
                "SIGKILL": begin(signalled, started("kill", *TWO), signal.SIGKILL),
                "worker": begin(without_a_worker, started("worker", *TWO, settings=BRISK)),
                "server": begin(without_its_server, started("server")),
                "looked at": begin(looked_at, started("looked", settings=BRISK)),
            }
            (folder / "starved").mkdir()
            futures["starved"] = at_once.submit(starved, folder / "starved")
            for number, stage in enumerate(("its folder is there", "its load starts")):
                early = started(f"early-{number}", *TWO)
                futures[f"SIGKILL when {stage}"] = begin(killed_at, early, stages(f"early-{number}")[stage])
            yield lambda name: futures[name].result()
    finally:
        for played in plays.values():
            played.end()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "both"])
def test_a_signal_closes_the_books(came_of: Any, name: str) -> None:
    played = came_of(name)
    assert played.process.returncode == 3
    assert played.stdout() == ""
    first = "SIGINT" if name == "both" else name
    said = played.stderr().splitlines()
    assert said[-1] == f"entrega: stopped by {first}; what was recorded is in {played.folder}"
    assert "Traceback" not in played.stderr()
    assert played.info()["end"] == {"state": "interrupted", "reason": "a signal"}
    assert not (played.folder / "events.parquet").exists()
    assert len(played.events("sentinel")) == played.info()["workers"] + 1
    assert len(played.events("server_ended")) == 1


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "both"])
def test_an_interrupted_run_says_what_happened(came_of: Any, name: str) -> None:
    ledger = open_ledger(came_of(name).folder)
    assert_honest(ledger)
    assert (
        ledger.summary.reasons[0].startswith("The run was interrupted (a signal)") or ledger.summary.verdict == "fail"
    )
    assert ledger.summary.rig.reasons == ()


def test_the_report_of_an_interrupted_run(came_of: Any) -> None:
    folder = came_of("SIGTERM").folder
    shown = entrega("report", folder)
    assert shown.returncode == 0
    assert "The run was interrupted (a signal)" in " ".join(shown.stdout.split())
    assert shown.stderr == ""
    assert entrega("gate", folder).returncode in (1, 3)


def assert_honest(ledger: Ledger) -> None:
    """What was never seen because the run was cut is not called lost, and the run does not pass."""
    summary = ledger.summary
    assert (summary.lost, summary.unexplained) == (0, 0)
    assert summary.live > 0
    assert summary.verdict != "pass"


def test_without_its_launcher_the_run_ends(came_of: Any) -> None:
    played = came_of("SIGKILL")
    assert played.process.returncode == -signal.SIGKILL
    assert played.info()["end"] == {"state": "interrupted", "reason": "the launcher is gone"}
    assert_honest(open_ledger(played.folder))


@pytest.mark.parametrize("stage", ["its folder is there", "its load starts"])
def test_a_launcher_that_dies_early_leaves_nobody(came_of: Any, stage: str) -> None:
    played = came_of(f"SIGKILL when {stage}")
    assert played.process.returncode == -signal.SIGKILL
    if stage == "its load starts":
        assert open_ledger(played.folder).summary.verdict == "unknown"


def test_without_a_worker_rows_are_unjudged(came_of: Any) -> None:
    played = came_of("worker")
    assert played.process.returncode == 3
    line = played.stderr().splitlines()[-1]
    assert line.startswith("entrega: The recording of load process swarm-")
    assert "Traceback" not in played.stderr()
    ledger = open_ledger(played.folder)
    assert_honest(ledger)
    assert ledger.summary.unjudged > 0
    assert not ledger.summary.rig.valid


def test_without_its_server_the_run_ends_and_says_so(came_of: Any) -> None:
    """Nothing of what was under way is called lost: another server in its place might still have handed it over."""
    played = came_of("server")
    assert played.process.returncode == 3
    why = "the server ended by itself (SIGKILL); see server-1.err in logs/"
    assert played.stderr().splitlines()[-1] == f"entrega: {why}"
    assert played.info()["end"] == {"state": "failed", "reason": why}
    ledger = open_ledger(played.folder)
    assert_honest(ledger)
    assert ledger.summary.rig.valid
    ended = ledger.query("SELECT status FROM events WHERE kind = 'server_ended'")["status"]
    assert list(ended) == [-signal.SIGKILL]


def test_a_run_that_is_being_played_is_left_alone(came_of: Any) -> None:
    played, said = came_of("looked at")
    assert said == f"{played.folder} is still being played; wait for its end"
    assert played.process.returncode == 0
    assert played.info()["sealed"]["sources"] == ["journal-1", "launcher", "swarm-1"]
    assert open_ledger(played.folder).summary.lost == 0


# -- a full disk

SMALL_DISK = 'mount -t tmpfs -o size=320k tmpfs "$1" || exit 1'
SMALL_FILES = "ulimit -f 600"
PLAYED = 'small=$1; room=$2; shift 2; "$@"; code=$?; cp -r "$small" "$room"; exit $code'


def may_mount(way: list[str], folder: Path) -> bool:
    """Whether a small disk can be had that way."""
    if way and shutil.which(way[0]) is None:
        return False
    tried = subprocess.run([*way, "sh", "-c", SMALL_DISK, "sh", folder], capture_output=True, check=False)
    return tried.returncode == 0


def starved(folder: Path) -> tuple["subprocess.CompletedProcess[str]", Path]:
    """A run where little can be written, and where its folder can then be read.

    On a small disk of its own where this machine lets us have one, else with a limit to what a file may grow to.
    """
    small, room = folder / "small", folder / "room"
    small.mkdir()
    ways = (["unshare", "-m"], ["unshare", "-rm"], ["sudo", "-nE", "unshare", "-m"])
    way, limit = next(((way, SMALL_DISK) for way in ways if may_mount(way, small)), ([], SMALL_FILES))
    settings = {**LONG, "agent_every_s": 0.05, "widget_every_s": 0.05}
    command = [sys.executable, "-m", "entrega", "run", "steady", "--out", str(small / "D"), *settings_of(settings)]
    done = subprocess.run(
        [*way, "sh", "-c", f"{limit}; {PLAYED}", "sh", small, room, *command],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=WITHIN_S * 2,
        check=False,
    )
    return done, room / "D"


def test_a_full_disk_is_said_in_one_line(came_of: Any) -> None:
    done, folder = came_of("starved")
    assert done.returncode == 3, done.stderr
    line = done.stderr.splitlines()[-1]
    assert line.startswith("entrega: recording in ")
    assert line.endswith("; free space there")
    assert sum(said.startswith("entrega: ") for said in done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr
    ledger = open_ledger(folder)
    assert ledger.run.info["end"]["state"] == "failed"
    assert ledger.summary.lost == 0
    assert ledger.summary.verdict != "pass"
    assert any("free space there" in reason for reason in ledger.summary.reasons)

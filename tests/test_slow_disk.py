"""A disk that stalls holds nobody up: what is recorded waits, in order, and when it waits too long that is said.

The stalling disk is a FIFO in the place of the recorder's file, whose reader pauses.
"""

import fcntl
import json
import os
import select
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from loadtests import run_folder, run_info, scenario
from loadtests import target_file as target
from reports.confusion import SMALL
from tests.played import ENDS_WITHIN_S, WITHIN_S, Play, start, until
from tests.server_process import ServerProcess, running

LOCUSTFILE = Path(__file__).resolve().parent.parent / "loadtests" / "locustfile.py"
PIPE_BYTES = 4096  # the least that a pipe can hold: less than half a second's events
PAUSE_MESSAGES = 180  # 2 to 3 s; on a machine with much else to do still less than FAILS_AFTER_S
LOOP_MS = 1000.0  # far less than the pause, and more than a machine that is busy with other things takes
FAILS_AFTER_S = 10.0
BRISK = {**SMALL, "settle_s": 0.5, "agent_first_s": 0.5, "widget_first_s": 1.0, "agent_every_s": 0.1}


class Fifo:
    """The recorder's file, read by us."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(self._file, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self.read = b""

    def read_on(self) -> bool:
        """Take what comes; False at the end."""
        if select.select([self._file], [], [], 0.05)[0]:
            data = os.read(self._file, 2**16)
            self.read += data
            return bool(data)
        return True

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.read.splitlines()]

    def close(self) -> None:
        os.close(self._file)


def locust(folder: Path, server: ServerProcess, **changes: Any) -> tuple[Play, Fifo]:
    """A load process as the launcher starts it, with its recorder's file in our hands."""
    settings = {**BRISK, **changes}
    asked = scenario.load("steady", settings)
    run_folder.create(folder, run_info.describe(asked, target.load("bundled"), server.url, 1))
    fifo = Fifo(folder / "events" / "swarm-1.jsonl")
    users, rate = str(asked.widgets + asked.agents), str(asked.arrivals_per_s)
    command = [sys.executable, "-P", "-m", "locust", "-f", str(LOCUSTFILE), "--headless"]
    command += ["-u", users, "-r", rate, "-t", f"{asked.run_time_s:.0f}s"]
    return start([*command], folder, folder.with_name("said"), ENTREGA_RUN=str(folder)), fifo


def talking(fifo: Fifo) -> None:
    until(lambda: fifo.read_on() and b'"displayed"' in fifo.read, "a message is displayed")


def paused(folder: Path, server: ServerProcess) -> tuple[list[dict[str, Any]], int, int, int]:
    """What was recorded, from when to when (ns) the reader paused, and the exit status.

    It pauses until the server has stored so many messages more: with a loop that waits for the disk it never would.
    """
    played, fifo = locust(folder, server)
    try:
        talking(fifo)
        run = played.info()["run"]

        def stored() -> int:
            return sum(line["mid"].startswith(f"{run}:") for line in server.journal("stored"))

        from_ns, before = time.monotonic_ns(), stored()
        until(lambda: stored() >= before + PAUSE_MESSAGES, "messages go on")
        to_ns = time.monotonic_ns()
        until(lambda: not fifo.read_on(), "the recorder closes its file", ENDS_WITHIN_S)
        return fifo.events(), from_ns, to_ns, played.wait()
    finally:
        played.end()
        fifo.close()


def stalled(folder: Path, server: ServerProcess) -> tuple[Play, float]:
    """A run whose recorder's file takes nothing any more, and for how long it then went on (s)."""
    played, fifo = locust(folder, server, run_time_s=300.0)
    try:
        talking(fifo)
        from_s = time.monotonic()
        played.wait(WITHIN_S)
        return played, time.monotonic() - from_s
    finally:
        played.end()
        fifo.close()


@pytest.fixture(scope="module")
def came_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator["dict[str, Future[Any]]"]:
    """Both at once, for each mostly waits."""
    folder = tmp_path_factory.mktemp("slow")
    with running(folder, "--ping-interval", "1", "--ping-timeout", "1") as server, ThreadPoolExecutor(2) as at_once:
        plays = {"paused": paused, "stalled": stalled}
        yield {name: at_once.submit(play, folder / name / "run", server) for name, play in plays.items()}


def test_a_disk_that_stalls_makes_nobody_late_and_loses_nothing(came_of: Any) -> None:
    events, from_ns, to_ns, status = came_of["paused"].result()
    assert status == 0
    meanwhile = [event for event in events if from_ns < event["t"] < to_ns]
    assert sum(event["kind"] == "sent" for event in meanwhile) > 50
    assert all(event["lag_ms"] < LOOP_MS for event in meanwhile if event["kind"] == "rig")
    assert [event["t"] for event in events] == sorted(event["t"] for event in events)
    assert [event["kind"] for event in events].index("sentinel") == len(events) - 1


def test_a_disk_that_takes_nothing_any_more_ends_the_run_with_one_line(came_of: Any) -> None:
    played, took_s = came_of["stalled"].result()
    why = f"recording in {played.folder} stopped: the disk took nothing for 10 s; take a faster one"
    assert f"entrega: {why}" in played.stderr().splitlines()
    assert "Traceback" not in played.stderr()
    assert played.info()["end"] == {"state": "failed", "reason": why}
    assert FAILS_AFTER_S <= took_s < FAILS_AFTER_S + 10
    played.assert_nothing_left()

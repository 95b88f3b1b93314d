"""A run keeps to itself: to this machine, to its own folder, to its own secrets."""

import json
import re
import signal
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtests import run_folder
from loadtests.target_file import SHIPPED
from reports.confusion import SMALL
from tests.played import WITHIN_S, Play, play, settings_of, start, until

LISTENING = "0A"  # as /proc/net/tcp calls it
SECRET = "another-word-that-nobody-knows"


def listening(pids: list[int]) -> set[str]:
    """The addresses on which these processes wait for connections."""
    sockets = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            try:
                sockets.add(str(descriptor.readlink()))
            except OSError:
                continue  # it was closed meanwhile
    addresses = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            local, _, state, inode = (line.split()[column] for column in (1, 2, 3, 9))
            if state == LISTENING and f"socket:[{inode}]" in sockets:
                words = bytes.fromhex(local.partition(":")[0])
                packed = b"".join(
                    struct.pack(">I", *struct.unpack("<I", words[at : at + 4])) for at in range(0, len(words), 4)
                )
                addresses.add(socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed))
    return addresses


@pytest.fixture
def playing(tmp_path: Path) -> Iterator[Play]:
    """A run on two load processes that goes on until the test is over."""
    played = play(
        tmp_path / "D",
        "steady",
        "--processes",
        "2",
        settings={**SMALL, "run_time_s": 300.0},
        ENTREGA_AGENT_SECRET=SECRET,
    )
    yield played
    played.process.send_signal(signal.SIGINT)
    played.wait(WITHIN_S)
    played.end()


def test_nothing_listens_to_other_machines_and_no_command_line_tells_a_secret(playing: Play) -> None:
    until(lambda: (playing.folder / "run.json").exists() and playing.events("assumed"), "a session is assumed")
    processes = playing.processes()
    assert len(processes) == 5  # the launcher, the server, Locust and its two workers
    assert listening(processes) == {"127.0.0.1"}
    for pid in processes:
        assert SECRET.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_a_server_behind_a_script_is_gone_with_the_run(tmp_path: Path) -> None:
    """The script's own end would leave it; a restart needs its port, too."""
    script = f"sh -c '{sys.executable} -m entrega serve & wait'"
    bundled = (SHIPPED / "bundled.toml").read_text()
    target = tmp_path / "script.toml"
    target.write_text(re.sub(r"^start = .*$", lambda _: f"start = {json.dumps(script)}", bundled, flags=re.M))
    restarted = {**SMALL, "run_time_s": 300.0, "faults.kill-server.at_s": 2.0, "faults.kill-server.for_s": 0.2}
    played = play(tmp_path / "D", "steady", "--target", str(target), settings=restarted)
    try:
        until(
            lambda: (played.folder / "run.json").exists() and len(played.events("server_ready")) == 2, "a second boot"
        )
        assert len(played.processes("-m entrega serve")) == 2  # the script and the server
        played.process.send_signal(signal.SIGINT)
        assert played.wait(WITHIN_S) == 3
        played.assert_nothing_left()
    finally:
        played.end()


def test_two_runs_that_begin_together_have_a_folder_each(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "entrega", "run", "steady", "--seed", "7", *settings_of(SMALL)]
    cwd = tmp_path / "cwd"
    cwd.mkdir()
    plays = [start([*command], cwd, tmp_path / f"said-{number}", cwd=cwd) for number in range(2)]
    try:
        found = until(lambda: len(list(cwd.glob("runs/steady/*/run.json"))) == 2, "two runs")
        for played in plays:
            played.process.send_signal(signal.SIGINT)
        assert [played.wait(WITHIN_S) for played in plays] == [3, 3]
        assert found
        named = {json.loads(path.read_text())["run"] for path in cwd.glob("runs/steady/*/run.json")}
        assert len(named) == 2
    finally:
        for played in plays:
            played.end()


def test_folders_made_in_the_same_second_differ(tmp_path: Path) -> None:
    made = [run_folder.new_path(tmp_path, "steady", 7) for _ in range(5)]
    assert len(set(made)) == 5
    assert all(path.is_dir() for path in made)


def test_a_start_that_failed_takes_back_its_own_and_nothing_else(tmp_path: Path) -> None:
    for name in ("package.json", "notes.jsonl"):
        (tmp_path / name).write_text("mine")
    run_folder.create(tmp_path, {"format": 1, "run": "r"})
    (tmp_path / "events" / "launcher.jsonl").write_text("{}")
    run_folder.remove(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.jsonl", "package.json"]


def test_a_run_that_began_says_how_it_ended_once(tmp_path: Path) -> None:
    run_folder.create(tmp_path / "run", {"format": 1, "run": "r", "end": {"state": None, "reason": None}})
    run_folder.end(tmp_path / "run", "failed", "the disk was full")
    run_folder.end(tmp_path / "run", "complete", None)
    assert run_folder.read_info(tmp_path / "run")["end"] == {"state": "failed", "reason": "the disk was full"}

"""The command line in processes of its own: played, waited for, interrupted, and looked at from outside."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reports.confusion import SMALL

WITHIN_S = 60.0  # for what takes a second or two on an idle machine
ENDS_WITHIN_S = 150.0  # for a whole run
LOOK_AGAIN_S = 0.05
MARK = "PLAYED_BY"  # in the environment of everything that a play starts, so that it can be found again


def until(condition: Callable[[], Any], what: str, within_s: float = WITHIN_S) -> Any:
    """Wait for the condition and return what it gave."""
    deadline_s = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < deadline_s, f"not within {within_s:g} s: {what}"
        time.sleep(LOOK_AGAIN_S)
    return found


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def environment(**variables: str) -> dict[str, str]:
    """Ours without what whoever runs the tests has set for entrega, Locust or pytest."""
    foreign = ("ENTREGA_", "LOCUST_", "PYTEST_")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)} | variables


def entrega(*arguments: str | Path, within_s: float = ENDS_WITHIN_S) -> "subprocess.CompletedProcess[str]":
    """One command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "entrega", *map(str, arguments)],
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
    )


def the_line(done: "subprocess.CompletedProcess[str]") -> str:
    """The one line on stderr of a command that could not be used so."""
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    (line,) = done.stderr.splitlines()
    assert line.startswith("entrega: ")
    return line


@dataclass(frozen=True, slots=True)
class Play:
    """A run that is being played by `entrega run`, or by Locust itself; `mark` is on all of its processes."""

    process: "subprocess.Popen[bytes]"
    folder: Path
    said: Path
    mark: str

    def wait(self, within_s: float = ENDS_WITHIN_S) -> int:
        return self.process.wait(within_s)

    def end(self) -> None:
        """Whatever came of it: nothing of it is left."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(WITHIN_S)
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)

    def stdout(self) -> str:
        return self.said.with_suffix(".out").read_text()

    def stderr(self) -> str:
        return self.said.with_suffix(".err").read_text()

    def info(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "run.json").read_text()))

    def events(self, *kinds: str) -> list[dict[str, Any]]:
        """What was recorded of those kinds, while it is not sealed."""
        found = []
        for path in sorted((self.folder / "events").glob("*.jsonl")):
            whole = path.read_bytes().rpartition(b"\n")[0]
            found += [json.loads(line) for line in whole.splitlines()]
        return [event for event in found if event["kind"] in kinds]

    def processes(self, *words: str) -> list[int]:
        """Everything alive that this play started and whose command has all the words."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                marked = f"{MARK}={self.mark}".encode() in (path / "environ").read_bytes().split(b"\0")
                command = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue  # it ended meanwhile, or is another user's
            if marked and all(word in command for word in words):
                found.append(int(path.name))
        return sorted(found)

    def assert_nothing_left(self, within_s: float = WITHIN_S) -> None:
        until(lambda: not self.processes(), f"all processes gone, left are {self.processes()}", within_s)


def start(command: list[str | Path], folder: Path, said: Path, cwd: Path | None = None, **variables: str) -> Play:
    """Start the command; `said` + .out and .err hold what it says."""
    mark = uuid.uuid4().hex
    with said.with_suffix(".out").open("wb") as out, said.with_suffix(".err").open("wb") as err:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment(**variables, **{MARK: mark}),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
    return Play(process, folder, said, mark)


def play(folder: Path, scenario: str, *options: str, settings: Mapping[str, Any] = SMALL, **variables: str) -> Play:
    """Start `entrega run`, small unless the settings say otherwise."""
    command = [sys.executable, "-m", "entrega", "run", scenario, "--seed", "7", "--out", str(folder)]
    return start(
        [*command, *settings_of(settings), *options], folder, folder.with_name(f"{folder.name}-said"), **variables
    )


def settings_of(settings: Mapping[str, Any]) -> list[str]:
    """The words of a command that say so."""
    return [word for name, value in settings.items() for word in ("--set", f"{name}={json.dumps(value)}")]

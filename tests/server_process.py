"""A real bundled server in a process of its own, for tests and measurements: started, waited for, stopped."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
READY_WITHIN_S = 60.0
END_WITHIN_S = 15.0


class NotReadyError(AssertionError):
    """The server ended, or said nothing in time, before its ready line."""


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A running server; `folder` holds its database, journal, answer key and stderr."""

    process: subprocess.Popen[str]
    url: str
    folder: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def journal(self, *kinds: str) -> list[dict[str, Any]]:
        """The journal's lines so far, of those kinds or of all."""
        return [line for line in _lines(self.folder / "journal.jsonl") if not kinds or line["kind"] in kinds]

    def injected(self) -> list[dict[str, Any]]:
        """The answer key's lines so far."""
        return _lines(self.folder / "injected.jsonl")

    def stderr(self) -> str:
        return (self.folder / "stderr.txt").read_text()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal and give the exit status. A second call only gives the status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(END_WITHIN_S)


def environment() -> dict[str, str]:
    """Ours without any ENTREGA_* of whoever runs the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ENTREGA_")}


def start(folder: Path, *options: str) -> ServerProcess:
    """A server on a free port unless the options name one, with everything it writes in `folder`."""
    files = ["--database", f"sqlite:///{folder}/chat.db", "--journal", f"{folder}/journal.jsonl"]
    command = [sys.executable, "-m", "server_under_test", "--port", "0", *files]
    with (folder / "stderr.txt").open("a") as stderr:
        process = subprocess.Popen(
            [*command, "--injected", f"{folder}/injected.jsonl", *options],
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    try:
        return ServerProcess(process, _address(process), folder)
    except NotReadyError as error:
        process.kill()
        process.wait(END_WITHIN_S)
        raise NotReadyError(f"{error}: {(folder / 'stderr.txt').read_text()}") from None


@contextmanager
def running(folder: Path, *options: str) -> Iterator[ServerProcess]:
    """As `start`, stopped at the end."""
    server = start(folder, *options)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
        server.process.wait(END_WITHIN_S)
        assert server.process.stdout is not None
        server.process.stdout.close()


def _address(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        if select.select([process.stdout], [], [], 0.1)[0]:
            line = process.stdout.readline()
            if not line:
                raise NotReadyError(f"the server ended with {process.wait(END_WITHIN_S)}")
            assert line.startswith("entrega server ready at http://"), line
            return line.split()[-1]
    raise NotReadyError(f"no ready line within {READY_WITHIN_S:g} s")


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

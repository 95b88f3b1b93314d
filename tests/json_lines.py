"""A process that takes orders as JSON lines on stdin and tells what happens as JSON lines on stdout."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from tests.played import WITHIN_S, environment

ROOT = Path(__file__).resolve().parent.parent
Line = dict[str, Any]
Tell = Callable[[Line], None]


@contextmanager
def conversing(command: list[str], told: Tell) -> Iterator[Tell]:
    """Gives what sends it an order; `told` is called with each of its lines, in a thread. The process ends with it."""
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    stdin, stdout = process.stdin, process.stdout
    assert stdin is not None
    assert stdout is not None
    one_at_a_time = Lock()

    def order(line: Line) -> None:
        with one_at_a_time:
            stdin.write(json.dumps(line) + "\n")

    def listen() -> None:
        for line in stdout:
            told(json.loads(line))

    listening = Thread(target=listen)
    listening.start()
    try:
        yield order
    finally:
        process.kill()
        process.wait(WITHIN_S)
        listening.join(WITHIN_S)
        stdout.close()
        with suppress(BrokenPipeError):  # it ended by itself, before it had read everything
            stdin.close()

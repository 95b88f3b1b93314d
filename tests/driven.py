"""The swarm's client, driven from outside (tests/swarm_scripts/client.py): all clients of a test file in a process."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

from tests.played import WITHIN_S, environment

ROOT = Path(__file__).resolve().parent.parent
DEADLINE_S = 1.0  # of a connection attempt
AMPLE_S = 30.0  # for an ack that is to come

Make = Callable[..., "Driven"]


@dataclass(slots=True)
class Driven:
    """One client in the driven process: it is told what to do, and tells what it heard."""

    name: str
    tell: Callable[[dict[str, Any]], None]
    told: "Queue[dict[str, Any]]" = field(default_factory=Queue)
    heard: list[dict[str, Any]] = field(default_factory=list)

    def do(self, verb: str, **about: Any) -> None:
        self.tell({"client": self.name, "do": verb, "about": about})

    def emit(self, number: int, event: str, payload: Any = None, deadline_s: float = AMPLE_S) -> None:
        self.do("emit", number=number, event=event, payload=payload, deadline_s=deadline_s)

    def hear(self, what: str, **fields: Any) -> dict[str, Any]:
        """The next thing of that kind with those fields; what came before it is in `heard`."""
        deadline_s = time.monotonic() + WITHIN_S
        while True:
            try:
                said = self.told.get(timeout=max(0.0, deadline_s - time.monotonic()))
            except Empty:
                raise AssertionError(f"no {what} {fields} among {self.heard[-20:]}") from None
            self.heard.append(said)
            if said["heard"] == what and fields.items() <= said.items():
                return said


@dataclass(slots=True)
class Drivers:
    """The process in which the clients are."""

    process: "subprocess.Popen[str]"
    made: dict[str, Driven] = field(default_factory=dict)

    def make(self, url: str, token: str = "", origin: str | None = None, deadline_s: float = DEADLINE_S) -> Driven:
        driven = Driven(f"client-{len(self.made)}", self.tell)
        self.made[driven.name] = driven
        driven.do("make", url=url, token=token, origin=origin, deadline_s=deadline_s)
        return driven

    def tell(self, order: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")

    def listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said = json.loads(line)
            self.made[said.pop("client")].told.put(said)


@contextmanager
def driving() -> Iterator[Make]:
    """Makes clients; all are closed in the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gevent.monkey", "--module", "tests.swarm_scripts.client"],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    drivers = Drivers(process)
    listening = Thread(target=drivers.listen)
    listening.start()
    try:
        yield drivers.make
        for driven in drivers.made.values():
            driven.do("close")
        for driven in drivers.made.values():
            driven.hear("closed")
    finally:
        process.kill()
        process.wait(WITHIN_S)
        listening.join(WITHIN_S)
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()

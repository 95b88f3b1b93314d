"""The swarm's clients against hostile servers (tests/swarm_scripts/endured.py), all in one process."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Empty, Queue
from typing import Any

from tests.json_lines import Line, Tell, conversing
from tests.played import WITHIN_S

Make = Callable[..., "Endured"]


@dataclass(slots=True)
class Endured:
    """One client: it is told what to do, and tells what it heard."""

    name: str
    order: Tell
    told: "Queue[Line]" = field(default_factory=Queue)
    heard: list[Line] = field(default_factory=list)

    def do(self, verb: str, **about: Any) -> None:
        self.order({"client": self.name, "do": verb, "about": about})

    def hear(self, what: str, **fields: Any) -> Line:
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

    def outcome(self) -> Line:
        """How the next attempt or connection ended."""
        while (said := self.told.get(timeout=WITHIN_S))["heard"] not in ("connect_failed", "disconnected"):
            self.heard.append(said)
        self.heard.append(said)
        return said


@dataclass(slots=True)
class _Process:
    order: Tell
    made: dict[str, Endured] = field(default_factory=dict)

    def make(self, url: str, *transports: str, deadline_s: float = 1.0, **more: Any) -> Endured:
        client = Endured(f"client-{len(self.made)}", self.order)
        self.made[client.name] = client
        client.do("make", url=url, transports=transports or ("websocket",), deadline_s=deadline_s, **more)
        client.do("connect")
        return client


@contextmanager
def enduring() -> Iterator[Make]:
    """Makes clients that connect, each until it is told to disconnect. Nothing may go wrong beside what they tell."""
    complaints: list[str] = []

    def told(line: Line) -> None:
        if line["heard"] == "traceback":
            complaints.append(line["lines"])
        else:
            process.made[line.pop("client")].told.put(line)

    command = [sys.executable, "-m", "gevent.monkey", "--module", "tests.swarm_scripts.endured"]
    with conversing(command, told) as order:
        process = _Process(order)
        yield process.make
    assert not complaints, "".join(complaints)

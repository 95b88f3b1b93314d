"""What all parties of one load process share: the run, its clock, its recorder, its counts."""

import dataclasses
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gevent
import orjson
from gevent.event import Event

from loadtests import target as targets
from loadtests.events import Recorder
from loadtests.plan import plan
from loadtests.scenario import Scenario
from loadtests.swarm.dial import Dial
from loadtests.swarm.message import Reader
from loadtests.swarm.rest import Answer, Rest
from loadtests.target import Getters, Target, getters

TRIES = 5  # of a request that opens, escalates, assumes or audits; a person would press the button again
TRY_AGAIN_S = 1.0
TRANSPORTS = {"websocket": ("websocket",), "polling": ("polling",), "upgrade": ("polling", "websocket")}

Row = Callable[[str, str, float, str | None], None]  # Locust's statistics: type, name, ms, what failed


@dataclass(slots=True)
class Counts:
    """Totals of this process, but for connected and joined, which are now."""

    asked: int = 0
    connected: int = 0
    joined: int = 0
    sent: int = 0
    accepted: int = 0
    displayed: int = 0
    caught_up: int = 0
    slip_ns: int = 0  # the largest since the rig last looked
    latencies_ms: list[float] = field(default_factory=list)  # since then, too


@dataclass(slots=True)
class Stage:
    """`t0_ns` is the run's start; `limit` the number of widgets planned, None where a web UI may ask for more."""

    folder: Path
    run: str
    url: str
    scenario: Scenario
    target: Target
    t0_ns: int
    limit: int | None
    defects: dict[str, float]  # of widgets, with their values
    recorder: Recorder
    row: Row
    rest: Rest = field(init=False)
    get: Getters = field(init=False)
    widget_dial: Dial = field(init=False)
    agent_dial: Dial = field(init=False)
    reader: Reader = field(init=False)
    counts: Counts = field(default_factory=Counts)
    stopping: Event = field(default_factory=Event)  # sending ends
    over: Event = field(default_factory=Event)  # the quiet phase too; set by the rig
    _stopped_ns: int | None = None
    _auditor: str | None = None

    def __post_init__(self) -> None:
        self.rest = Rest(self.url, self.scenario.answer_deadline_s)
        self.get = getters(self.target.fields)
        self.reader = Reader(self.get)
        self.agent_dial = Dial(self.url, self.target.socket.path)
        transports = TRANSPORTS[self.scenario.transport]
        self.widget_dial = dataclasses.replace(self.agent_dial, origin=self.target.origin, transports=transports)

    def claim(self, role: str) -> int:
        """The next free number of that role, unique over all processes of the run: an append is atomic."""
        with (self.folder / f".{role}s").open("ab", buffering=0) as tickets:
            tickets.write(b".")
            return tickets.tell() - 1

    def words(self, mid: str) -> str:
        """What the message says; as long in every run of the seed."""
        text, (least, most) = self.scenario.text, self.scenario.text_chars
        if not most:
            return text
        chars = random.Random(f"{self.scenario.seed}:text:{mid.rpartition(':')[2]}").randint(round(least), round(most))
        return (text * (chars // len(text) + 1))[:chars]

    def at_ns(self, seconds: float) -> int:
        """The monotonic time that is so many seconds after the run's start."""
        return self.t0_ns + round(seconds * 1e9)

    def wait_until(self, t_ns: int) -> bool:
        """Wait; False at once when sending is to end before that."""
        wait_s = (t_ns - time.monotonic_ns()) / 1e9
        if wait_s > 0:
            self.stopping.wait(wait_s)
        return not self.stopping.is_set()

    def end_sending(self) -> None:
        """Earlier than planned, or as planned: the quiet phase counts from now."""
        if not self.stopping.is_set():
            self._stopped_ns = time.monotonic_ns()
            self.stopping.set()

    def quiet_left_s(self) -> float:
        """Until parties leave at the latest."""
        planned_ns = self.at_ns(self.scenario.run_time_s)
        ended_ns = min(self._stopped_ns, planned_ns) if self._stopped_ns is not None else planned_ns
        return (ended_ns - time.monotonic_ns()) / 1e9 + self.scenario.quiet_phase_s

    def sessions_of(self, agent: int) -> int:
        """How many sessions the plan has for that agent, handed over ones among them; -1 where nobody knows."""
        if self.limit is None:
            return -1
        agents = self.scenario.agents
        handed = range((agent - 1) % agents, self.limit, agents) if self.scenario.transfer_after_s[1] else ()
        return len(range(agent, self.limit, agents)) + sum(
            plan(self.scenario, index).hand_over is not None for index in handed
        )

    def inject(self, kind: str, name: str, scope: str, **about: Any) -> None:
        """One line of the answer key, which no cause reads."""
        line = {"t": time.monotonic_ns(), "kind": kind, "name": name, "scope": scope, **about}
        descriptor = os.open(self.folder / "injected.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, orjson.dumps(line) + b"\n")
        finally:
            os.close(descriptor)

    def call(self, name: str, method: str, path: str, body: Any = None, token: str | None = None) -> Answer:
        """One REST request, with its row in Locust's statistics."""
        began_ns = time.monotonic_ns()
        answer = self.rest.call(method, path, body, token)
        failed = None if answer.good else answer.reason or f"HTTP {answer.status}"
        self.row("REST", name, (time.monotonic_ns() - began_ns) / 1e6, failed)
        return answer

    def insist(self, name: str, method: str, path: str, body: Any = None, token: str | None = None) -> Answer:
        """As call, but tried again while no answer or a 5xx comes."""
        answer = self.call(name, method, path, body, token)
        for _ in range(TRIES - 1):
            if answer.good or answer.refused:
                break
            gevent.sleep(TRY_AGAIN_S)
            answer = self.call(name, method, path, body, token)
        return answer

    def log_in(self, name: str) -> str | None:
        """An agent's token."""
        body = {"name": name, "secret": targets.secret(self.target)}
        answer = self.insist("log in", "POST", self.target.rest.agent_token, body)
        token = self.get["agent_token"](answer.body)
        return token if answer.good and isinstance(token, str) else None

    def auditor(self) -> str | None:
        """The token that reads what is stored, whatever a widget is shown."""
        if self._auditor is None:
            self._auditor = self.log_in("auditor")
        return self._auditor

"""What all parties of one load process share: the run, its clock, its recorder, its counts."""

import dataclasses
import os
import random
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gevent
import orjson
from gevent.event import Event

from loadtests.address import CA_VARIABLE, trust
from loadtests.events import Recorder
from loadtests.payload import body, getter
from loadtests.plan import plan
from loadtests.scenario import Scenario
from loadtests.swarm.badge import Badge
from loadtests.swarm.dial import Dial
from loadtests.swarm.own_code import OwnCode
from loadtests.swarm.rest import Answer, Rest
from loadtests.swarm.talk import Talk
from loadtests.target import Side, Target

TRIES = 5  # of a request that opens, escalates, assumes or audits; a person would press the button again
TRY_AGAIN_S = 1.0
LONGEST_PAUSE_S = 10.0  # that a server's Retry-After is heeded
TOO_MANY = 429
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
    code: OwnCode = field(init=False)
    widget_talk: Talk = field(init=False)
    agent_talk: Talk = field(init=False)
    widget_dial: Dial = field(init=False)
    agent_dial: Dial = field(init=False)
    counts: Counts = field(default_factory=Counts)
    stopping: Event = field(default_factory=Event)  # sending ends
    over: Event = field(default_factory=Event)  # the quiet phase too; set by the rig
    heartbeat_s: float = 0.0  # the longest pingInterval + pingTimeout that a server has told
    _stopped_ns: int | None = None
    _auditor: Badge | None = None
    _ids: dict[str, Any] = field(default_factory=dict)  # of sessions that are not called by text

    def __post_init__(self) -> None:
        tls = trust(os.environ.get(CA_VARIABLE)) if self.url.startswith("https:") else None
        self.rest = Rest(self.url, self.scenario.answer_deadline_s, tls, self.target.headers)
        self.code = OwnCode(self.target)
        self.widget_talk, self.agent_talk = Talk(self.target.widget), Talk(self.target.agent)
        self.agent_dial = self._dial(self.target.agent, tls)
        self.widget_dial = dataclasses.replace(
            self._dial(self.target.widget, tls),
            origin=self.target.origin or None,
            transports=TRANSPORTS[self.scenario.transport],
        )

    def _dial(self, side: Side, tls: ssl.SSLContext | None) -> Dial:
        socket = side.socket
        headers = {**self.target.headers, **socket.headers}
        return Dial(self.url, socket.path, query=socket.query, headers=headers, tls=tls)

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
        """Until parties leave at the latest; later where the server takes longer to give the silent up than planned."""
        scenario = self.scenario
        longer_s = max(0.0, self.heartbeat_s - scenario.ping_interval_s - scenario.ping_timeout_s)
        planned_ns = self.at_ns(scenario.run_time_s)
        ended_ns = min(self._stopped_ns, planned_ns) if self._stopped_ns is not None else planned_ns
        return (ended_ns - time.monotonic_ns()) / 1e9 + scenario.quiet_phase_s + longer_s

    def sessions_of(self, agent: int) -> int:
        """How many sessions the plan has for that agent, handed over ones among them; -1 where nobody knows."""
        if self.limit is None:
            return -1
        agents = self.scenario.agents
        handed = range((agent - 1) % agents, self.limit, agents) if self.scenario.transfer_after_s[1] else ()
        return len(range(agent, self.limit, agents)) + sum(
            plan(self.scenario, index).hand_over is not None for index in handed
        )

    @property
    def tells_waiting(self) -> bool:
        """Whether agents hear of waiting sessions from the run itself: the server has no words for it."""
        return not self.target.waiting.path and not self.target.waiting.event

    def tell_waiting(self, index: int, session: str) -> None:
        """To the agents of all load processes: an append is atomic."""
        with (self.folder / ".waiting").open("ab", buffering=0) as waiting:
            waiting.write(orjson.dumps([index, self.id_of(session)]) + b"\n")

    def told_waiting(self, since: int) -> list[tuple[int, str]]:
        """(index, session) of those that wait, without the first `since`."""
        file = self.folder / ".waiting"
        lines = file.read_bytes().splitlines() if file.exists() else []
        return [(index, self.named(session)) for index, session in map(orjson.loads, lines[since:])]

    def named(self, session: Any) -> str:
        """The text by which a session is known here, of its id as the server gives it."""
        text = str(session)
        if not isinstance(session, str):
            self._ids[text] = session
        return text

    def id_of(self, session: str) -> Any:
        """The id as the server gave it: a number goes back as a number."""
        return self._ids.get(session, session)

    def inject(self, kind: str, name: str, scope: str, **about: Any) -> None:
        """One line of the answer key, which no cause reads."""
        line = {"t": time.monotonic_ns(), "kind": kind, "name": name, "scope": scope, **about}
        descriptor = os.open(self.folder / "injected.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, orjson.dumps(line) + b"\n")
        finally:
            os.close(descriptor)

    def call(self, name: str, method: str, path: str, body: Any = None, badge: Badge | None = None) -> Answer:
        """One REST request, with its row in Locust's statistics."""
        return self._counted(name, lambda: self.rest.call(method, path, body, badge))

    def ask_own(self, name: str, badge: Badge, *about: Any) -> Answer:
        """What the target's own class does, with one row in Locust's statistics, however many requests that are."""

        def call(method: str, path: str, body: Any = None) -> Answer:
            return self.rest.call(method, path, body, badge)

        return self._counted(name, lambda: self.code.ask(name, call, *about))

    def _counted(self, name: str, ask: Callable[[], Answer]) -> Answer:
        began_ns = time.monotonic_ns()
        answer = ask()
        failed = None if answer.good else answer.reason or f"HTTP {answer.status}"
        self.row("REST", name, (time.monotonic_ns() - began_ns) / 1e6, failed)
        return answer

    def insist(self, name: str, method: str, path: str, body: Any = None, badge: Badge | None = None) -> Answer:
        """As call, but tried again while no answer, a 5xx or a 429 comes."""
        return self.insist_on(lambda: self.call(name, method, path, body, badge))

    def insist_on(self, ask: Callable[[], Answer]) -> Answer:
        answer = ask()
        for _ in range(TRIES - 1):
            if answer.good or (answer.refused and answer.status != TOO_MANY):
                break
            gevent.sleep(min(answer.retry_after_s or TRY_AGAIN_S, LONGEST_PAUSE_S))
            answer = ask()
        return answer

    def account(self, number: int | None) -> str:
        """The name by which the server knows agent `number`, or the auditor."""
        accounts = self.target.login.accounts
        if accounts:
            return accounts[(number or 0) % len(accounts)]
        return "auditor" if number is None else f"agent-{number}"

    def log_in(self, number: int | None) -> Badge | None:
        """Agent `number`, or the auditor."""
        login, secret, name = self.target.login, self.target.secret, self.account(number)
        badge = Badge(self.target.agent.auth, secret)
        if self.code.has("open_agent"):
            answer = self.insist_on(lambda: self.ask_own("open_agent", badge, name, secret))
            badge.token = answer.body
        elif login.path:
            badge.token = None
            asked = body(login.extra, login.name, login.secret)(name, secret)
            answer = self.insist("log in", login.method, login.path, asked, badge)
            badge.token = getter(login.token)(answer.body)
            if not answer.good or (login.token and not isinstance(badge.token, str)):
                return None
        return badge

    def auditor(self) -> Badge | None:
        """Who reads what is stored, whatever a widget is shown."""
        if self._auditor is None:
            self._auditor = self.log_in(None)
        return self._auditor

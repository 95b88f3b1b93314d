"""The two kinds of party, and what only one of them can do."""

import time
from collections.abc import Callable
from typing import Any

import gevent

from loadtests.plan import Gap, SessionPlan
from loadtests.swarm.chat import AGENT, WIDGET, Party
from loadtests.swarm.seat import Seat
from loadtests.swarm.stage import Stage


class Customer(Party):
    """A widget on the shop's page, with its one session."""

    letter = WIDGET

    @classmethod
    def open(cls, stage: Stage, plan: SessionPlan) -> "tuple[Customer, Seat] | None":
        """Open a session; None when the server would not, after as many tries as a person makes."""
        name = f"widget-{plan.index}"
        body = {"name": name, "metadata": {"run": stage.run, "index": plan.index}}
        answer = stage.insist("open", "POST", stage.target.rest.open, body)
        session, token = stage.get["opened_session"](answer.body), stage.get["opened_token"](answer.body)
        if not answer.good or session is None or token is None:
            return None
        customer = cls(stage, name, token, stage.widget_dial, str(session))
        customer.record("session_opened", session=str(session), index=plan.index)
        return customer, customer.sit(plan, str(session), AGENT, len(plan.agent_dues_s), len(plan.widget_dues_s))

    def escalate(self, seat: Seat) -> None:
        """Ask for a human, by REST, whatever the socket does."""
        path = self.stage.target.rest.escalate.format(session=seat.session)
        if self.stage.insist("escalate", "POST", path, {}, self.token).good:
            self.record("escalated", session=seat.session)

    def lose_network(self, gap: Gap) -> None:
        """The fault `drop`."""
        now_ns = time.monotonic_ns()
        window = {"start_ns": now_ns, "end_ns": now_ns + round(gap.for_s * 1e9)}
        about = {"party": self.name, "session": self._session, "conn": self._conn}
        self.stage.inject("fault", "drop", "connection", **window, **about)
        self.wire.reset(gap.for_s)

    def close_session(self, seat: Seat) -> None:
        path = self.stage.target.rest.close.format(session=seat.session)
        self.stage.call("close", "POST", path, {}, self.token)


class Desk(Party):
    """An agent at the support desk: one connection, many sessions."""

    letter = AGENT

    def __init__(self, stage: Stage, number: int, token: str, waiting: Callable[[str, int], None]) -> None:
        super().__init__(stage, f"agent-{number}", token, stage.agent_dial, None)
        self._number = number
        self._waiting = waiting
        self._known: set[str] = set()

    def connected(self, sid: str | None, transport: str, recovered: bool) -> None:
        super().connected(sid, transport, recovered)
        gevent.spawn(self.look_for_waiting)

    def event(self, name: str, arguments: tuple[Any, ...], size: int) -> None:
        if name == self.stage.target.socket.waiting:
            payload, get = arguments[0] if arguments else None, self.stage.get
            self._notice(get["waiting_session"](payload), get["waiting_metadata"](payload))
        else:
            super().event(name, arguments, size)

    def look_for_waiting(self) -> None:
        """Read the list of waiting sessions: what was announced while nobody listened."""
        get = self.stage.get
        answer = self.stage.insist("waiting", "GET", self.stage.target.rest.waiting, token=self.token)
        for session in get["listed"](answer.body) or []:
            self._notice(get["listed_session"](session), get["listed_metadata"](session))

    def assume(self, plan: SessionPlan, session: str) -> Seat | None:
        """Take the session; None when somebody else has it or the server would not."""
        path = self.stage.target.rest.assume.format(session=session)
        if not self.stage.insist("assume", "POST", path, {}, self.token).good:
            return None
        self.record("assumed", session=session, index=plan.index)
        return self.sit(plan, session, WIDGET, len(plan.widget_dues_s), len(plan.agent_dues_s))

    def _notice(self, session: Any, metadata: Any) -> None:
        """Hear of a waiting customer, once; attend to those of this run whom the plan gives to this agent."""
        ours = isinstance(metadata, dict) and metadata.get("run") == self.stage.run
        index = metadata.get("index") if ours else None
        if not isinstance(index, int) or index % self.stage.scenario.agents != self._number:
            return
        if str(session) not in self._known:
            self._known.add(str(session))
            self._waiting(str(session), index)

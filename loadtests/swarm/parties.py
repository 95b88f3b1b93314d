"""The two kinds of party, and what only one of them can do."""

import time
from collections.abc import Callable
from typing import Any

import gevent

from loadtests.plan import SessionPlan
from loadtests.swarm.chat import AGENT, WIDGET, Party
from loadtests.swarm.seat import Seat
from loadtests.swarm.stage import Stage

LOOK_S = 0.1


class Customer(Party):
    """A widget on the shop's page, with its one session."""

    letter = WIDGET

    @classmethod
    def open(cls, stage: Stage, plan: SessionPlan) -> "tuple[Customer, Seat] | None":
        """Open a session; None when the server would not, after as many tries as a person makes."""
        before = _opened(stage, plan.index, {}) if "widget.stale-room" in stage.defects else None
        opened = _opened(stage, plan.index, {"run": stage.run, "index": plan.index})
        if opened is None:
            return None
        customer = cls(stage, plan.index, *opened, before)
        customer.open_page()
        customer.record("session_opened", session=customer.session, index=plan.index)
        session = opened[0]
        return customer, customer.sit(plan, session, AGENT, range(plan.of_agents), len(plan.widget_dues_s))

    def __init__(self, stage: Stage, index: int, session: str, token: str, before: tuple[str, str] | None) -> None:
        """`before`: id and token of a session that the customer had before, and that the page's socket still has."""
        super().__init__(stage, f"widget-{index}", token, stage.widget_dial, session)
        self.defects = stage.defects
        self.rejoins = stage.target.client.rejoin
        self.fetches = stage.target.client.recover == "fetch"
        self.sends = "rest" if before else "socket"
        self._before = before

    def credentials(self) -> dict[str, Any]:
        return {"token": self._before[1] if self._before else self.token}

    def room_session(self, session: str) -> str:
        if self._before is None:
            return session
        self.inject("defect", "widget.stale-room", "connection")
        return self._before[0]

    def escalate(self, seat: Seat) -> None:
        """Ask for a human, by REST, whatever the socket does."""
        path = self.stage.target.rest.escalate.format(session=seat.session)
        if self.stage.insist("escalate", "POST", path, {}, self.token).good:
            self.record("escalated", session=seat.session)

    def close_session(self, seat: Seat) -> None:
        path = self.stage.target.rest.close.format(session=seat.session)
        self.stage.call("close", "POST", path, {}, self.token)


def _opened(stage: Stage, index: int, metadata: dict[str, Any]) -> tuple[str, str] | None:
    """A new session's id and token."""
    body = {"name": f"widget-{index}", "metadata": metadata}
    answer = stage.insist("open", "POST", stage.target.rest.open, body)
    session, token = stage.get["opened_session"](answer.body), stage.get["opened_token"](answer.body)
    return (str(session), token) if answer.good and session is not None and token is not None else None


class Desk(Party):
    """An agent at the support desk: one connection, many sessions."""

    letter = AGENT

    def __init__(self, stage: Stage, number: int, token: str, waiting: Callable[[str, int, bool], None]) -> None:
        """`waiting` is told of a session for this agent: its id, its index, and whether it was handed over."""
        super().__init__(stage, f"agent-{number}", token, stage.agent_dial, None)
        self._number = number
        self._waiting = waiting
        self._known: set[str] = set()
        self.also_hears = {stage.target.socket.waiting: self._hears}
        self.open_page()

    def is_connected(self) -> None:
        gevent.spawn(self.look_for_waiting)

    def _hears(self, payload: Any) -> None:
        self._notice(*(self.stage.get[f"waiting_{what}"](payload) for what in ("session", "metadata", "agent")))

    def look_for_waiting(self) -> None:
        """Read the list of waiting sessions: what was announced while nobody listened."""
        get = self.stage.get
        answer = self.stage.insist("waiting", "GET", self.stage.target.rest.waiting, token=self.token)
        for session in get["listed"](answer.body) or []:
            self._notice(*(get[f"listed_{what}"](session) for what in ("session", "metadata", "agent")))

    def assume(self, plan: SessionPlan, session: str, handed_over: bool) -> Seat | None:
        """Take the session; None when somebody else has it or the server would not."""
        path = self.stage.target.rest.assume.format(session=session)
        if not self.stage.insist("assume", "POST", path, {}, self.token).good:
            return None
        self.record("assumed", session=session, index=plan.index)
        mine = [(due_s < plan.changes_hands_s) is not handed_over for due_s in plan.widget_dues_s]
        own = plan.of_agents - len(plan.agent_dues_s) if handed_over else len(plan.agent_dues_s)
        return self.sit(plan, session, WIDGET, (number for number, awaited in enumerate(mine) if awaited), own)

    def transfer(self, seat: Seat, agent: int) -> bool:
        """Hand the session over, once all that was said is answered and the page is not cut off; whether that was."""
        while seat.unanswered or not seat.joined:
            if self.stage.stopping.wait(LOOK_S):
                return False
        path = self.stage.target.rest.transfer.format(session=seat.session)
        body, asked_ns = {self.stage.target.fields.transfer_agent: f"agent-{agent}"}, time.monotonic_ns()
        if not self.stage.insist("transfer", "POST", path, body, self.token).good:
            return False
        self.record("transferred", session=seat.session, asked_ns=asked_ns)
        return True

    def _notice(self, session: Any, metadata: Any, agent: Any) -> None:
        """Hear of a waiting customer, once; attend to those of this run whom the plan gives to this agent."""
        ours = isinstance(metadata, dict) and metadata.get("run") == self.stage.run
        index = metadata.get("index") if ours else None
        if not isinstance(index, int):
            return
        handed_over = agent is not None
        mine = agent == self.name if handed_over else index % self.stage.scenario.agents == self._number
        if mine and str(session) not in self._known:
            self._known.add(str(session))
            self._waiting(str(session), index, handed_over)

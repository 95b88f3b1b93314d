"""The two kinds of party, and what only one of them can do."""

import re
import time
from collections.abc import Callable
from typing import Any

import gevent

from loadtests.payload import body, getter, getters
from loadtests.plan import SessionPlan
from loadtests.swarm.badge import Badge
from loadtests.swarm.chat import AGENT, WIDGET, Party
from loadtests.swarm.seat import Seat
from loadtests.swarm.stage import Stage
from loadtests.swarm.talk import path
from loadtests.target import Client

NAME = re.compile(r"entrega-([0-9a-z]+)-(\d+)")  # of a session, so that a team can find and purge them
LOOK_S = 0.2


class Customer(Party):
    """A widget on the shop's page, with its one session."""

    letter = WIDGET

    @classmethod
    def open(cls, stage: Stage, plan: SessionPlan) -> "tuple[Customer, Seat] | None":
        """Open a session; None when the server would not, after as many tries as a person makes."""
        name = f"entrega-{stage.run}-{plan.index}"
        before = _opened(stage, f"{name}-before") if "widget.stale-room" in stage.defects else None
        opened = _opened(stage, name)
        if opened is None:
            return None
        customer = cls(stage, plan.index, *opened, before)
        customer.open_page()
        session = opened[0]
        opened_ns = customer.record("session_opened", session=session, index=plan.index)
        return customer, customer.sit(plan, session, opened_ns, AGENT, range(plan.of_agents), len(plan.widget_dues_s))

    def __init__(self, stage: Stage, index: int, session: str, badge: Badge, before: tuple[str, Badge] | None) -> None:
        """`before`: a session that the customer had before, and that the page's socket still has."""
        super().__init__(stage, f"widget-{index}", badge, stage.widget_talk, stage.widget_dial, session)
        self.defects = {**declared(stage.target.client), **stage.defects}
        self.fetches = stage.target.client.recover == "fetch"
        self.sends = "rest" if before else "socket"
        self._before = before

    def credentials(self) -> dict[str, Any]:
        return (self._before[1] if self._before else self.badge).in_connect()

    def room_session(self, session: str) -> str:
        if self._before is None:
            return session
        self.inject("defect", "widget.stale-room", "connection")
        return self._before[0]

    def escalate(self, seat: Seat) -> None:
        """Ask for a human, by REST, whatever the socket does."""
        if self.takes_step("escalate", seat.session):
            self.record("escalated", session=seat.session)
            if self.stage.tells_waiting:
                self.stage.tell_waiting(seat.index, seat.session)

    def close_session(self, seat: Seat) -> None:
        self.takes_step("close", seat.session, self.stage.call)


def declared(habits: Client) -> dict[str, float]:
    """What the target says of its widget, as the code of pages knows it: by the names of defects, with their values."""
    says = {
        "no-rejoin": not habits.rejoin,
        "no-reconnect": not habits.reconnect,
        "fetch-then-join": habits.fetch_first,
        "replace-on-fetch": habits.replace,
        "no-dedupe": not habits.dedupe,
        "late-listener": habits.listens_after_ms,
    }
    return {f"widget.{name}": float(value) for name, value in says.items() if value}


def _opened(stage: Stage, name: str) -> tuple[str, Badge] | None:
    """A new session's id, and its customer's badge."""
    opens, badge = stage.target.open, Badge(stage.target.widget.auth)
    if stage.code.has("open_session"):
        answer = stage.insist_on(lambda: stage.ask_own("open_session", badge, name))
        session, badge.token = answer.body if isinstance(answer.body, tuple) and len(answer.body) == 2 else (None, None)
    else:
        answer = stage.insist("open", opens.method, opens.path, body(opens.extra, opens.name)(name), badge)
        session, badge.token = getter(opens.session)(answer.body), getter(opens.token)(answer.body)
    lacks = session is None or (opens.token and badge.token is None)
    return None if lacks or not answer.good else (stage.named(session), badge)


class Desk(Party):
    """An agent at the support desk: one connection, many sessions."""

    letter = AGENT

    def __init__(self, stage: Stage, number: int, badge: Badge, waiting: Callable[[str, int, bool], None]) -> None:
        """`waiting` is told of a session for this agent: its id, its index, and whether it was handed over."""
        super().__init__(stage, f"agent-{number}", badge, stage.agent_talk, stage.agent_dial, None)
        self.fetches = self.has_history and not self.talk.side.join.missed
        self._number = number
        self._waiting = waiting
        self._known: set[str] = set()
        self._tells = tells = stage.target.waiting
        self._of_event = getters(tells.event_session, tells.event_name, tells.event_agent)
        self._listed, self._of_listed = getter(tells.list), getters(tells.session, tells.name, tells.agent)
        if tells.event:
            self.also_hears = {tells.event: self._hears}
        self.open_page()

    def is_connected(self) -> None:
        if self._tells.path:
            gevent.spawn(self.look_for_waiting)

    def _hears(self, payload: Any) -> None:
        self._notice(*self._of_event(payload))

    def look_for_waiting(self) -> None:
        """Read the list of waiting sessions: what was announced while nobody listened."""
        for waiting in self.read_waiting():
            self._notice(*waiting)

    def read_waiting(self) -> list[tuple[Any, ...]]:
        """Id, name and agent of the sessions in the list; none where it cannot be read."""
        answer = self.stage.insist("waiting", "GET", self._tells.path, None, self.badge)
        waiting = self._listed(answer.body)
        return [tuple(self._of_listed(each)) for each in waiting] if isinstance(waiting, list) else []

    def watch_list(self) -> None:
        """Where no event announces who waits, an agent's page asks again and again."""
        while not self.stage.over.wait(self._tells.every_s):
            self.look_for_waiting()

    def watch_told(self) -> None:
        """Where the server tells agents nothing, the run's own customers do."""
        heard = 0
        while not self.stage.over.wait(LOOK_S):
            for index, session in self.stage.told_waiting(heard):
                heard += 1
                self._attend_to(index, session, None)

    def assume(self, plan: SessionPlan, session: str, handed_over: bool) -> Seat | None:
        """Take the session; None when somebody else has it or the server would not."""
        if not self.takes_step("assume", session):
            return None
        assumed_ns = self.record("assumed", session=session, index=plan.index)
        mine = [(due_s < plan.changes_hands_s) is not handed_over for due_s in plan.widget_dues_s]
        own = plan.of_agents - len(plan.agent_dues_s) if handed_over else len(plan.agent_dues_s)
        awaited = (number for number, to_come in enumerate(mine) if to_come)
        return self.sit(plan, session, assumed_ns, WIDGET, awaited, own)

    def transfer(self, seat: Seat, agent: int) -> bool:
        """Hand the session over, once all that was said is answered and the page is not cut off; whether that was."""
        while seat.unanswered or not seat.joined:
            if self.stage.stopping.wait(LOOK_S):
                return False
        transfer, asked_ns = self.stage.target.transfer, time.monotonic_ns()
        asked = body(transfer.extra, transfer.agent)(self.stage.account(agent))
        where = path(transfer.path, seat.session)
        if not self.stage.insist("transfer", transfer.method, where, asked, self.badge).good:
            return False
        self.record("transferred", session=seat.session, asked_ns=asked_ns)
        return True

    def _notice(self, session: Any, name: Any, agent: Any) -> None:
        """Hear of a waiting customer; those of this run are known by the session's name."""
        ours = NAME.fullmatch(name) if isinstance(name, str) else None
        if ours and ours[1] == self.stage.run:
            self._attend_to(int(ours[2]), self.stage.named(session), agent)

    def _attend_to(self, index: int, session: str, agent: Any) -> None:
        """Once, if the plan gives it to this agent, or another `agent` did."""
        handed_over = bool(agent)
        number = self._number
        mine = agent == self.stage.account(number) if handed_over else index % self.stage.scenario.agents == number
        if mine and session not in self._known:
            self._known.add(session)
            self._waiting(session, index, handed_over)

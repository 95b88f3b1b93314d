"""Locust's users, told as stories. What happens on the network and what is written down is chat's matter."""

import time
from collections.abc import Callable, Iterator
from functools import partial

import gevent
from gevent.event import Event
from gevent.pool import Group
from locust import User, task
from locust.exception import StopUser

from loadtests.plan import SessionPlan, Strike, agent_strikes, plan
from loadtests.swarm.chat import Party
from loadtests.swarm.parties import Customer, Desk
from loadtests.swarm.rig import Rig
from loadtests.swarm.script import Line, Script
from loadtests.swarm.seat import Seat
from loadtests.swarm.stage import Stage
from loadtests.swarm.strikes import strike


class Player(User):
    """A user who plays a party on the process's stage."""

    abstract = True

    def on_start(self) -> None:
        self.party: Party | None = None
        self.beside = Group()  # what a person does at the same time
        rig: Rig | None = getattr(self.environment, "entrega", None)
        if rig is None:
            raise gevent.GreenletExit  # the director refused to play and said why; of StopUser Locust would log more
        self.rig = rig
        self.stage: Stage = rig.stage

    def on_stop(self) -> None:
        """Also when Locust ends the user in the middle: then what is owed to it is unjudged from here on."""
        self.beside.kill()
        if self.party is not None:
            self.party.withdraw("stopped")
            self.party.go()
            self.rig.parties.discard(self.party)

    def takes_part(self, party: Party) -> None:
        self.party = party
        self.rig.parties.add(party)

    def says(self, party: Party, seat: Seat, from_ns: int, dues_s: tuple[float, ...], via: str) -> Iterator[Line]:
        """The script's lines of a plan's dues."""
        for number, due_s in enumerate(dues_s):
            due_ns = from_ns + round(due_s * 1e9)
            say = partial(party.say, seat, number, due_ns, via)
            yield Line(due_ns, say, partial(party.never_say, seat, number, due_ns, "stopped"))

    def linger(self, seat: Seat) -> None:
        """Stay until all that was planned has come, and then for late copies; at most the quiet phase."""
        seat.done.wait()
        if not self.stage.over.wait(0):
            self.stage.over.wait(self.stage.scenario.late_after_s)


class Widget(Player):
    """A customer opens a session, connects, asks for a human, talks, and stays until all has come."""

    weight = 10

    @task
    def visit(self) -> None:
        index = self.stage.claim("widget")
        if self.stage.limit is None or index < self.stage.limit:
            session_plan = plan(self.stage.scenario, index)
            self.stage.wait_until(self.stage.at_ns(session_plan.opens_s))
            opened = Customer.open(self.stage, session_plan)
            if opened is not None:
                self.talk(*opened, session_plan)
        raise StopUser

    def talk(self, customer: Customer, seat: Seat, session_plan: SessionPlan) -> None:
        self.takes_part(customer)
        opened_ns = time.monotonic_ns()

        def at(offset_s: float, act: Callable[[], object]) -> Line:
            return Line(opened_ns + round(offset_s * 1e9), act)

        steps = [
            at(session_plan.connects_s, customer.connect),
            at(session_plan.escalates_s, lambda: self.beside.spawn(customer.escalate, seat)),
            *(at(planned.at_s, partial(strike, customer, planned)) for planned in session_plan.strikes),
        ]
        messages = self.says(customer, seat, opened_ns, session_plan.widget_dues_s, customer.sends)
        Script(self.stage.stopping, sorted(steps, key=lambda line: line.at_ns), messages).follow()
        self.linger(seat)
        customer.audit(seat)
        customer.leave(seat)
        customer.close_session(seat)


class Agent(Player):
    """An agent comes to the desk, takes the sessions that are theirs, and answers in each."""

    weight = 1

    @task
    def shift(self) -> None:
        number = self.stage.claim("agent")
        badge = self.stage.log_in(number) if number < self.stage.scenario.agents else None
        if badge is not None:
            self.over = Event()
            self.to_come = self.stage.sessions_of(number)
            self.desk = Desk(self.stage, number, badge, self.notice)
            self.takes_part(self.desk)
            self.desk.connect()
            if self.stage.tells_waiting:
                self.beside.spawn(self.desk.watch_told)
            strikes = agent_strikes(self.stage.scenario, number)
            Script(self.stage.stopping, (self.struck(planned) for planned in strikes))
            self.stage.over.rawlink(lambda _: self.over.set())
            if self.to_come:
                self.over.wait()
        raise StopUser

    def struck(self, planned: Strike) -> Line:
        return Line(self.stage.at_ns(planned.at_s), partial(strike, self.desk, planned))

    def notice(self, session: str, index: int) -> None:
        self.beside.spawn(self.attend, session, plan(self.stage.scenario, index))

    def attend(self, session: str, session_plan: SessionPlan) -> None:
        gevent.sleep(session_plan.assume_after_s)
        seat = self.desk.assume(session_plan, session)
        if seat is not None:
            assumed_ns = time.monotonic_ns()
            for page in self.desk.pages:
                page.read_history(seat)
            self.desk.enter(seat)
            sends = self.stage.scenario.agent_sends
            messages = self.says(self.desk, seat, assumed_ns, session_plan.agent_dues_s, sends)
            Script(self.stage.stopping, messages).follow()
            self.linger(seat)
            self.desk.leave(seat)
        self.to_come -= 1
        if not self.to_come:
            self.over.set()

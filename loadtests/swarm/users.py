"""Locust's users, told as stories. What happens on the network and what is written down is chat's matter."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

import gevent
from gevent import Greenlet
from gevent.event import Event
from gevent.lock import BoundedSemaphore, DummySemaphore
from locust import User, task
from locust.env import Environment
from locust.exception import StopUser

from loadtests.plan import HandOver, SessionPlan, agent_strikes, plan
from loadtests.swarm.chat import Party
from loadtests.swarm.parties import Customer, Desk
from loadtests.swarm.rig import Rig
from loadtests.swarm.script import Script
from loadtests.swarm.seat import Seat
from loadtests.swarm.stage import Stage
from loadtests.swarm.strikes import strike


class Player(User):
    """A user who plays a party on the process's stage."""

    abstract = True

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.leaving = Event()  # it says no more: sending ends, or there are to be fewer users

    def stop(self, force: bool = False) -> bool:
        """Locust wants this user gone: it ends as at the end of a run, which Locust waits for."""
        self.leaving.set()
        return bool(super().stop(force))

    @property
    def leaves_early(self) -> bool:
        return self.leaving.is_set() and not self.stage.stopping.is_set()

    @property
    def silenced(self) -> Event:
        """Set when it says no more."""
        return self.leaving

    def on_start(self) -> None:
        self.party: Party | None = None
        self.beside: list[Greenlet] = []  # what a person does at the same time
        self.rig: Rig | None = getattr(self.environment, "entrega", None)
        if self.rig is None:
            raise gevent.GreenletExit  # the director refused to play and said why; of StopUser Locust would log more
        self.stage: Stage = self.rig.stage
        self.stage.stopping.rawlink(self._sending_ends)

    def on_stop(self) -> None:
        """Also when Locust ends the user in the middle: then what is owed to it is unjudged from here on."""
        if self.rig is None:
            return
        self.stage.stopping.unlink(self._sending_ends)
        gevent.killall(self.beside)
        if self.party is not None:
            self.party.withdraw("stopped")
            self.party.go()
            self.rig.parties.discard(self.party)

    def _sending_ends(self, _: Event) -> None:
        self.leaving.set()

    def meanwhile(self, act: Callable[..., object], *about: object) -> None:
        """Do it beside all else; it ends with the user."""
        self.beside = [each for each in self.beside if not each.dead]
        self.beside.append(gevent.spawn(act, *about))

    def takes_part(self, party: Party) -> None:
        assert self.rig is not None
        self.party = party
        self.rig.parties.add(party)

    def says(self, party: Party, seat: Seat, via: str, dues_s: tuple[float, ...], first: int = 0) -> Script:
        """The messages of a plan's dues, each said at its own; the first one's number is `first`."""
        lines = ((seat.since_ns + round(due_s * 1e9), number) for number, due_s in enumerate(dues_s, first))
        return Script(self.silenced, lines, partial(party.say, seat, via), partial(party.never_say, seat, "stopped"))

    def linger(self, seat: Seat) -> None:
        """Stay until all that was planned has come, and then for late copies; at most the quiet phase."""
        if not self.leaves_early:
            seat.done.wait()
        self.stage.over.wait(self.stage.scenario.late_after_s)


class Widget(Player):
    """A customer opens a session, connects, asks for a human, talks, and stays until all has come."""

    weight = 10

    @task
    def visit(self) -> None:
        index = self.stage.claim("widget")
        if self.stage.limit is None or index < self.stage.limit:
            session_plan = plan(self.stage.scenario, index)
            self.leaving.wait(max(0.0, (self.stage.at_ns(session_plan.opens_s) - time.monotonic_ns()) / 1e9))
            opened = Customer.open(self.stage, session_plan) if not self.leaves_early else None
            if opened is not None:
                self.talk(*opened, session_plan)
        raise StopUser

    def talk(self, customer: Customer, seat: Seat, session_plan: SessionPlan) -> None:
        self.takes_part(customer)
        steps = self.acts(customer, seat, session_plan)
        messages = self.says(customer, seat, customer.sends, session_plan.widget_dues_s)
        steps.follow()
        messages.follow()
        self.linger(seat)
        customer.audit(seat)
        customer.leave(seat)
        customer.close_session(seat)

    def acts(self, customer: Customer, seat: Seat, session_plan: SessionPlan) -> Script:
        """All that the plan has for this customer beside what is said."""
        steps: list[tuple[float, Callable[[], object]]] = [
            (session_plan.connects_s, customer.connect),
            (session_plan.escalates_s, partial(self.meanwhile, customer.escalate, seat)),
            *((planned.at_s, partial(strike, customer, planned)) for planned in session_plan.strikes),
        ]
        lines = sorted(((seat.since_ns + round(at_s * 1e9), step) for at_s, step in steps), key=lambda line: line[0])
        return Script(self.leaving, lines, lambda step, _at_ns: step())


class Agent(Player):
    """An agent comes to the desk, takes the sessions that are theirs, and answers in each."""

    weight = 1

    @property
    def silenced(self) -> Event:
        """Not before the end of sending: an agent who is to leave ends their conversations."""
        return self.stage.stopping

    @task
    def shift(self) -> None:
        number = self.stage.claim("agent")
        badge = self.stage.log_in(number) if number < self.stage.scenario.agents else None
        if badge is not None:
            self.over = Event()
            self.to_come = self.stage.sessions_of(number)
            most = self.stage.scenario.sessions_per_agent
            self.places: Any = BoundedSemaphore(most) if most else DummySemaphore()
            self.desk = Desk(self.stage, number, badge, self.notice)
            self.takes_part(self.desk)
            self.desk.connect()
            if not self.stage.target.waiting.event:
                self.meanwhile(self.desk.watch_told if self.stage.tells_waiting else self.desk.watch_list)
            strikes = agent_strikes(self.stage.scenario, number)
            lines = [(self.stage.at_ns(planned.at_s), planned) for planned in strikes]
            Script(self.stage.stopping, lines, lambda planned, _at_ns: strike(self.desk, planned))
            self.stage.over.rawlink(lambda _: self.over.set())
            if self.to_come:
                self.over.wait()
        raise StopUser

    def notice(self, session: str, index: int, handed_over: bool) -> None:
        self.meanwhile(self.attend, session, plan(self.stage.scenario, index), handed_over)

    def attend(self, session: str, session_plan: SessionPlan, handed_over: bool) -> None:
        taken_over = session_plan.hand_over if handed_over else None
        gevent.sleep(taken_over.assume_after_s if taken_over else session_plan.assume_after_s)
        with ExitStack() as place:
            place.enter_context(self.places)
            seat = self.desk.assume(session_plan, session, handed_over)
            if seat is not None:
                for page in self.desk.pages:
                    page.read_history(seat)
                self.desk.enter(seat)
                if self.serve(seat, session_plan, taken_over):
                    place.close()
                self.linger(seat)
                self.desk.leave(seat)
        self.to_come -= 1
        if not self.to_come:
            self.over.set()

    def serve(self, seat: Seat, session_plan: SessionPlan, taken_over: HandOver | None) -> bool:
        """Say what the plan has for this agent. True: then the session was handed over."""
        first, dues_s = 0, session_plan.agent_dues_s
        if taken_over:
            first, dues_s = len(dues_s), taken_over.agent_dues_s
        self.says(self.desk, seat, self.stage.scenario.agent_sends, dues_s, first).follow()
        to_come = session_plan.hand_over if not taken_over else None
        if to_come is None or not self.stage.wait_until(seat.since_ns + round(to_come.at_s * 1e9)):
            return False
        return self.desk.transfer(seat, to_come.agent)

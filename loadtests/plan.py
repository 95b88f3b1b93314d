"""plan(scenario, index) -> SessionPlan: who does what when in one session. Pure, and the same for the same seed.

The widget's times count from the session's opening, the agent's from the assume; absolute ones from the run's start.
Faults have dice of their own, so that the same session says the same at the same times with and without them. They
are over when sending ends: then everybody heals.
"""

import dataclasses
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from loadtests.arrivals import arrives_s
from loadtests.faults import Fault
from loadtests.scenario import Scenario
from loadtests.values import Range


@dataclass(frozen=True, slots=True)
class Strike:
    """One time that a fault happens; `at_s` counts as the fault's does. `way` is of half-open only."""

    fault: Fault
    at_s: float
    for_s: float
    way: str

    @property
    def end_s(self) -> float:
        return self.at_s + self.for_s


@dataclass(frozen=True, slots=True)
class HandOver:
    """The agent gives the session to another one, in the middle of it; whose messages count on from the first one's."""

    at_s: float  # from the assume
    agent: int
    assume_after_s: float  # from that agent's notice of it
    agent_dues_s: tuple[float, ...]  # from that agent's assume


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """Seconds throughout; `*_dues_s` are when messages 0, 1, 2... of that sender are to be sent."""

    index: int
    agent: int
    opens_s: float  # from the run's start
    connects_s: float  # from the opening, as all below but where said
    escalates_s: float
    assume_after_s: float  # from the agent's notice of the escalation
    widget_dues_s: tuple[float, ...]
    agent_dues_s: tuple[float, ...]  # from the assume
    hand_over: HandOver | None
    strikes: tuple[Strike, ...]

    @property
    def of_agents(self) -> int:
        """How many messages agents are to send."""
        return len(self.agent_dues_s) + (len(self.hand_over.agent_dues_s) if self.hand_over else 0)

    @property
    def changes_hands_s(self) -> float:
        """When the hand-over is planned, from the opening; infinite where there is none."""
        return self.escalates_s + self.assume_after_s + (self.hand_over.at_s if self.hand_over else math.inf)


def plan(scenario: Scenario, index: int) -> SessionPlan:
    """The plan of one session, independent of every other session and of who plays it."""
    dice = random.Random(f"{scenario.seed}:session:{index}")
    first_s = scenario.agents / scenario.arrivals_per_s + scenario.settle_s
    opens_s = _ms(first_s + arrives_s(scenario.arrivals, scenario.arrivals_per_s, scenario.widgets, index))
    escalates_s = _draw(dice, scenario.escalate_after_s)
    assume_after_s = _draw(dice, scenario.assume_after_s)
    connects_s = _draw(dice, scenario.connect_after_s)
    talk_s = scenario.run_time_s - opens_s
    if scenario.session_s[1]:
        talk_s = min(talk_s, _draw(dice, scenario.session_s))
    assumed_s = talk_s - escalates_s - assume_after_s
    widget_dues_s = _dues(dice, scenario.widget_first_s, scenario.widget_every_s, talk_s)
    agent_dues_s = _dues(dice, scenario.agent_first_s, scenario.agent_every_s, assumed_s)
    hand_over = _hand_over(dice, scenario, index, assumed_s)
    return SessionPlan(
        index=index,
        agent=index % scenario.agents,
        opens_s=opens_s,
        connects_s=connects_s,
        escalates_s=escalates_s,
        assume_after_s=assume_after_s,
        widget_dues_s=widget_dues_s,
        agent_dues_s=tuple(due_s for due_s in agent_dues_s if hand_over is None or due_s < hand_over.at_s),
        hand_over=hand_over,
        strikes=_strikes(scenario, "widget", index, talk_s),
    )


def agent_strikes(scenario: Scenario, number: int) -> tuple[Strike, ...]:
    """What happens to an agent, from the run's start."""
    return _strikes(scenario, "agent", number, scenario.run_time_s)


def server_strikes(scenario: Scenario) -> tuple[Strike, ...]:
    """What happens to the server, from the run's start: one thing at a time."""
    after_each_other: list[Strike] = []
    for strike in _strikes(scenario, "server", 0, scenario.run_time_s):
        at_s = max(strike.at_s, after_each_other[-1].end_s if after_each_other else 0.0)
        for_s = min(strike.for_s, _ms(scenario.run_time_s - at_s))
        if for_s > 0:
            after_each_other.append(dataclasses.replace(strike, at_s=at_s, for_s=for_s))
    return tuple(after_each_other)


def in_time(scenario: Scenario) -> dict[Fault, bool]:
    """Of the faults that are to hit somebody, whether any does before sending ends."""
    widgets, agents = range(scenario.widgets), range(scenario.agents)
    parties = (("widget", widgets), ("agent", agents), ("server", range(1)))
    drawn = {fault for role, all_ in parties for number in all_ for fault, _ in _drawn(scenario, role, number)}
    strikes = (
        *(plan(scenario, index).strikes for index in widgets),
        *(agent_strikes(scenario, number) for number in agents),
        server_strikes(scenario),
    )
    struck = {strike.fault for each in strikes for strike in each}
    return {fault: fault in struck for fault in scenario.faults if fault in drawn}


def _drawn(scenario: Scenario, role: str, number: int) -> Iterator[tuple[Fault, random.Random]]:
    """The faults that are to hit this one, each with the dice that its times are drawn with."""
    for fault in scenario.faults:
        if fault.hits(role):
            dice = random.Random(f"{scenario.seed}:{fault.name}:{role}:{number}")
            if dice.random() < fault.share:
                yield fault, dice


def _strikes(scenario: Scenario, role: str, number: int, until_s: float) -> tuple[Strike, ...]:
    drawn = _drawn(scenario, role, number)
    found = [strike for fault, dice in drawn for strike in _of_fault(dice, fault, until_s)]
    return tuple(sorted(found, key=lambda strike: strike.at_s))


def _of_fault(dice: random.Random, fault: Fault, until_s: float) -> Iterator[Strike]:
    at_s = _draw(dice, fault.at_s)
    while at_s < until_s:
        for_s = _draw(dice, fault.for_s)
        way = dice.choice(("down", "up", "both")) if fault.way == "any" else fault.way
        yield Strike(fault, at_s, min(for_s, _ms(until_s - at_s)), way)
        if not fault.every_s[1]:
            return
        at_s = _ms(at_s + _draw(dice, fault.every_s))


def _hand_over(dice: random.Random, scenario: Scenario, index: int, until_s: float) -> HandOver | None:
    at_s = _draw(dice, scenario.transfer_after_s) if scenario.transfer_after_s[1] else until_s
    if at_s >= until_s:
        return None
    assume_after_s = _draw(dice, scenario.assume_after_s)
    dues_s = _dues(dice, scenario.agent_first_s, scenario.agent_every_s, until_s - at_s - assume_after_s)
    return HandOver(at_s, (index + 1) % scenario.agents, assume_after_s, dues_s)


def _dues(dice: random.Random, first_s: Range, every_s: Range, until_s: float) -> tuple[float, ...]:
    dues = []
    due_s = _draw(dice, first_s)
    while due_s < until_s:
        dues.append(due_s)
        due_s = _ms(due_s + _draw(dice, every_s))
    return tuple(dues)


def _draw(dice: random.Random, between: Range) -> float:
    return _ms(dice.uniform(*between))


def _ms(seconds: float) -> float:
    return round(seconds, 3)

"""plan(scenario, index) -> SessionPlan: who does what when in one session. Pure, and the same for the same seed.

The widget's times count from the session's opening, the agent's from the assume; absolute ones from the run's start.
"""

import random
from dataclasses import dataclass

from loadtests.scenario import Range, Scenario


@dataclass(frozen=True, slots=True)
class Gap:
    """A planned time without connection, or without server."""

    at_s: float
    for_s: float


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
    drops: tuple[Gap, ...]
    sending_ends_s: float  # from the run's start
    leaves_s: float  # from the run's start, at the latest


def plan(scenario: Scenario, index: int) -> SessionPlan:
    """The plan of one session, independent of every other session and of who plays it."""
    dice = random.Random(f"{scenario.seed}:session:{index}")
    opens_s = _ms(scenario.agents / scenario.arrivals_per_s + scenario.settle_s + index / scenario.arrivals_per_s)
    escalates_s = _draw(dice, scenario.escalate_after_s)
    assume_after_s = _draw(dice, scenario.assume_after_s)
    talk_s = scenario.run_time_s - opens_s
    drops = _drops(dice, scenario, talk_s)  # before the dues, so that a longer run has the same drops
    return SessionPlan(
        index=index,
        agent=index % scenario.agents,
        opens_s=opens_s,
        connects_s=_draw(dice, scenario.connect_after_s),
        escalates_s=escalates_s,
        assume_after_s=assume_after_s,
        widget_dues_s=_dues(dice, scenario.widget_first_s, scenario.widget_every_s, talk_s),
        agent_dues_s=_dues(dice, scenario.agent_first_s, scenario.agent_every_s, talk_s - escalates_s - assume_after_s),
        drops=drops,
        sending_ends_s=scenario.run_time_s,
        leaves_s=scenario.run_time_s + scenario.quiet_phase_s,
    )


def outages(scenario: Scenario) -> tuple[Gap, ...]:
    """When the server is killed and how long it is away, from the run's start."""
    fault = scenario.fault("kill-server")
    if fault is None:
        return ()
    dice = random.Random(f"{scenario.seed}:kill-server")
    return (Gap(_draw(dice, fault.at_s), _draw(dice, fault.for_s)),)


def _drops(dice: random.Random, scenario: Scenario, talk_s: float) -> tuple[Gap, ...]:
    fault = scenario.fault("drop")
    if fault is None:
        return ()
    chosen = dice.random() < fault.share
    gap = Gap(_draw(dice, fault.at_s), _draw(dice, fault.for_s))
    return (gap,) if chosen and gap.at_s < talk_s else ()


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

"""What bare Locust is asked to play, by ENTREGA_* variables and its own options, and which of its users play it."""

import os
from typing import Any

from locust.env import Environment
from locust.user.users import User

from loadtests import scenario as scenarios
from loadtests import target_file as targets
from loadtests.address import CA_VARIABLE, check_url
from loadtests.bad_input import BadInput
from loadtests.defects import check as check_defects
from loadtests.order import allow_files, check_can_play, check_faults, check_plays_without_us, in_ratio
from loadtests.reach import check_answers
from loadtests.scenario import Scenario
from loadtests.swarm.users import Agent, Widget
from loadtests.target import Target

OPEN_END_S = 600.0  # the least of a test that a person or a shape will stop, where nobody said how long it is


def cast(environment: Environment) -> type[User]:
    """Let a subclass take its base's place among the users; the class of the agents. Raises BadInput."""
    classes: list[type[User]] = environment.user_classes
    classes[:] = [each for each in classes if not any(each in other.__mro__[1:] for other in classes)]
    agents = [each for each in classes if issubclass(each, Agent)]
    if len(agents) != 1 or not any(issubclass(each, Widget) for each in classes):
        raise BadInput(
            f"{' and '.join(each.__name__ for each in classes)}: there must be one class of Agent and one or more of "
            "Widget; begin the locustfile with `from loadtests.locustfile import Agent, Widget`, and pick none of them"
        )
    options: Any = environment.parsed_options
    if options.class_picker:
        raise BadInput("--class-picker would leave out widgets or agents, who need each other; start without it")
    return agents[0]


def asked_defects() -> tuple[str, ...]:
    return tuple(name for word in _words("DEFECT") for name in word.split(",") if name)


def asked_play(
    environment: Environment, users: int, spawn_rate: float, run_time_s: float | None, open_end: bool
) -> tuple[Scenario, Target, str]:
    """Scenario, target and address; `users` are both, in the scenario's ratio. Raises BadInput."""
    target = targets.load(os.environ.get("ENTREGA_TARGET", "bundled"))
    name = os.environ.get("ENTREGA_SCENARIO", "steady")
    changes = {**target.client.of_scenario, **dict(map(scenarios.parse_setting, _words("SET")))}
    if "ENTREGA_SEED" in os.environ:
        changes |= [scenarios.parse_setting(f"seed={os.environ['ENTREGA_SEED']}")]
    base = scenarios.load(name, changes)
    run_time_s = run_time_s or (max(base.run_time_s, OPEN_END_S) if open_end else base.run_time_s)
    changes |= in_ratio(base, users)
    scenario = scenarios.load(name, {**changes, "arrivals_per_s": spawn_rate, "run_time_s": float(run_time_s)})
    check_defects(asked_defects(), target)
    check_plays_without_us(scenario)
    check_can_play(scenario, target)
    check_faults(scenario)
    of_class = next((each.host for each in environment.user_classes if each.host), None)
    url = check_url(environment.host or of_class or target.url, tuple(_words("ALLOW_HOST")))
    check_answers(url, ca=os.environ.get(CA_VARIABLE))
    allow_files(users)
    return scenario, target, url


def _words(variable: str) -> list[str]:
    """Of an option that may be given several times: apart by spaces, as the command line takes them."""
    return os.environ.get(f"ENTREGA_{variable}", "").split()

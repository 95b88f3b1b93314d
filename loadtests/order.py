"""What is to be run, checked as far as it can be before anything starts."""

import math
import resource
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtests import scenario as scenarios
from loadtests import target_file as targets
from loadtests.address import check_url
from loadtests.bad_input import BadInput
from loadtests.defects import check as check_defects
from loadtests.machine import cores
from loadtests.plan import in_time, plan
from loadtests.reach import check_answers
from loadtests.scenario import Scenario
from loadtests.target import Target

MOST_OF_A_CORE = 4  # load processes: more of them starve each other before any gets to work
SPARE_FILES = 700  # descriptors of a process beside one a user: the REST pool, files, libraries


@dataclass(frozen=True, slots=True)
class Order:
    """One run. `url` None: the target is started; `defects` with their values, both server.* and widget.*."""

    scenario: Scenario
    target: Target
    url: str | None = None
    defects: tuple[str, ...] = ()
    processes: int = 1
    out: Path | None = None
    allowed_hosts: tuple[str, ...] = ()
    ca: Path | None = None
    locust_options: tuple[str, ...] = ()


def order(
    scenario: str,
    changes: Mapping[str, Any],
    *,
    users: int | None = None,
    defects: Iterable[str] = (),
    target: str = "bundled",
    host: str | None = None,
    allowed_hosts: Iterable[str] = (),
    ca: Path | None = None,
    wait_s: float = 0.0,
    processes: int = 1,
    out: str | Path | None = None,
    locust_options: Iterable[str] = (),
) -> Order:
    """The order in the words of a command; `changes` are scenario fields by dotted name. Raises BadInput.

    Waits up to `wait_s` for a server that is not started here and does not answer yet.
    """
    described = targets.load(target)
    check_defects(tuple(defects), described)
    url = check_url(host or described.url, tuple(allowed_hosts)) if host or described.start is None else None
    if url is not None and any(defect.startswith("server.") for defect in defects):
        raise BadInput(
            "a server's defect needs a server that the run starts; leave out -H, or start it with the defect"
        )
    most = MOST_OF_A_CORE * math.ceil(cores())
    if not 1 <= processes <= most:
        raise BadInput(f"--processes takes a whole number from 1 to {most} here, {MOST_OF_A_CORE} a core")
    wanted = scenarios.load(scenario, _in_ratio(scenario, {**described.client.of_scenario, **changes}, users))
    _check(wanted)
    check_can_play(wanted, described)
    if url is not None:
        check_plays_without_us(wanted)
        check_answers(url, wait_s, ca)
    return Order(
        scenario=wanted,
        target=described,
        url=url,
        defects=tuple(defects),
        processes=processes,
        out=Path(out) if out else None,
        allowed_hosts=tuple(allowed_hosts),
        ca=ca,
        locust_options=tuple(locust_options),
    )


def _in_ratio(scenario: str, changes: Mapping[str, Any], users: int | None) -> dict[str, Any]:
    """-u counts both: widgets and agents in the scenario's ratio, at least one of each."""
    if users is None:
        return dict(changes)
    if {"widgets", "agents"} & changes.keys():
        raise BadInput("-u says how many widgets and agents there are together, others how many of each; leave one out")
    if users < 2:
        raise BadInput("-u counts widgets and agents together; it must be at least 2")
    base = scenarios.load(scenario, changes)
    return {**changes, **in_ratio(base, users)}


def in_ratio(scenario: Scenario, users: int) -> dict[str, int]:
    """How many widgets and agents so many users are, at least one of each."""
    agents = round(users * scenario.agents / (scenario.agents + scenario.widgets))
    agents = max(1, min(agents, users - 1))
    return {"widgets": max(1, users - agents), "agents": agents}


def _check(scenario: Scenario) -> None:
    last_s = plan(scenario, scenario.widgets - 1).opens_s
    if last_s >= scenario.run_time_s:
        raise BadInput(
            f"at {scenario.arrivals_per_s:g} arrivals a second the last session would open after {last_s:.1f} s, "
            f"but sending ends after {scenario.run_time_s:g} s; raise -r or -t"
        )
    check_faults(scenario)
    allow_files(scenario.widgets + scenario.agents)


def check_faults(scenario: Scenario) -> None:
    """Raise BadInput where one would happen to nobody for want of time: nothing would be tested, and all would pass.

    Of those that come again and again, a mixture for long runs, some may.
    """
    happens = in_time(scenario) if scenario.faults else {}
    for fault, does in happens.items():
        if not does and (not fault.every_s[1] or not any(happens.values())):
            since = "the run's start" if fault.hits("server") or fault.hits("agent") else "a session's opening"
            raise BadInput(
                f"the fault {fault.name} would hit nobody: it comes {fault.at_s[0]:g} s after {since} at the earliest, "
                f"and sending ends after {scenario.run_time_s:g} s; raise -t, or set faults.{fault.name}.at_s"
            )


def check_plays_without_us(scenario: Scenario) -> None:
    """Raise BadInput for a scenario that hurts the server, where the run has not started it."""
    for fault in scenario.faults:
        if fault.hits("server"):
            raise BadInput(f"the fault {fault.name} needs a server that the run starts; leave out -H, or the fault")


def check_can_play(scenario: Scenario, target: Target) -> None:
    """Raise BadInput for a scenario that asks of the server what the target does not describe."""
    waiting = target.waiting
    told = target.transfer.path and (waiting.agent or not waiting.path) and (waiting.event_agent or not waiting.event)
    if scenario.transfer_after_s[1] and not (told and (waiting.path or waiting.event)):
        raise BadInput(
            f"the target {target.name} has no way to hand a session over; give [transfer] path and [waiting] agent and "
            "event_agent, or leave out transfer_after_s"
        )
    if target.escalate.event and scenario.connect_after_s[1] > scenario.escalate_after_s[0]:
        raise BadInput(
            f"the target {target.name} asks for a human by an event, which takes a connection, and in {scenario.name} "
            f"widgets connect up to {scenario.connect_after_s[1]:g} s after the opening and ask after "
            f"{scenario.escalate_after_s[0]:g} s; set connect_after_s or escalate_after_s so that they connect first"
        )


def allow_files(users: int) -> None:
    """Raise the soft limit of file descriptors to what so many users need. Raises BadInput at the hard one."""
    needed = users + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise BadInput(
            f"so many users need {needed} file descriptors and {hard} are allowed; "
            f"raise it with `ulimit -Hn {needed}`, or ask for fewer users"
        )
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))

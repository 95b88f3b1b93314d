"""What run.json says of a run before it begins and once it has begun. It looks at the machine, the versions and git."""

import dataclasses
import os
import platform
import secrets
import subprocess
import time
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from loadtests.events import FORMAT
from loadtests.machine import cores
from loadtests.plan import Strike, agent_strikes, plan, server_strikes
from loadtests.scenario import Scenario
from loadtests.target import Target

SAID = ("entrega", "locust", "python-socketio", "python-engineio", "gevent", "duckdb")


def describe(scenario: Scenario, target: Target, url: str, workers: int) -> dict[str, Any]:
    """run.json of a run that has not begun: `t0_ns` and `end` are still null."""
    plans = [plan(scenario, index) for index in range(scenario.widgets)]
    messages = sum(len(each.widget_dues_s) + each.of_agents for each in plans)
    return {
        "format": FORMAT,
        "run": secrets.token_hex(4),
        "scenario": scenario.table(),
        "target": dataclasses.asdict(target),
        "url": url,
        "seed": scenario.seed,
        "planned": {"widgets": scenario.widgets, "agents": scenario.agents, "messages": messages},
        "horizon_s": scenario.horizon_s,
        "late_after_s": scenario.late_after_s,
        "warm_up_s": scenario.warm_up_s,
        "workers": workers,
        "t0_ns": None,
        "fault_windows": [],
        "clocks": [],
        "end": {"state": None, "reason": None},
        "git_commit": _git_commit(),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in SAID}},
        "machine": {
            "system": platform.platform(),
            "cores": cores(),
            "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        },
    }


def begun(scenario: Scenario, t0_ns: int) -> dict[str, Any]:
    """What run.json learns when the run begins: its start, and the plan's fault windows in monotonic ns."""
    windows = []
    for index in range(scenario.widgets):
        session = plan(scenario, index)
        windows += _windows(f"widget-{index}", t0_ns + round(session.opens_s * 1e9), session.strikes)
    for number in range(scenario.agents):
        windows += _windows(f"agent-{number}", t0_ns, agent_strikes(scenario, number))
    windows += _windows(None, t0_ns, server_strikes(scenario))
    return {"t0_ns": t0_ns, "fault_windows": windows, "clocks": [clock("start")]}


def clock(process: str) -> dict[str, Any]:
    """One (monotonic, UTC) pair, so that UTC can be shown for every event."""
    return {"process": process, "monotonic_ns": time.monotonic_ns(), "utc": datetime.now(UTC).isoformat()}


def _windows(party: str | None, from_ns: int, strikes: tuple[Strike, ...]) -> list[dict[str, Any]]:
    return [
        {
            "name": strike.fault.name,
            "party": party,
            "start_ns": from_ns + round(strike.at_s * 1e9),
            "end_ns": from_ns + round(strike.end_s * 1e9),
            **({"way": strike.way} if strike.fault.name == "half-open" else {}),
        }
        for strike in strikes
    ]


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    try:
        found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None

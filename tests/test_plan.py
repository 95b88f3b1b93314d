"""A session's plan is the same for the same seed and index, whoever plays it, and keeps what its scenario promises."""

import dataclasses
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests import run_info
from loadtests.plan import SessionPlan, outages, plan
from loadtests.scenario import Scenario, load
from loadtests.target import load as load_target
from reports.confusion import KILL_SERVER, SHORT_DROP, SMALL

ROOT = Path(__file__).resolve().parent.parent
SEEDS = st.integers(0, 2**40)
INDICES = st.integers(0, 10**6)
ROUNDED_S = 0.001


def played(name: str, **changes: object) -> Scenario:
    """Long and slow to begin with, so that every index has its session and its messages."""
    return load(name, {"run_time_s": 60.0, "arrivals_per_s": 1e5, **changes})


def first_agent_due_s(session: SessionPlan) -> float:
    """From the opening, when everybody is as quick as planned."""
    return session.escalates_s + session.assume_after_s + session.agent_dues_s[0]


@pytest.mark.parametrize("name", ["steady", "early-reply", "short-drop"])
@given(seed=SEEDS, index=INDICES)
def test_the_same_again(name: str, seed: int, index: int) -> None:
    scenario = played(name, seed=seed)
    state = random.getstate()
    first = plan(scenario, index)
    assert random.getstate() == state  # nobody else's randomness is spent
    plan(scenario, index + 1)
    random.seed(index)
    assert repr(plan(scenario, index)) == repr(first)


def test_the_same_in_another_process() -> None:
    """Byte for byte, whatever seed Python's own hash() has there."""
    told = "from loadtests.scenario import load; from loadtests.plan import plan; print(plan(load('short-drop'), 3))"
    said = {
        subprocess.run(
            [sys.executable, "-c", told],
            env={"PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert said == {f"{plan(load('short-drop'), 3)}\n"}


@given(index=st.integers(0, 500), widgets=st.integers(1, 500), run_time_s=st.floats(10, 100))
def test_a_session_begins_the_same_in_a_longer_or_larger_run(index: int, widgets: int, run_time_s: float) -> None:
    base = load("short-drop", {"arrivals_per_s": 1e5})
    other = plan(dataclasses.replace(base, widgets=widgets, run_time_s=run_time_s), index)
    whole = plan(dataclasses.replace(base, run_time_s=200.0), index)
    for field in dataclasses.fields(SessionPlan):
        ours, theirs = getattr(other, field.name), getattr(whole, field.name)
        if field.name in ("widget_dues_s", "drops"):
            assert ours == theirs[: len(ours)]
        elif field.name not in ("agent_dues_s", "sending_ends_s", "leaves_s"):
            assert ours == theirs


@given(seed=SEEDS, index=INDICES)
def test_sessions_and_seeds_differ(seed: int, index: int) -> None:
    one = played("steady", seed=seed)
    assert plan(one, index).agent_dues_s != plan(one, index + 1).agent_dues_s
    assert plan(one, index).agent_dues_s != plan(dataclasses.replace(one, seed=seed + 1), index).agent_dues_s


@given(seed=SEEDS, index=INDICES)
def test_steady_leaves_two_seconds_after_the_assume(seed: int, index: int) -> None:
    session = plan(played("steady", seed=seed), index)
    assumed_s = session.escalates_s + session.assume_after_s
    assert min(session.agent_dues_s) >= 2
    assert min(session.widget_dues_s) - assumed_s >= 2 - ROUNDED_S
    assert session.connects_s < assumed_s


@given(seed=SEEDS, index=INDICES)
def test_early_reply_joins_within_two_seconds_of_the_reply(seed: int, index: int) -> None:
    session = plan(played("early-reply", seed=seed), index)
    assert -2 <= session.connects_s - first_agent_due_s(session) <= 2
    assert min(session.widget_dues_s) > session.connects_s


def test_early_reply_joins_on_both_sides_of_the_reply() -> None:
    sessions = [plan(played("early-reply"), index) for index in range(200)]
    late = sum(session.connects_s > first_agent_due_s(session) for session in sessions)
    assert 60 < late < 140


@given(seed=SEEDS, index=INDICES)
def test_short_drop_is_away_for_half_a_second_to_five(seed: int, index: int) -> None:
    session = plan(played("short-drop", seed=seed), index)
    (drop,) = session.drops
    assert 0.5 <= drop.for_s <= 5
    assert session.connects_s < drop.at_s < session.sending_ends_s - session.opens_s


def test_a_share_of_widgets_is_dropped() -> None:
    scenario = played("short-drop", **{"faults.drop.share": 0.25})
    assert 50 <= sum(bool(plan(scenario, index).drops) for index in range(300)) <= 100


@given(seed=SEEDS, index=INDICES)
def test_dues_ascend_and_end_with_the_sending(seed: int, index: int) -> None:
    session = plan(played("steady", seed=seed), index)
    for dues, until_s in (
        (session.widget_dues_s, session.sending_ends_s - session.opens_s),
        (session.agent_dues_s, session.sending_ends_s - session.opens_s - session.escalates_s - session.assume_after_s),
    ):
        assert list(dues) == sorted(set(dues))
        assert dues[-1] < until_s
        assert all(round(due, 3) == due for due in dues)


def test_a_session_that_opens_after_the_end_says_nothing() -> None:
    late = plan(load("steady", SMALL), 10_000)
    assert late.widget_dues_s == late.agent_dues_s == late.drops == ()


@given(seed=SEEDS)
def test_the_server_is_away_once_and_as_planned(seed: int) -> None:
    scenario = load("steady", {**SMALL, "faults.kill-server.at_s": [4, 6], "faults.kill-server.for_s": [0.5, 1]})
    (outage,) = outages(dataclasses.replace(scenario, seed=seed))
    assert 4 <= outage.at_s <= 6
    assert 0.5 <= outage.for_s <= 1
    assert outages(load("steady")) == ()


def test_agents_share_the_sessions() -> None:
    scenario = load("steady", {"agents": 3})
    assert [plan(scenario, index).agent for index in range(7)] == [0, 1, 2, 0, 1, 2, 0]


def test_run_json_holds_what_is_planned() -> None:
    scenario = load("short-drop", {**SMALL, **SHORT_DROP, **KILL_SERVER})
    info = run_info.describe(scenario, load_target("bundled"), "", 2)
    plans = [plan(scenario, index) for index in range(scenario.widgets)]
    messages = sum(len(each.widget_dues_s) + len(each.agent_dues_s) for each in plans)
    assert info["planned"] == {"widgets": 8, "agents": 2, "messages": messages}
    assert info["workers"] == 2
    windows = run_info.begun(scenario, 1_000)["fault_windows"]
    assert [window["party"] for window in windows] == [*(f"widget-{index}" for index in range(8)), None]
    for each, window in zip(plans, windows[:-1], strict=True):
        assert window["start_ns"] == 1_000 + round((each.opens_s + each.drops[0].at_s) * 1e9)
        assert window["end_ns"] - window["start_ns"] == round(each.drops[0].for_s * 1e9)


def test_the_quiet_phase_covers_the_horizon() -> None:
    for name in ("steady", "early-reply", "short-drop"):
        scenario = load(name)
        assert scenario.horizon_s == 5 + 4 + 5 + 3 + 3 + 2
        assert scenario.quiet_phase_s >= scenario.horizon_s
        session = plan(scenario, 0)
        assert session.leaves_s == session.sending_ends_s + scenario.quiet_phase_s

"""A session's plan is the same for the same seed and index, whoever plays it, and keeps what its scenario promises."""

import dataclasses
import itertools
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests import run_info
from loadtests.arrivals import SHAPES, arrives_s
from loadtests.plan import SessionPlan, agent_strikes, plan, server_strikes
from loadtests.scenario import Scenario, load, shipped
from loadtests.target_file import load as load_target
from reports.confusion import SMALL, TIMES

KILL_SERVER = {"faults.kill-server.at_s": 5.0, "faults.kill-server.for_s": 0.5}

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


@pytest.mark.parametrize("name", shipped())
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
    told = "from loadtests.scenario import load; from loadtests.plan import plan; print(plan(load('bad-day'), 3))"
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
    assert said == {f"{plan(load('bad-day'), 3)}\n"}


@given(index=st.integers(0, 500), more=st.integers(1, 500), run_time_s=st.floats(10, 100))
def test_a_session_begins_the_same_in_a_longer_or_larger_run(index: int, more: int, run_time_s: float) -> None:
    base = load("short-drop", {"arrivals_per_s": 1e5})
    other = plan(dataclasses.replace(base, widgets=index + more, run_time_s=run_time_s), index)
    whole = plan(dataclasses.replace(base, widgets=2000, run_time_s=200.0), index)
    for field in dataclasses.fields(SessionPlan):
        ours, theirs = getattr(other, field.name), getattr(whole, field.name)
        if field.name == "widget_dues_s":
            assert ours == theirs[: len(ours)]
        elif field.name == "strikes":  # the last may be cut short by the end of sending
            assert [strike.at_s for strike in ours] == [strike.at_s for strike in theirs[: len(ours)]]
            assert ours[:-1] == theirs[: len(ours)][:-1]
        elif field.name != "agent_dues_s":
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
    scenario = played("short-drop", seed=seed)
    session = plan(scenario, index)
    (drop,) = session.strikes
    assert drop.fault.name == "drop"
    assert 0.5 <= drop.for_s <= 5
    assert session.connects_s < drop.at_s < scenario.run_time_s - session.opens_s


def test_a_share_of_widgets_is_dropped() -> None:
    scenario = played("short-drop", **{"faults.drop.share": 0.25})
    assert 50 <= sum(bool(plan(scenario, index).strikes) for index in range(300)) <= 100


@given(seed=SEEDS, index=INDICES)
def test_dues_ascend_and_end_with_the_sending(seed: int, index: int) -> None:
    scenario = played("steady", seed=seed)
    session = plan(scenario, index)
    talk_s = scenario.run_time_s - session.opens_s
    for dues, until_s in (
        (session.widget_dues_s, talk_s),
        (session.agent_dues_s, talk_s - session.escalates_s - session.assume_after_s),
    ):
        assert list(dues) == sorted(set(dues))
        assert dues[-1] < until_s
        assert all(round(due, 3) == due for due in dues)


def test_a_session_that_opens_after_the_end_says_nothing() -> None:
    late = plan(load("steady", {**SMALL, "widgets": 10_001}), 10_000)
    assert late.widget_dues_s == late.agent_dues_s == late.strikes == ()


@given(seed=SEEDS)
def test_the_server_is_away_once_and_as_planned(seed: int) -> None:
    scenario = load("steady", {**SMALL, "faults.kill-server.at_s": [4, 6], "faults.kill-server.for_s": [0.5, 1]})
    (outage,) = server_strikes(dataclasses.replace(scenario, seed=seed))
    assert 4 <= outage.at_s <= 6
    assert 0.5 <= outage.for_s <= 1
    assert server_strikes(load("steady")) == ()


@given(seed=SEEDS)
def test_the_server_is_struck_by_one_thing_after_the_other(seed: int) -> None:
    each = {"at_s": [1, 5], "for_s": [0.5, 5], "every_s": [6, 9]}
    names = ("kill-server", "stop-server", "stall-server")
    scenario = load("steady", {"seed": seed, **{f"faults.{name}": each for name in names}})
    strikes = server_strikes(scenario)
    assert {strike.fault.name for strike in strikes} == set(names)
    assert all(first.end_s <= second.at_s for first, second in itertools.pairwise(strikes))
    assert all(strike.for_s > 0 and strike.end_s <= scenario.run_time_s + ROUNDED_S for strike in strikes)


@pytest.mark.parametrize("name", shipped())
@given(seed=SEEDS, index=INDICES)
def test_all_is_healed_when_sending_ends(name: str, seed: int, index: int) -> None:
    scenario = played(name, seed=seed, agents=3)
    session = plan(scenario, index)
    until_s = scenario.run_time_s - session.opens_s
    assert all(strike.at_s < until_s and strike.end_s <= until_s + ROUNDED_S for strike in session.strikes)
    for strikes in (session.strikes, agent_strikes(scenario, index % 3)):
        assert [strike.at_s for strike in strikes] == sorted(strike.at_s for strike in strikes)
        assert all(strike.fault.at_s[0] <= strike.at_s for strike in strikes)
        assert all(strike.for_s <= strike.fault.for_s[1] for strike in strikes)


@given(seed=SEEDS, index=INDICES)
def test_the_same_is_said_at_the_same_times_with_faults_and_without(seed: int, index: int) -> None:
    rough = plan(played("bad-day", seed=seed), index)
    for fields in ("widget_dues_s", "agent_dues_s", "opens_s", "connects_s"):
        calm = plan(dataclasses.replace(played("bad-day", seed=seed), faults=()), index)
        assert getattr(rough, fields) == getattr(calm, fields)


def test_a_fault_is_repeated_and_takes_turns_among_its_ways() -> None:
    often = {"at_s": 2, "for_s": [1, 2], "every_s": [3, 4], "way": "any"}
    strikes = plan(played("steady", **{"faults.half-open": often}), 0).strikes
    assert 13 <= len(strikes) <= 20
    assert {strike.way for strike in strikes} == {"up", "down", "both"}
    assert all(first.end_s < second.at_s for first, second in itertools.pairwise(strikes))


def test_who_is_struck_is_said() -> None:
    for who, widgets, agents in (("widget", 1, 0), ("agent", 0, 1), ("both", 1, 1)):
        scenario = played("reload", **{"faults.reload.who": who})
        assert (len(plan(scenario, 0).strikes), len(agent_strikes(scenario, 0))) == (widgets, agents)


@pytest.mark.parametrize("shape", SHAPES)
@given(sessions=st.integers(1, 300), per_s=st.floats(0.1, 100))
def test_arrivals_keep_their_number_and_their_time(shape: str, sessions: int, per_s: float) -> None:
    """In whatever shape: as many as planned in as long as planned, none before Locust has started its user."""
    times = [arrives_s(shape, per_s, sessions, index) for index in range(sessions)]
    assert times == sorted(times)
    assert all(index / per_s <= time_s + 1e-6 < sessions / per_s + 2e-6 for index, time_s in enumerate(times))
    assert arrives_s(shape, per_s, sessions, sessions) == 0  # one more than planned, asked for at the web UI


def test_arrivals_have_the_shape_that_is_said() -> None:
    def within(shape: str, from_s: float, to_s: float) -> int:
        return sum(from_s <= arrives_s(shape, 10, 1000, index) < to_s for index in range(1000))

    assert [within("constant", at_s, at_s + 25) for at_s in (0, 25, 50, 75)] == [250] * 4
    assert [within("ramp", at_s, at_s + 25) for at_s in (0, 25, 50, 75)] == [63, 187, 313, 437]
    assert [within("steps", at_s, at_s + 25) for at_s in (0, 25, 50, 75)] == [100, 200, 300, 400]
    assert [within("spike", 0, 95), within("spike", 95, 100)] == [500, 500]


@given(seed=SEEDS, index=INDICES)
def test_a_session_is_handed_over_to_another_agent_who_goes_on(seed: int, index: int) -> None:
    scenario = played("transfer", seed=seed, agents=3)
    session = plan(scenario, index)
    kept = plan(dataclasses.replace(scenario, transfer_after_s=(0.0, 0.0)), index)
    assert session.hand_over is not None
    assert kept.hand_over is None
    assert session.hand_over.agent != session.agent
    assert 5 <= session.hand_over.at_s <= 8
    assert session.agent_dues_s == tuple(due_s for due_s in kept.agent_dues_s if due_s < session.hand_over.at_s)
    assert session.widget_dues_s == kept.widget_dues_s
    assert session.of_agents == len(session.agent_dues_s) + len(session.hand_over.agent_dues_s)
    began_s = session.opens_s + session.changes_hands_s + session.hand_over.assume_after_s
    assert began_s + session.hand_over.agent_dues_s[-1] < scenario.run_time_s + ROUNDED_S


@given(seed=SEEDS, index=INDICES)
def test_a_session_that_is_to_end_says_nothing_later(seed: int, index: int) -> None:
    session = plan(played("bad-day", seed=seed, session_s=[10, 20]), index)
    assert max(session.widget_dues_s) < 20
    assert session.escalates_s + session.assume_after_s + max(session.agent_dues_s) < 20
    assert all(strike.end_s <= 20 + ROUNDED_S for strike in session.strikes)


def test_agents_share_the_sessions() -> None:
    scenario = load("steady", {"agents": 3})
    assert [plan(scenario, index).agent for index in range(7)] == [0, 1, 2, 0, 1, 2, 0]


def test_run_json_holds_what_is_planned() -> None:
    scenario = load("short-drop", {**SMALL, **TIMES["short-drop"], **KILL_SERVER})
    info = run_info.describe(scenario, load_target("bundled"), "", 2)
    plans = [plan(scenario, index) for index in range(scenario.widgets)]
    messages = sum(len(each.widget_dues_s) + len(each.agent_dues_s) for each in plans)
    assert info["planned"] == {"widgets": 8, "agents": 2, "messages": messages}
    assert info["workers"] == 2
    windows = run_info.begun(scenario, 1_000)["fault_windows"]
    assert [window["party"] for window in windows] == [*(f"widget-{index}" for index in range(8)), None]
    for each, window in zip(plans, windows[:-1], strict=True):
        (drop,) = each.strikes
        assert window["start_ns"] == pytest.approx(1_000 + (each.opens_s + drop.at_s) * 1e9, abs=10)
        assert window["end_ns"] - window["start_ns"] == pytest.approx(drop.for_s * 1e9, abs=10)


def test_run_json_holds_what_happens_to_agents() -> None:
    scenario = load("reload", SMALL)
    windows = run_info.begun(scenario, 0)["fault_windows"]
    agents = [window for window in windows if window["party"].startswith("agent")]
    strikes = [strike for number in range(scenario.agents) for strike in agent_strikes(scenario, number)]
    assert [window["start_ns"] for window in agents] == [round(strike.at_s * 1e9) for strike in strikes]


def test_the_quiet_phase_covers_the_horizon() -> None:
    for name in shipped():
        scenario = load(name)
        assert scenario.horizon_s == 5 + 4 + 5 + 3 + 3 + 2
        assert scenario.quiet_phase_s >= scenario.horizon_s

"""Fail beats unknown beats pass, and a pass says what it rests on."""

from dataclasses import replace
from typing import Any

import pytest

from reports.goals import MEASURES, GoalsError, check_goals, load_goals
from reports.summary import Summary
from reports.verdict import judge
from tests.small_ledger import T0_NS, SmallLedger, healthy_rig, lost, message


def healthy(sessions: int = 60, **changes: Any) -> Summary:
    return replace(SmallLedger([message(f"{index}.a.0") for index in range(sessions)]).summary, **changes)


def lossy(hit: int, sessions: int = 60, **info: Any) -> Summary:
    rows = [lost(f"{index}.a.0") if index < hit else message(f"{index}.a.0") for index in range(sessions)]
    return SmallLedger(rows, **info).summary


def test_nothing_lost_in_sixty_sessions_passes_and_says_what_may_be_hidden() -> None:
    verdict = judge(healthy(), {})
    assert verdict.verdict == "pass"
    assert verdict.reasons == (
        "permanent_loss, duplicates, reorders, leaks, phantoms, unexpected and unexplained: none in 60 sessions, which "
        "means below 4.9 % of sessions and 4.9 % of messages at 95 %.",
    )


def test_nothing_lost_in_a_dozen_sessions_is_unknown() -> None:
    verdict = judge(healthy(12), {})
    assert verdict.verdict == "unknown"
    assert (
        "12 judged sessions only; 30 are needed, which leaves up to 22.1 % of sessions possible" in verdict.reasons[0]
    )


def test_one_loss_fails_even_where_rig_and_run_are_not_to_be_trusted() -> None:
    summary = lossy(1, end={"state": "interrupted", "reason": "SIGINT"}, workers=2)
    verdict = judge(summary, {})
    assert verdict.verdict == "fail"
    assert verdict.reasons[0].startswith("permanent_loss: 1.7 %, 1 of 60 messages (")
    assert any("interrupted (SIGINT)" in reason for reason in verdict.reasons)


@pytest.mark.parametrize("counter", ["duplicates", "reorders", "leaks", "phantoms", "unexpected", "unexplained"])
def test_every_counter_is_held_to_zero_unless_said_otherwise(counter: str) -> None:
    summary = healthy(**{counter: 2})
    assert judge(summary, {}).reasons == (f"{counter}: 2, at most 0 allowed.",)
    assert judge(summary, {counter: {"max": 2}}).verdict == "pass"
    assert judge(summary, {counter: {"max": float("inf")}}).verdict == "pass"


def test_messages_that_nobody_was_there_to_see_are_no_pass_unless_a_goal_says_so() -> None:
    """As where every hand-over is lost: what is left to judge was shown, all of it."""
    nobodys = [message(f"{index}.w.1", None, recipient=None, reason="never_assumed") for index in range(38)]
    summary = SmallLedger([*(message(f"{index}.a.0") for index in range(60)), *nobodys]).summary
    verdict = judge(summary, {})
    assert verdict.verdict == "unknown"
    assert verdict.reasons[0].startswith("38 accepted messages had nobody to be shown to")
    assert summary.headline.endswith("all shown as they were sent; 38 more to nobody, since no agent took the session")
    assert judge(summary, {"never_assumed": {"max": 37}}).verdict == "fail"
    assert judge(summary, {"never_assumed": {"max": 38}}).verdict == "pass"
    assert judge(summary, {"never_assumed": {"max": float("inf")}}).verdict == "pass"


def test_what_was_not_measured_is_unknown_never_zero() -> None:
    verdict = judge(healthy(leaks=None), {})
    assert verdict.verdict == "unknown"
    assert verdict.reasons[0].startswith("leaks: not measured")
    assert judge(healthy(leaks=None), {"leaks": {"max": float("inf")}}).verdict == "pass"


def test_loss_is_no_default_goal_where_the_target_promises_no_history() -> None:
    summary = lossy(5, target={"promises": {"ack": True, "history": False, "order": True}})
    assert judge(summary, {}).verdict == "pass"
    assert judge(summary, {"permanent_loss": {"max": 0}}).verdict == "fail"


@pytest.mark.parametrize(("lacks", "goal"), [("order", "reorders"), ("history", "phantoms")])
def test_what_a_target_does_not_promise_keeps_no_run_from_passing(lacks: str, goal: str) -> None:
    promises = {"ack": True, "history": True, "order": True, lacks: False}
    summary = healthy(promises=promises, **{goal: None})
    assert judge(summary, {}).verdict == "pass"
    assert judge(summary, {goal: {"max": 0}}).reasons[0].startswith(f"{goal}: not measured")


@pytest.mark.parametrize(("hit", "verdict"), [(0, "pass"), (1, "pass"), (6, "unknown"), (30, "fail")])
def test_a_limit_above_zero_is_judged_by_the_interval(hit: int, verdict: str) -> None:
    assert judge(lossy(hit), {"permanent_loss": {"max": 0.1}}).verdict == verdict


def test_a_fault_that_hit_all_sessions_leaves_no_interval_and_no_promise_that_more_of_them_settle_it() -> None:
    windows = [{"name": "kill-server", "party": None, "start_ns": T0_NS, "end_ns": T0_NS + 10**9}]
    assert judge(lossy(6, fault_windows=windows), {"permanent_loss": {"max": 0.1}}).reasons == (
        "permanent_loss: 10 %, 6 of 60 messages (no 95 % interval: a fault hit all sessions at once, so that together "
        "they are one case); that does not settle the limit of 10 %, and no single run can.",
    )


def test_an_invalid_rig_or_an_unfinished_run_passes_nothing() -> None:
    rows = [message(f"{index}.a.0") for index in range(60)]
    starved = SmallLedger(rows, healthy_rig(cpu=0.99)).summary
    assert judge(starved, {}).verdict == "unknown"
    assert "wanted more than 85 % of a core" in judge(starved, {}).reasons[0]
    cut = SmallLedger(rows, end={"state": None, "reason": None}).summary
    assert judge(cut, {}).reasons == ("The run was cut off: what it would have shown later is not known.",)


def test_nothing_sent_or_nothing_accepted_is_unknown() -> None:
    why = "; `entrega probe` shows step by step why."
    assert f"Nothing was sent, so nothing was tested{why}" in judge(SmallLedger([]).summary, {}).reasons
    refused = [message(f"{n}.a.0", None, sender_view="refused", accepted_ns=None) for n in range(60)]
    verdict = judge(SmallLedger(refused).summary, {"live_miss": {"max": 0.1}})
    assert f"None of 60 sent messages was accepted by the server{why}" in verdict.reasons
    assert "live_miss: nothing was judged, so there is no rate." in verdict.reasons


def test_what_was_accepted_while_no_agent_took_a_session_is_unknown() -> None:
    alone = [message(f"{n}.w.0", None, owed=False) for n in range(60)]
    (reason,) = (each for each in judge(SmallLedger(alone).summary, {}).reasons if "accepted" in each)
    assert reason == (
        "What was accepted is owed to nobody: no agent took a session; `entrega probe` shows step by step why."
    )


def test_latency_needs_samples_and_a_rig_that_can_vouch_for_it() -> None:
    goals = {"latency_ms.p95": {"max": 500}}
    assert judge(healthy(60), goals).reasons == ("latency_ms.p95: not known: it takes 200 samples, there are 60.",)
    assert judge(healthy(200), goals).verdict == "pass"
    assert judge(healthy(200), {"latency_ms.p95": {"max": 10}}).verdict == "fail"
    unwatched = SmallLedger([message(f"{n}.a.0") for n in range(200)], healthy_rig()[-1:]).summary
    assert judge(unwatched, goals).verdict == "unknown"
    never = judge(lossy(100, 300), {"permanent_loss": {"max": 1}, **goals})
    assert (never.verdict, never.reasons) == (
        "fail",
        ("latency_ms.p95: never: 100 of 300 messages were not shown at all, at most 500 ms allowed.",),
    )


def test_a_baseline_fails_what_is_worse_beyond_chance() -> None:
    free = {"permanent_loss": {"max": 1}}
    assert judge(lossy(30), free, against=lossy(3)).verdict == "fail"
    assert judge(lossy(3), free, against=lossy(2)).verdict == "pass"
    assert judge(lossy(3), free, against=lossy(30)).verdict == "pass"
    other = replace(lossy(2), scenario="steady")
    assert "The baseline played steady" in judge(lossy(3), free, against=other).reasons[0]


def planned_misses(more: int, **info: Any) -> Summary:
    """Sixty sessions of ten messages; in every third the plan has five of them missed, and in `more` others one is."""
    missed = {f"{session}.a.{n}" for session in range(0, 60, 3) for n in range(5)}
    missed |= {f"{session}.a.9" for session in range(1, 1 + 3 * more, 3)}
    keys = [f"{session}.a.{n}" for session in range(60) for n in range(10)]
    return SmallLedger([message(key, "recovered" if key in missed else "live") for key in keys], **info).summary


def against(now: Summary, before: Summary) -> tuple[str, str]:
    """What live_miss is found to be beside the baseline's."""
    found = next(each for each in judge(now, {}, before).judgements if each.goal == "against.live_miss")
    return found.verdict, found.reason


def test_runs_of_one_plan_are_compared_session_by_session() -> None:
    verdict, reason = against(planned_misses(8), planned_misses(0))
    assert verdict == "fail"
    assert "18 % against the baseline's 16.7 % in the same sessions: worse by 0." in reason
    assert against(planned_misses(0), planned_misses(8))[0] == "pass"
    assert against(planned_misses(2), planned_misses(0))[0] == "pass"  # two sessions may be bad luck
    for other_plan in ({"seed": 8}, {"planned": {"widgets": 9, "agents": 1, "messages": 1}}):
        verdict, reason = against(planned_misses(8), planned_misses(0, **other_plan))
        assert (verdict, "in the same sessions" in reason) == ("pass", False)


def test_pairs_that_saw_nothing_leave_as_much_possible_as_sessions_that_did() -> None:
    assert against(healthy(60), healthy(60)) == (
        "pass",
        "0 % against the baseline's 0 % in the same sessions: not worse beyond chance, which leaves up to 4.9 % "
        "possible at 95 %.",
    )


def test_what_could_not_be_judged_makes_nothing_worse() -> None:
    """Half of what this run sent is unjudged: were it left out, its misses would be twice the share."""
    keys = [f"{session}.a.{n}" for session in range(60) for n in range(10)]
    rows = [message(key, "recovered" if key[-1] == "0" else "unjudged" if key[-1] > "4" else "live") for key in keys]
    before = [message(key, "recovered" if key[-1] == "0" else "live") for key in keys]
    assert against(SmallLedger(rows).summary, SmallLedger(before).summary)[0] == "pass"
    assert against(SmallLedger(before).summary, SmallLedger(rows).summary)[0] == "pass"


def test_a_comparison_that_rests_on_too_little_is_unknown_and_says_on_what() -> None:
    assert against(healthy(12), healthy(60)) == (
        "unknown",
        "0 % against the baseline's 0 %: not worse beyond chance, but of 12 judged sessions only; 30 are needed.",
    )
    restart = [{"name": "kill-server", "party": None, "start_ns": T0_NS, "end_ns": T0_NS + 1, "sessions": 60}]
    for now, before, whose in (
        (planned_misses(8, fault_windows=restart), planned_misses(0), "this run"),
        (planned_misses(8), planned_misses(0, fault_windows=restart), "the baseline"),
    ):
        verdict, reason = against(now, before)
        assert verdict == "unknown"
        assert reason.endswith(
            f"which cannot be compared: {whose} has no 95 % interval: a fault hit all sessions at once, so that "
            "together they are one case."
        )


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"loss": {"max": 0}}, "no goal 'loss'; there are permanent_loss, live_miss"),
        ({"permanent_loss": 0}, "goal permanent_loss takes { max = NUMBER }"),
        ({"permanent_loss": {"max": "0"}}, "goal permanent_loss takes { max = NUMBER }"),
        ({"permanent_loss": {"max": True}}, "goal permanent_loss takes { max = NUMBER }"),
        ({"duplicates": {"max": -1}}, "goal duplicates takes { max = NUMBER }"),
        ({"duplicates": {"max": float("nan")}}, "goal duplicates takes { max = NUMBER }"),
        ({"duplicates": {"min": 1}}, "goal duplicates takes { max = NUMBER }"),
        ({"live_miss": {"max": 5}}, "goal live_miss is a share from 0 to 1, not 5; 5 % is 0.05"),
        ([], "goals are a table"),
    ],
)
def test_goals_that_cannot_be_judged_are_named_in_one_line(table: Any, said: str) -> None:
    with pytest.raises(GoalsError) as raised:
        check_goals(table)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_goals_file_has_them_under_goals_or_at_its_top(tmp_path: Any) -> None:
    file = tmp_path / "goals.toml"
    for text in ('"latency_ms.p95" = { max = 300 }\n', '[goals]\n"latency_ms.p95" = { max = 300 }\n'):
        file.write_text(text)
        assert load_goals(file) == {"latency_ms.p95": {"max": 300}}
    file.write_text("goals = [")
    with pytest.raises(GoalsError, match="is not TOML"):
        load_goals(file)
    with pytest.raises(GoalsError, match="no goals in"):
        load_goals(tmp_path / "absent.toml")


def test_a_goal_in_seconds_is_said_in_seconds() -> None:
    found = judge(replace(healthy(60), false_connected_s=2.5), {"false_connected_s": {"max": 2}})
    assert "false_connected_s: 2.5 s, at most 2 s allowed." in found.reasons


def test_every_goal_measures_something_in_the_summary() -> None:
    summary = healthy(1)
    for name in MEASURES:
        series, _, quantile = name.partition(".")
        assert hasattr(getattr(summary, series), quantile) if quantile else hasattr(summary, name)

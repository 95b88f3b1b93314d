"""summary.json: DESIGN's keys, null for what was not measured, and back again unchanged."""

import json
from pathlib import Path
from typing import Any

import pytest

from loadtests.run_folder import RunFolderError
from reports.baseline import SummaryError, load_summary
from reports.faults import faults
from reports.words import cell
from tests.small_ledger import T0_NS, SmallLedger, event, healthy_rig, lost, message
from tests.written.history import Book

KEYS = """format scenario seed planned unsent sent accepted refused unanswered owed not_owed live late recovered lost
never_assumed acked_and_lost unjudged unexplained duplicates reorders leaks phantoms unexpected foreign view_misses
live_miss permanent_loss smallest_detectable_loss latency_ms live_latency_ms time_to_join_ms false_connected_s
escalations parties missed_because not_recovered_because faults rig verdict reasons"""


def mixed() -> SmallLedger:
    return SmallLedger(
        [
            message("0.a.0"),
            message("0.w.1", "late", latency_ms=2_500.0, live_latency_ms=2_500.0),
            message("1.a.0", "recovered", missed_because="offline", latency_ms=4_000.0),
            lost("1.a.1"),
            lost("2.a.0", sender_view="unanswered", accepted_ns=None),
            message("2.a.1", "unjudged", reason="recorder"),
            message("3.a.0", None, sender_view="unsent", sent_ns=None, accepted_ns=None),
            message("3.a.1", None, sender_view="refused", accepted_ns=None),
            message("3.a.2", None, reason="closed"),
        ],
        counters={"leaks": None},
        planned={"widgets": 4, "agents": 2, "messages": 11},
    )


def test_the_keys_stay_and_the_laws_hold() -> None:
    found = mixed().summary.to_dict()
    assert set(found) >= set(KEYS.split())
    assert found["planned"] == found["unsent"] + found["sent"] == 9
    assert found["unreached"] == 2
    assert found["sent"] == found["accepted"] + found["refused"] + found["unanswered"]
    assert found["sent"] == found["owed"] + found["not_owed"]
    assert found["owed"] == sum(found[name] for name in ("live", "late", "recovered", "lost", "unjudged")) == 6
    assert found["recovered"] + found["lost"] == sum(found["missed_because"].values())
    assert (found["acked_and_lost"], found["not_owed"]) == (1, 2)
    assert found["live_miss"]["rate"] == pytest.approx(3 / 5)
    assert found["leaks"] is None


def test_sessions_are_kept_for_later_comparisons() -> None:
    samples = mixed().summary.sessions
    assert samples.index == (0, 1, 2, 3)
    assert samples.agent == ("agent-0", "agent-1", "agent-0", "agent-1")
    assert (samples.owed, samples.judged) == ((2, 2, 2, 0), (2, 2, 1, 0))
    assert (samples.missed, samples.lost) == ((0, 2, 1, 0), (0, 1, 1, 0))


def test_the_headline_says_what_happened() -> None:
    assert mixed().summary.headline == (
        "4 widgets, 2 agents, 6 messages owed: 3 missed live, 2 lost for good, 1 could not be judged"
    )
    assert SmallLedger([message("0.a.0")]).summary.headline == (
        "1 widget, 1 agent, 1 message owed: all shown as they were sent"
    )
    cut = [message("0.a.0"), message("0.a.1"), message("0.a.2", "unjudged", reason="run_ended")]
    assert SmallLedger(cut).summary.headline == (
        "1 widget, 1 agent, 3 messages owed: 2 shown as they were sent, 1 could not be judged"
    )


def test_a_lost_message_is_infinite_latency_and_a_voided_window_or_the_warm_up_hides_no_loss() -> None:
    rows = [message(f"{n}.a.{n % 20}") for n in range(100)] + [lost(f"{n}.a.{n % 20}") for n in range(100, 120)]
    whole = SmallLedger(rows).summary
    assert (whole.latency_ms.n, whole.latency_ms.lost, whole.latency_ms.p50, whole.latency_ms.max) == (
        120,
        20,
        20.0,
        None,
    )
    hiccup = [*healthy_rig(), event(6.0, "rig", lag_ms=400.0)]
    shorter = SmallLedger(rows, hiccup, warm_up_s=5.0).summary
    assert shorter.latency_ms.n == 60
    assert (shorter.owed, shorter.lost) == (120, 20)


def test_a_stall_does_not_hide_in_the_window_that_its_end_has_voided() -> None:
    """All that waited comes at once, for which the load generator is late for a moment."""
    rows = [message(f"{n}.a.{n % 20}", latency_ms=20.0 + n / 100) for n in range(400)]
    for n, row in enumerate(row for row in rows if row["key"].endswith((".12", ".13", ".14"))):
        row["latency_ms"] = 1000.0 + n
    end = [*healthy_rig(), event(15.0, "rig", lag_ms=32.0)]
    calm, stalled = SmallLedger(rows).summary, SmallLedger(rows, end).summary
    assert [window.start_s for window in stalled.rig.voided] == [10.0, 15.0]
    assert calm.latency_ms.p95 == stalled.latency_ms.p95 > 1000.0
    assert (calm.latency_ms.of_every, stalled.latency_ms.of_every) == ((), ("p95", "max"))
    assert cell(stalled.latency_ms, "p95").endswith("*")
    assert stalled.latency_ms.p50 < 24.0  # of the windows that count: there a moment matters
    worse = SmallLedger(rows, [*healthy_rig(), event(15.0, "rig", lag_ms=320.0)]).summary
    assert worse.latency_ms.p95 < 24.0  # now it may have been the load generator, which says so


def test_what_could_not_be_judged_is_no_evidence_that_all_was_well() -> None:
    unjudged = [message(f"{n}.a.0", "unjudged", reason="left") for n in range(60)]
    nothing_known = SmallLedger(unjudged).summary.permanent_loss
    assert (nothing_known.n, nothing_known.rate, nothing_known.high) == (0, None, None)
    half = SmallLedger([*unjudged[:30], *(message(f"{n}.a.0") for n in range(30, 60))]).summary.permanent_loss
    assert (half.n, half.sessions, half.low, half.high) == (30, 30, 0.0, pytest.approx(0.095, abs=1e-3))


def test_parties_that_never_came_back_are_counted_and_those_who_left_are_not() -> None:
    events = [
        *healthy_rig(),
        *(event(1, "connecting", party=f"widget-{n}", conn=1, attempt=1) for n in range(4)),
        *(event(1.1, "connected", party=f"widget-{n}", conn=1) for n in range(3)),
        *(event(1.2, "joined", party=f"widget-{n}", conn=1) for n in range(3)),
        event(5, "disconnected", party="widget-0", conn=1),
        event(5, "disconnected", party="widget-1", conn=1),
        event(7, "joined", party="widget-1", conn=2),
        event(19, "closed", party="widget-1"),
        event(19, "disconnected", party="widget-1", conn=2),
        event(2, "escalated", party="widget-0", session="s0"),
        event(2, "escalated", party="widget-1", session="s1"),
        event(3, "assumed", party="agent-0", session="s1"),
        event(2, "escalated", party="widget-2", session="s2"),
        event(3, "assumed", party="agent-0", session="s2"),
        event(4, "transferred", party="agent-0", session="s2"),
    ]
    found = SmallLedger([message("0.a.0")], events, planned={"widgets": 5, "agents": 1, "messages": 1}).summary
    assert (found.parties.asked, found.parties.connected, found.parties.joined) == (6, 3, 3)
    assert found.parties.never_back == 1
    assert (found.escalations.asked, found.escalations.assumed, found.escalations.never) == (3, 1, 2)
    assert (found.time_to_join_ms.n, found.time_to_join_ms.lost) == (4, 1)


def test_fault_windows_that_overlap_are_one() -> None:
    def window(name: str, party: str | None, start_s: int, end_s: int) -> dict[str, Any]:
        at = {"start_ns": T0_NS + start_s * 10**9, "end_ns": T0_NS + end_s * 10**9}
        return {"name": name, "party": party, **at}

    windows = [window("drop", "widget-0", 5, 8), window("drop", "widget-1", 7, 9), window("kill-server", None, 12, 14)]
    drop, kill = faults({"t0_ns": T0_NS, "fault_windows": windows})
    assert (drop.name, drop.parties, drop.windows_s) == ("drop", 2, ((5.0, 9.0),))
    assert (kill.name, kill.parties, kill.windows_s) == ("kill-server", None, ((12.0, 14.0),))


def test_scenario_goals_that_cannot_be_read_leave_the_verdict_unknown_and_are_named() -> None:
    summary = SmallLedger([message("0.a.0")], scenario={"name": "odd", "goals": {"los": {"max": 0}}}).summary
    assert summary.verdict == "unknown"
    assert "no goal 'los'" in summary.reasons[0]


def test_a_summary_read_back_is_the_same(tmp_path: Path) -> None:
    summary = mixed().summary
    (tmp_path / "report").mkdir()
    file = tmp_path / "report" / "summary.json"
    summary.write(file)
    assert load_summary(file) == summary == load_summary(tmp_path)
    assert len(file.read_text().splitlines()) == len(summary.to_dict()) + 2


def test_a_run_that_nobody_reported_yet_can_be_a_baseline(tmp_path: Path) -> None:
    book = Book()
    book.story().opens(0)
    assert load_summary(book.write(tmp_path / "run")).planned == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 99}, "has format 99, this entrega reads 1"),
        ({"live_miss": None}, "is no summary of a run"),
        ({"owed": "many"}, "is no summary of a run"),
        ({"rig": {"valid": True}}, "is no summary of a run"),
    ],
)
def test_garbage_is_refused_in_one_line(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    file = tmp_path / "summary.json"
    file.write_text(json.dumps({**mixed().summary.to_dict(), **change}))
    with pytest.raises(SummaryError) as raised:
        load_summary(file)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["", "[]", "{}", "no json", '{"format": 1}'])
def test_what_is_no_summary_at_all_is_refused_too(tmp_path: Path, text: str) -> None:
    (tmp_path / "summary.json").write_text(text)
    with pytest.raises(SummaryError):
        load_summary(tmp_path / "summary.json")
    with pytest.raises(RunFolderError, match="holds no run"):
        load_summary(tmp_path)
    with pytest.raises(SummaryError, match="no summary in"):
        load_summary(tmp_path / "absent")

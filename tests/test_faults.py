"""The plan's faults, played: each party is struck as planned, says so in the answer key, and gets over it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from loadtests.plan import agent_strikes, plan
from loadtests.scenario import Scenario, from_table
from reports.confusion import SMALL
from reports.ledger import Ledger, open_ledger
from tests.played import play

BUSY_S, LATE_S = 0.5, 2.0  # by which a machine with other things to do is late now and then, and at most


def fault(name: str, at_s: float, for_s: float, **more: Any) -> dict[str, Any]:
    return {f"faults.{name}.{field}": value for field, value in {"at_s": at_s, "for_s": for_s, **more}.items()}


# One after the other, from the session's opening; sending ends 15 s after the start.
SETTINGS = {
    **SMALL,
    "run_time_s": 15.0,
    **fault("two-tabs", 1.5, 4.0),  # so long that slow agents speak while they are open
    **fault("drop", 3.0, 0.3),
    **fault("reload", 6.0, 0.4, who="both"),
    **fault("freeze", 8.0, 0.8),
    **fault("token-expiry", 10.0, 1.5),
    **fault("close", 10.5, 0.2),
}


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    played = play(tmp_path_factory.mktemp("faults") / "run", "steady", settings=SETTINGS)
    try:
        assert played.wait() in (0, 3), played.stderr()  # 3: a machine too busy to measure latency
        yield open_ledger(played.folder)
    finally:
        played.end()


@pytest.fixture(scope="module")
def scenario(ledger: Ledger) -> Scenario:
    return from_table(ledger.run.info["scenario"])


@pytest.fixture(scope="module")
def events(ledger: Ledger) -> pd.DataFrame:
    return pd.read_parquet(ledger.run.events).sort_values("t")


def of(events: pd.DataFrame, kind: str, party: str) -> pd.DataFrame:
    return events[(events["kind"] == kind) & (events["party"] == party)]


def key(ledger: Ledger) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (Path(ledger.run.path) / "injected.jsonl").read_text().splitlines()]


def test_who_is_struck_is_in_the_answer_key_as_planned(ledger: Ledger, scenario: Scenario) -> None:
    planned = {
        (f"widget-{index}", strike.fault.name): strike.for_s
        for index in range(scenario.widgets)
        for strike in plan(scenario, index).strikes
    }
    planned |= {
        (f"agent-{number}", strike.fault.name): strike.for_s
        for number in range(scenario.agents)
        for strike in agent_strikes(scenario, number)
    }
    told = {(line["party"], line["name"]): line for line in key(ledger)}
    assert set(told) == set(planned)
    assert {line["kind"] for line in told.values()} == {"fault"}
    for about, line in told.items():
        assert (line["end_ns"] - line["start_ns"]) / 1e9 == pytest.approx(planned[about])
    windows = {(window["party"], window["name"]): window for window in ledger.run.info["fault_windows"]}
    for about, line in told.items():
        assert -0.01 < (line["start_ns"] - windows[about]["start_ns"]) / 1e9 < LATE_S


def test_nothing_is_lost_shown_twice_or_unexplained(ledger: Ledger) -> None:
    summary = ledger.summary
    assert (summary.lost, summary.unjudged, summary.unexplained) == (0, 0, 0)
    assert (summary.duplicates, summary.reorders, summary.leaks, summary.phantoms) == (0, 0, 0, 0)
    assert summary.recovered > 0
    unsent = ledger.deliveries[ledger.deliveries["sender_view"] == "unsent"]
    assert set(unsent["said"]) <= {"frozen", "no page"}
    assert 0 < len(unsent) < 40


def test_every_connection_has_a_number_of_its_own(events: pd.DataFrame) -> None:
    connected = events[events["kind"] == "connected"]
    assert not connected.duplicated(["party", "conn"]).any()
    assert (connected.groupby("party")["conn"].max() == connected.groupby("party").size()).all()


def test_a_second_tab_shows_what_comes_while_it_is_open(
    ledger: Ledger, scenario: Scenario, events: pd.DataFrame
) -> None:
    for index in range(scenario.widgets):
        shown = of(events, "displayed", f"widget-{index}")
        (tabs,) = [line for line in key(ledger) if (line["name"], line["party"]) == ("two-tabs", f"widget-{index}")]
        while_open = shown[shown["t"].between(tabs["start_ns"] + BUSY_S * 1e9, tabs["end_ns"] - BUSY_S * 1e9)]
        first, second = (set(while_open[while_open["view"] == view]["mid"]) for view in (1, 2))
        assert len(second) > 0
        assert first | second <= set(shown[shown["view"] == 1]["mid"]) & set(shown[shown["view"] == 2]["mid"])


@pytest.mark.parametrize(("party", "view"), [("widget-0", 3), ("widget-5", 3), ("agent-0", 2), ("agent-1", 2)])
def test_a_page_that_is_loaded_anew_shows_the_whole_conversation(events: pd.DataFrame, party: str, view: int) -> None:
    shown = of(events, "displayed", party)
    before, after = (set(shown[shown["view"] == each]["mid"]) for each in (1, view))
    assert len(before) > 0
    assert before < after
    assert events[events["party"] == party]["view"].max() == view
    joins = of(events, "join_sent", party)
    assert (joins[joins["view"] == view].groupby("session")["after"].first() == 0).all()


def test_a_frozen_page_says_and_shows_nothing(ledger: Ledger, scenario: Scenario, events: pd.DataFrame) -> None:
    for index in range(scenario.widgets):
        party = f"widget-{index}"
        (line,) = [line for line in key(ledger) if (line["name"], line["party"]) == ("freeze", party)]
        (woke,) = of(events, "frozen", party).itertuples()
        assert 0 <= woke.since_ns - line["start_ns"] < LATE_S * 1e9
        assert 0 <= woke.t - line["end_ns"] < LATE_S * 1e9
        page = events[(events["party"] == party) & events["conn"].notna()]
        still = page[page["t"].between(woke.since_ns + 1, line["end_ns"] - 1)]
        assert len(still) == 0


def test_an_expired_token_keeps_a_page_out_until_it_has_a_new_one(
    ledger: Ledger, scenario: Scenario, events: pd.DataFrame
) -> None:
    for index in range(scenario.widgets):
        party = f"widget-{index}"
        (line,) = [line for line in key(ledger) if (line["name"], line["party"]) == ("token-expiry", party)]
        refused = of(events, "connect_failed", party)
        refused = refused[refused["reason"] == "The token is not valid here."]
        assert len(refused) == 1  # a client does not try again by itself after that
        assert line["start_ns"] < refused["t"].item() < line["end_ns"]
        back = of(events, "connected", party)["t"].max()
        assert 0 <= back - line["end_ns"] < LATE_S * 1e9

"""Whole runs against the bundled server: what was planned is what was played, and the ledger says what happened to it.

All are played at once, which is itself a test: none may get in another's way.
"""

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from loadtests.events import ENVELOPE, KINDS, SOURCE
from loadtests.plan import plan
from loadtests.run_folder import open_run
from loadtests.scenario import from_table
from reports.confusion import SMALL, TIMES
from reports.ledger import Ledger, build_ledger, open_ledger
from reports.verdict import judge
from tests.played import Play, entrega, play

SECRET = "a-word-that-nobody-else-knows"
TOKEN = re.compile(r"(widget|agent)\.[\w=-]+\.[0-9a-f]{64}")  # as the bundled server issues them
BUSY_S = 0.5  # by which a machine with other things to do may be late

# Two agents with two places each for six customers, who come at once, write much, and go soon.
DESK = {"widgets": 6, "run_time_s": 14.0, "session_s": [5.0, 6.0], "transfer_after_s": [2.0, 2.5]}
DESK |= {"agent_first_s": [0.3, 0.5], "agent_every_s": [0.4, 0.6], "widget_first_s": 1.0}
DESK |= {"sessions_per_agent": 2, "arrivals": "spike", "text": "Olá! ", "text_chars": [300, 400]}

RUNS: dict[str, tuple[str, tuple[str, ...], Mapping[str, Any], Mapping[str, str]]] = {
    "early": ("early-reply", ("--defect", "server.no-history"), SMALL, {"ENTREGA_AGENT_SECRET": SECRET}),
    "split": ("steady", ("--processes", "2"), SMALL, {}),
    "dropped": ("steady", ("--defect", "server.drop-emit=0.2"), {**SMALL, "agent_sends": "socket"}, {}),
    "desk": ("transfer", (), {**SMALL, **DESK}, {}),
    "away": ("short-drop", ("--defect", "widget.no-rejoin"), {**SMALL, **TIMES["short-drop"]}, {}),
}


@pytest.fixture(scope="module")
def plays(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Play]]:
    """All runs, ended."""
    folder = tmp_path_factory.mktemp("runs")
    with ExitStack() as stack:
        started = {}
        for name, (scenario, options, settings, variables) in RUNS.items():
            started[name] = play(folder / name, scenario, *options, settings=settings, **variables)
            stack.callback(started[name].end)
        for each in started.values():
            each.wait()
        yield started


@pytest.fixture(scope="module")
def ledgers(plays: dict[str, Play]) -> dict[str, Ledger]:
    return {name: open_ledger(each.folder) for name, each in plays.items()}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_ends_in_order(plays: dict[str, Play], name: str) -> None:
    played = plays[name]
    assert played.process.returncode == 0, played.stderr()
    assert played.stdout().splitlines()[-1] == str(played.folder)
    assert played.info()["end"] == {"state": "complete", "reason": None}
    assert [line for line in played.stderr().splitlines() if not re.match(r"\d+/\d+ s: ", line)] == []
    assert played.processes() == []
    left = {path.name for path in played.folder.iterdir() if not path.name.startswith(".")}
    assert left == {"run.json", "events", "events.parquet", "injected.jsonl", "logs", "report"}
    assert list((played.folder / "events").iterdir()) == []
    assert not (played.folder / ".reserve").exists()


@pytest.mark.parametrize("name", RUNS)
def test_rows_are_what_was_planned(ledgers: dict[str, Ledger], name: str) -> None:
    ledger = ledgers[name]
    scenario = from_table(ledger.run.info["scenario"])
    planned = set()
    for index in range(scenario.widgets):
        each = plan(scenario, index)
        planned |= {f"{index}.w.{number}" for number in range(len(each.widget_dues_s))}
        planned |= {f"{index}.a.{number}" for number in range(each.of_agents)}
    assert sorted(ledger.deliveries["key"]) == sorted(planned)
    assert len(planned) == ledger.run.info["planned"]["messages"]
    answered = ledger.deliveries[ledger.deliveries["sender_view"] == "accepted"]
    assert answered["owed"].all()
    # An ack can be on its way when the connection is reset, and then it is never told.
    cut = ledger.deliveries["sender_view"].eq("unanswered").sum()
    assert cut <= (scenario.widgets if name == "away" else 0)
    assert len(answered) + cut == len(planned)


@pytest.mark.parametrize("name", RUNS)
def test_nothing_is_unexplained(ledgers: dict[str, Ledger], name: str) -> None:
    summary = ledgers[name].summary
    assert (summary.unexplained, summary.unjudged, summary.rig.reasons) == (0, 0, ())
    assert (summary.duplicates, summary.reorders, summary.leaks) == (0, 0, 0)
    assert (summary.phantoms, summary.unexpected) == (0, 0)


@pytest.mark.parametrize("name", RUNS)
def test_every_event_keeps_to_the_table(ledgers: dict[str, Ledger], name: str) -> None:
    events = pd.read_parquet(ledgers[name].run.events)
    sealed = ledgers[name].run.info["sealed"]
    assert (sealed["garbage"], sealed["truncated"]) == (0, 0)
    for kind, of_kind in events.groupby("kind"):
        used = {str(column) for column in of_kind.columns if of_kind[column].notna().any()}
        assert used <= {*SOURCE, *ENVELOPE, *(field.name for field in KINDS[str(kind)].fields)}, kind


def test_two_load_processes_are_one_run(ledgers: dict[str, Ledger]) -> None:
    split = ledgers["split"]
    opened = split.query("SELECT \"index\", source FROM events WHERE kind = 'session_opened'")
    assert sorted(opened["index"]) == list(range(8))
    assert set(opened["source"]) == {"swarm-1", "swarm-2"}
    between = split.query("""
        SELECT count(*) AS messages FROM events sent JOIN events shown USING (mid)
        WHERE sent.kind = 'sent' AND shown.kind = 'displayed' AND sent.source <> shown.source""")
    assert between["messages"].item() > 0
    assert split.deliveries["mid"].is_unique
    assert split.summary.live > 0
    assert split.summary.lost == 0


def test_an_agent_holds_so_many_sessions_at_a_time_and_each_is_handed_over(ledgers: dict[str, Ledger]) -> None:
    desk = ledgers["desk"]
    held = desk.query("""
        WITH steps AS (
            SELECT party, min(t) AS t, 1 AS n FROM events WHERE kind = 'assumed' GROUP BY party, session
            UNION ALL
            SELECT party, min(t), -1 FROM events
            WHERE kind IN ('transferred', 'closed') AND party LIKE 'agent-%' GROUP BY party, session
        )
        SELECT max(n) AS most, count(DISTINCT party) AS agents
        FROM (SELECT party, sum(n) OVER (PARTITION BY party ORDER BY t) AS n FROM steps)""").iloc[0]
    assert (held["most"], held["agents"]) == (2, 2)
    between = desk.deliveries[["sender", "recipient"]].drop_duplicates()
    by_agents = between["sender"].str.startswith("agent")
    assert dict(between[by_agents]["recipient"].value_counts()) == {f"widget-{index}": 2 for index in range(6)}
    assert (~by_agents).sum() > 6  # what some customers wrote was for the one, and later for the other
    sizes = desk.query("SELECT min(size) AS least FROM events WHERE kind = 'received' AND via = 'live'")
    assert sizes["least"].item() > 300
    assert desk.summary.lost == 0


def test_early_replies_come_within_two_seconds_of_the_join(ledgers: dict[str, Ledger]) -> None:
    found = ledgers["early"].query("""
        SELECT session, (joined.t - first.t) / 1e9 AS after_s
        FROM (SELECT session, min(t) AS t FROM events WHERE kind = 'published' AND mid LIKE '%.a.0' GROUP BY session)
            AS first
        JOIN (SELECT session, min(t) AS t FROM events WHERE kind = 'joined' AND party LIKE 'widget%' GROUP BY session)
            AS joined USING (session)""")
    assert len(found) == 8
    assert found["after_s"].between(-2 - BUSY_S, 2 + BUSY_S).all()
    assert (found["after_s"] > 0).any()
    assert (found["after_s"] < 0).any()


def test_what_came_too_early_is_lost_without_a_history(ledgers: dict[str, Ledger]) -> None:
    summary = ledgers["early"].summary
    assert summary.lost > 0
    assert summary.recovered == 0
    assert set(summary.missed_because) <= {"early_message", "join_race"}
    assert set(summary.not_recovered_because) == {"not_offered"}
    assert summary.verdict == "fail"


def test_the_missed_are_the_answer_keys(ledgers: dict[str, Ledger]) -> None:
    dropped = ledgers["dropped"]
    key = [json.loads(line) for line in (dropped.run.path / "injected.jsonl").read_text().splitlines()]
    joined = dropped.query("SELECT session, party, min(t) AS t FROM events WHERE kind = 'joined' GROUP BY ALL")
    first_join_ns = {(row.session, row.party): row.t for row in joined.itertuples()}
    stored = dropped.query("SELECT mid, t FROM events WHERE kind = 'stored'").set_index("mid")["t"]
    rows = dropped.deliveries
    after_the_join = rows[
        [stored[row.mid] > first_join_ns[row.session, row.recipient] for row in rows.itertuples() if row.owed]
    ]
    missed = after_the_join[after_the_join["outcome"].isin(["recovered", "lost"])]
    named = {line["mid"] for line in key if line["name"] == "server.drop-emit"}
    assert len(missed) > 0
    assert set(missed["mid"]) == named & set(after_the_join["mid"])
    assert set(missed["missed_because"]) == {"not_published"}


def test_every_drop_is_in_the_answer_key_and_in_the_plan(ledgers: dict[str, Ledger]) -> None:
    away = ledgers["away"]
    key = [json.loads(line) for line in (away.run.path / "injected.jsonl").read_text().splitlines()]
    drops = {line["party"]: line for line in key if line["name"] == "drop"}
    windows = {window["party"]: window for window in away.run.info["fault_windows"]}
    assert set(drops) == set(windows) == {f"widget-{index}" for index in range(8)}
    for party, drop in drops.items():
        planned = windows[party]
        assert drop["end_ns"] - drop["start_ns"] == planned["end_ns"] - planned["start_ns"]
        assert -0.01e9 < drop["start_ns"] - planned["start_ns"] < BUSY_S * 1e9
    assert {line["party"] for line in key if line["name"] == "widget.no-rejoin"} <= set(drops)
    assert set(away.summary.missed_because) == {"offline", "not_rejoined"}


@pytest.mark.parametrize("name", RUNS)
def test_without_the_answer_key_all_is_the_same(ledgers: dict[str, Ledger], name: str, tmp_path: Path) -> None:
    with_key = ledgers[name]
    copy = tmp_path / "copy"
    shutil.copytree(with_key.run.path, copy, ignore=shutil.ignore_patterns("report", "injected.jsonl"))
    without = build_ledger(copy)
    pd.testing.assert_frame_equal(without.deliveries, with_key.deliveries)
    goals = with_key.run.info["scenario"]["goals"]
    assert judge(without.summary, goals) == judge(with_key.summary, goals)
    assert without.summary.to_dict() == with_key.summary.to_dict()


def every_word(folder: Path) -> str:
    """All that a run folder says, the compressed tables included."""
    said = []
    for file in (path for path in folder.rglob("*") if path.is_file()):
        text = pd.read_parquet(file).to_csv() if file.suffix == ".parquet" else file.read_bytes().decode("latin-1")
        said += [file.name, text]
    return "\n".join(said)


def test_a_run_folder_holds_no_secret(plays: dict[str, Play]) -> None:
    folder = plays["early"].folder
    assert entrega("report", folder).returncode == 0
    said = every_word(folder)
    assert "session_opened" in said  # it is read indeed
    assert SECRET not in said
    assert not TOKEN.search(said)
    assert "Bearer " not in said


def test_a_token_would_be_found() -> None:
    made = subprocess.run(
        [sys.executable, "-c", "from server_under_test.tokens import Tokens; from server_under_test.chat import Bearer;"
         "from server_under_test.defects import Defects; from server_under_test.journal import Lines;"
         "print(Tokens(b'key', Defects({}, 0, Lines(None))).issue(Bearer('agent', 'rui')))"],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent,
    ).stdout  # fmt: skip
    assert TOKEN.search(made)


def test_run_json_plays_the_run_again(plays: dict[str, Play], tmp_path: Path) -> None:
    """Begun is enough: what is asked is whether it is the same scenario."""
    first = plays["away"]
    again = play(tmp_path / "again", str(first.folder / "run.json"), settings={})
    try:
        assert again_info(again)["scenario"] == first.info()["scenario"]
        assert again_info(again)["run"] != first.info()["run"]
    finally:
        again.process.send_signal(signal.SIGINT)
        again.wait()
        again.end()


def again_info(again: Play) -> dict[str, Any]:
    from tests.played import until

    until((again.folder / "run.json").exists, "run.json")
    return again.info()


def test_the_events_can_be_opened_by_anyone(plays: dict[str, Play]) -> None:
    assert open_run(plays["split"].folder).info["sealed"]["sources"] == ["journal-1", "launcher", "swarm-1", "swarm-2"]

"""The test of the tester: it finds what is broken and names it rightly, and it can fail when that is not so."""

import dataclasses
import io
import json
import shutil
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from loadtests import scenario
from loadtests.bad_input import BadInput
from loadtests.defects import WIDGET_DEFECTS
from loadtests.faults import FAULTS as KNOWN_FAULTS
from loadtests.target_file import load
from reports import matrix, selftest
from reports.causes import CAUSES, NOT_RECOVERED
from reports.confusion import CASES, LONG_DAY, QUICK, SOAK, Case
from reports.matrix import Score, verdict
from reports.outcomes import NOT_ACCEPTED
from reports.reading import Reading, Result, faults_of, not_played
from reports.truth import GIVES, Compared, without_journal
from reports.violations import ATTRIBUTIONS
from tests.played import Play, start, until

WITHIN_S = 900.0  # it takes a minute and a half where nothing else is done
NAMES = {cause.name for cause in CAUSES}

NO_ALARM = "false alarms in 0 of 32 healthy runs, below 8.9 %"
STEADY = Case("steady", "")
DROPS = Case("steady", "server.drop-emit=0.2", "not_published")
FORGETS = Case("early-reply", "server.no-history", "not_offered")
TWICE = Case("steady", "server.duplicate-emit=0.3", "emitted_twice")


def reading(journal: bool = True, **found: Any) -> Reading:
    compared = {name: found.pop(name) for name in ("right", "false", "wrong", "alarms") if name in found}
    counted = {name: Counter(each) if isinstance(each, dict) else each for name, each in compared.items()}
    return dataclasses.replace(Reading(journal, Compared(**counted)), **found)


@pytest.mark.parametrize(
    ("case", "found"),
    [
        (STEADY, {}),
        (STEADY, {"right": {"early_message": 3}}),
        (DROPS, {"right": {"not_published": 3}, "lost": 3}),
        (DROPS, {"right": {"subscribed_nowhere": 3}, "journal": False}),
        (FORGETS, {"right": {"early_message": 3, "not_offered": 3}, "lost": 3}),
        (TWICE, {"violations": {"emitted_twice": 2}}),
    ],
)
def test_what_is_as_it_should_be(case: Case, found: dict[str, Any]) -> None:
    assert faults_of(case, reading(**found)) == []


FAULTS: dict[str, tuple[Case, dict[str, Any], list[str]]] = {
    "a miss on the healthy server": (
        STEADY,
        {"alarms": ["0.a.0 is called offline"]},
        ["false alarm: 0.a.0 is called offline"],
    ),
    "a miss that nothing explains beside a defect": (
        DROPS,
        {"right": {"not_published": 3}, "alarms": ["0.a.0 is called offline"]},
        ["misnamed: 0.a.0 is called offline"],
    ),
    "a loss on the healthy server": (STEADY, {"right": {"early_message": 3}, "lost": 1}, ["false alarm: 1 lost"]),
    "a violation": (STEADY, {"violations": {"emitted_twice": 1}}, ["false alarm: {'emitted_twice': 1}"]),
    "another violation": (
        TWICE,
        {"violations": {"emitted_twice": 2, "unexpected": 1}},
        ["false alarm: {'unexpected': 1}"],
    ),
    "nothing found": (DROPS, {}, ["missed: no not_published"]),
    "another name for it": (
        DROPS,
        {"wrong": ["0.a.0 is called offline"]},
        ["misnamed: 0.a.0 is called offline", "missed: no not_published"],
    ),
    "its name without a journal, with one": (
        DROPS,
        {"right": {"subscribed_nowhere": 3}},
        ["missed: no not_published"],
    ),
    "its name with a journal, without one": (
        DROPS,
        {"right": {"not_published": 3}, "journal": False},
        ["missed: no subscribed_nowhere"],
    ),
    "no reason why it was not recovered": (FORGETS, {"right": {"early_message": 3}}, ["missed: no not_offered"]),
    "unexplained": (DROPS, {"right": {"not_published": 3}, "unexplained": 1}, ["unexplained: 1"]),
}


@pytest.mark.parametrize(("case", "found", "faults"), FAULTS.values(), ids=FAULTS)
def test_what_is_not_as_it_should_be(case: Case, found: dict[str, Any], faults: list[str]) -> None:
    assert faults_of(case, reading(**found)) == faults


def test_every_defect_and_fault_has_a_case_and_is_in_the_truth() -> None:
    injected = {name.partition("=")[0] for case in CASES for name in case.injected.split() or [""]}
    known = {*load("bundled").defects, *WIDGET_DEFECTS, *KNOWN_FAULTS}
    assert injected == {"", *known}
    assert set(GIVES) == {"the plan", *known}


def test_every_scenario_is_played_on_the_healthy_server() -> None:
    assert {case.scenario for case in CASES if case.healthy} == set(scenario.shipped())
    assert sorted(case.scenario for case in SOAK) == sorted(scenario.shipped())
    assert all(case.healthy for case in (*SOAK, LONG_DAY))


def test_every_cause_is_found_by_a_case_and_every_case_names_something_that_exists() -> None:
    found = {case.finds for case in CASES} - {""}
    assert found >= {cause.name for cause in CAUSES if cause.code}  # the rest are groups, and `unexplained`
    makers = {each.name for attributions in ATTRIBUTIONS.values() for each in attributions}
    reasons = {reason.name for reason in (*NOT_RECOVERED, *NOT_ACCEPTED)}
    assert found <= NAMES | makers | reasons | {"late"}
    given = {name for gives in GIVES.values() for name in f"{gives.own} {gives.back} {gives.lost} {gives.made}".split()}
    assert found <= given <= NAMES | makers | reasons | {"late"}


def test_names_without_a_journal() -> None:
    for cause in CAUSES:
        assert set(cause.without_journal) <= NAMES
        assert cause.needs or cause.name in cause.without_journal
    assert without_journal("offline") == ("offline",)
    assert without_journal("room_mismatch") == without_journal("not_published") == ("subscribed_nowhere",)
    assert without_journal("origin_refused") == ("origin_refused", "handshake_refused")
    assert without_journal("emitted_twice") == ("emitted_twice",)


@pytest.mark.parametrize(
    ("right", "is_it", "given", "good"),
    [(5, 5, 5, True), (198, 199, 198, False), (198, 200, 198, True), (197, 200, 197, False), (198, 198, 201, False)],
)
def test_of_few_rows_all_must_be_right_and_of_many_nearly_all(right: int, is_it: int, given: int, good: bool) -> None:
    assert Score("offline", right, is_it, given).good is good


def results(n: int, *faults: str, **compared: Any) -> list[Result]:
    told = (reading(**compared), reading(False, **compared))
    return [Result(STEADY, seed, told, faults) for seed in range(n)]


@pytest.mark.parametrize(
    ("found", "invalid", "passed", "last_line"),
    [
        (results(32), 1, True, "32 runs, 1 played again: 0 missed, 0 misnamed, 0 unexplained, " + NO_ALARM),
        (results(1, "false alarm: 1 lost"), 0, False, "false alarms in 1 of 1 healthy runs"),
        (results(1, "missed: no offline"), 0, False, "1 missed"),
        (results(1, "unexplained: 1"), 0, False, "1 unexplained"),
        (results(1, "misnamed: 0.a.0", right={"offline": 150}, false={"offline": 1}), 0, False, "1 misnamed"),
        (results(1, "misnamed: 0.a.0", right={"offline": 250}, false={"offline": 1}), 0, True, "1 misnamed"),
        (results(20), 3, None, "3 played again"),
    ],
)  # fmt: skip
def test_the_verdict(found: list[Result], invalid: int, passed: bool | None, last_line: str) -> None:
    judged = verdict(
        found, [dataclasses.replace(results(1)[0], seed=n, invalid="the loop was late") for n in range(invalid)]
    )
    assert judged.passed is passed
    said = io.StringIO()
    matrix.show(judged, Console(file=said, width=200))
    assert last_line in said.getvalue().splitlines()[-1]
    assert said.getvalue().count("played again, since the loop was late") == invalid


def test_recall_and_precision_fit_a_terminal() -> None:
    said, names = io.StringIO(), {"namespace_mismatch": 12_345, "emitted_out_of_order": 3}
    matrix.show(verdict(results(1, right=names, false={"unexplained": 1}), []), Console(file=said, width=80))
    assert "…" not in said.getvalue()
    assert "12,345   100 %" in said.getvalue()


def test_no_figure_of_the_matrices_is_cut() -> None:
    """However narrow the terminal and however many the causes."""
    said, cells = io.StringIO(), {("the plan", name): 12_345 for name in NAMES}
    judged = dataclasses.replace(verdict(results(1), []), pools=(Compared(matrix=Counter(cells)), Compared()))
    matrix.show(judged, Console(file=said, width=80))
    assert said.getvalue().count("12345") == len(NAMES)


def test_a_case_that_could_not_be_played_fails_it() -> None:
    assert verdict([not_played(STEADY, 7, "the run ended with 2: no server")], []).passed is False


def selftest_in(folder: Path, *options: str) -> Play:
    command = [sys.executable, "-m", "entrega", "selftest", *options, "--out", str(folder / "runs")]
    return start([*command, "--json", folder / "selftest.json"], folder / "runs", folder / "said")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The quick selftest, interrupted when it had played some and then played to its end."""
    folder = tmp_path_factory.mktemp("selftest")
    first = selftest_in(folder, "--quick")
    try:
        until(lambda: runs_in(folder / "runs"), "a case was played", WITHIN_S)
        first.process.send_signal(signal.SIGTERM)
        assert first.wait(60) == 3
        said = f"entrega: stopped by SIGTERM; the same command goes on with what {folder / 'runs'} holds"
        assert first.stderr().splitlines()[-1] == said
        before = runs_in(folder / "runs")
        first.assert_nothing_left()
        second = selftest_in(folder, "--quick")
        try:
            assert second.wait(WITHIN_S) == 0, second.stdout()
        finally:
            second.end()
    finally:
        first.end()
    return folder, before


def runs_in(folder: Path) -> dict[str, str]:
    """Name of each complete run's folder -> the run's own name."""
    found = {}
    for file in folder.glob("*/run.json"):
        info = json.loads(file.read_text())
        if info["end"]["state"] == "complete":
            found[file.parent.name] = info["run"]
    return found


def test_every_quick_case_is_found_by_its_name(played: tuple[Path, dict[str, str]]) -> None:
    written = json.loads((played[0] / "selftest.json").read_text())
    assert {name: written[name] for name in matrix.KINDS} == dict.fromkeys(matrix.KINDS, 0), written["cases"]
    assert [(told["scenario"], told["injected"]) for told in written["cases"]] == [
        (case.scenario, case.injected) for case in QUICK
    ]
    for told, case in zip(written["cases"], QUICK, strict=True):
        assert case.finds in {"", *told["found"]}
        assert told["healthy"] is case.healthy
        assert told["ok"] is True
        assert set(told["attributed"]) == set(told["expected"])
    shares = [share for of in written["causes"].values() for each in of.values() for share in each.values()]
    assert all(share is None or share >= 0.99 for share in shares)
    assert written["matrix"]["with_journal"]["server.room-format"] == {"room_mismatch": 56, "never_back": 56}
    assert (played[0] / "runs" / "matrix.png").read_bytes().startswith(b"\x89PNG")


def test_what_an_interrupted_selftest_played_is_not_played_again(played: tuple[Path, dict[str, str]]) -> None:
    folder, before = played
    after = runs_in(folder / "runs")
    assert before.items() <= after.items()
    assert len(after) >= len(QUICK) > len(before)


def test_a_finished_selftest_begins_anew_and_touches_nothing_else(
    played: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    shutil.copytree(played[0] / "runs", tmp_path / "runs")
    assert selftest.play([], tmp_path / "runs") == ([], [])
    assert runs_in(tmp_path / "runs") == {}
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter").touch()
    with pytest.raises(BadInput, match="something else"):
        selftest.play([], tmp_path / "mine")

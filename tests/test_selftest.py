"""The test of the tester: it finds what is broken and names it rightly, and it can fail when that is not so."""

import dataclasses
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from loadtests import scenario
from loadtests.defects import WIDGET_DEFECTS
from loadtests.faults import FAULTS as KNOWN_FAULTS
from loadtests.target_file import load
from reports import selftest
from reports.causes import CAUSES, NOT_RECOVERED
from reports.confusion import CASES, Case, Reading, faults_of, names_without_journal
from reports.outcomes import NOT_ACCEPTED
from reports.violations import ATTRIBUTIONS
from tests.played import entrega

WITHIN_S = 600.0  # it takes a minute where nothing else is done
NAMES = {cause.name for cause in CAUSES}

STEADY = Case("steady", "", frozenset())
EARLY = Case("early-reply", "", frozenset({"early_message", "join_race"}))
DROPS = Case("steady", "server.drop-emit=0.2", frozenset({"not_published"}), "not_published")
FORGETS = Case("early-reply", "server.no-history", frozenset({"early_message"}), "not_offered")


def reading(journal: bool = True, **found: Any) -> Reading:
    return dataclasses.replace(Reading(journal, {}, {}, 0, {}), **found)


@pytest.mark.parametrize(
    ("case", "found"),
    [
        (STEADY, {}),
        (EARLY, {}),
        (EARLY, {"attributed": {"early_message": 3, "join_race": 1}}),
        (DROPS, {"attributed": {"not_published": 3}, "lost": 0}),
        (DROPS, {"attributed": {"not_published": 3}, "lost": 3}),
        (DROPS, {"attributed": {"subscribed_nowhere": 3}, "journal": False}),
        (FORGETS, {"attributed": {"early_message": 3}, "not_recovered": {"not_offered": 3}, "lost": 3}),
    ],
)
def test_what_is_as_it_should_be(case: Case, found: dict[str, Any]) -> None:
    assert faults_of(case, reading(**found)) == []


FAULTS: dict[str, tuple[Case, dict[str, Any], list[str]]] = {
    "a cause on the healthy server": (STEADY, {"attributed": {"offline": 2}}, ["false alarm: offline 2"]),
    "a loss on the healthy server": (
        EARLY,
        {"attributed": {"early_message": 3}, "lost": 1},
        ["false alarm: 1 lost"],
    ),
    "a violation": (STEADY, {"violations": {"duplicates": 1}}, ["false alarm: {'duplicates': 1}"]),
    "nothing found": (DROPS, {}, ["missed: no not_published"]),
    "another name for it": (
        DROPS,
        {"attributed": {"offline": 3}},
        ["misnamed: offline 3", "missed: no not_published"],
    ),
    "another name beside it": (
        DROPS,
        {"attributed": {"not_published": 3, "offline": 1}},
        ["misnamed: offline 1"],
    ),
    "its name without a journal, with one": (
        DROPS,
        {"attributed": {"subscribed_nowhere": 3}},
        ["misnamed: subscribed_nowhere 3", "missed: no not_published"],
    ),
    "its name with a journal, without one": (
        DROPS,
        {"attributed": {"not_published": 3}, "journal": False},
        ["misnamed: not_published 3", "missed: no subscribed_nowhere"],
    ),
    "no reason why it was not recovered": (
        FORGETS,
        {"attributed": {"early_message": 3}, "not_recovered": {"window": 3}},
        ["missed: no not_offered"],
    ),
    "unexplained": (
        DROPS,
        {"attributed": {"not_published": 3, "unexplained": 1}},
        ["unexplained: 1", "misnamed: unexplained 1"],
    ),
}


@pytest.mark.parametrize(("case", "found", "faults"), FAULTS.values(), ids=FAULTS)
def test_what_is_not_as_it_should_be(case: Case, found: dict[str, Any], faults: list[str]) -> None:
    assert faults_of(case, reading(**found)) == faults


def test_every_defect_and_fault_has_a_case() -> None:
    injected = {name.partition("=")[0] for case in CASES for name in case.injected.split() or [""]}
    assert injected == {"", *load("bundled").defects, *WIDGET_DEFECTS, *KNOWN_FAULTS}


def test_every_scenario_is_played_on_the_healthy_server() -> None:
    assert {case.scenario for case in CASES if case.healthy} == set(scenario.shipped())


def test_every_cause_is_found_by_a_case_and_every_case_names_causes() -> None:
    expected = {name for case in CASES for name in case.expect}
    assert expected == {cause.name for cause in CAUSES if cause.code}  # the rest are groups, and `unexplained`
    makers = {each.name for attributions in ATTRIBUTIONS.values() for each in attributions}
    reasons = {reason.name for reason in (*NOT_RECOVERED, *NOT_ACCEPTED)}
    assert {case.finds for case in CASES} - {""} <= expected | makers | reasons | {"late"}
    for case in CASES:
        assert case.injected or not case.finds


def test_names_without_a_journal_are_groups_or_the_same() -> None:
    groups = {cause.group for cause in CAUSES if cause.group}
    assert names_without_journal(frozenset(NAMES)) <= NAMES | groups
    assert names_without_journal(frozenset({"offline"})) == {"offline"}
    assert names_without_journal(frozenset({"room_mismatch", "not_published"})) == {"subscribed_nowhere"}


def test_a_case_that_could_not_be_played_fails_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    unplayed = selftest._Play(CASES[0], 7, tmp_path, process, 0.0)
    monkeypatch.setattr(selftest, "_played", lambda *_: iter([(unplayed, "the run ended with 2: no server")]))
    said, file = io.StringIO(), tmp_path / "selftest.json"
    assert selftest.selftest(CASES[:1], 1, file, Console(file=said)) is False
    assert "missed: the run ended with 2: no server" in " ".join(said.getvalue().split())
    written = json.loads(file.read_text())
    assert [case["ok"] for case in written["cases"]] == [False]
    assert written["missed"] == 1


def test_selftest(tmp_path: Path) -> None:
    file = tmp_path / "selftest.json"
    done = entrega("selftest", "--quick", "--json", file, within_s=WITHIN_S)
    written = json.loads(file.read_text())
    faults = {(case["scenario"], case["injected"]): case["faults"] for case in written["cases"] if case["faults"]}
    assert (done.returncode, faults) == (0, {}), done.stdout
    assert {name: written[name] for name in ("false_alarms", "missed", "misnamed", "unexplained")} == {
        "false_alarms": 0,
        "missed": 0,
        "misnamed": 0,
        "unexplained": 0,
    }
    quick = [case for case in CASES if case.quick]
    assert len(written["cases"]) == len(quick)
    for told, case in zip(written["cases"], quick, strict=True):
        assert (told["scenario"], told["injected"], told["healthy"]) == (case.scenario, case.injected, case.healthy)
        assert told["ok"] is True
        assert set(told["attributed"]) <= set(told["expected"]) == case.expect
        if case.finds:
            assert (told["attributed"] | told["not_recovered"] | {"late": told["late"]})[case.finds] > 0

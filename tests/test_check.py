"""`entrega check` and what `gate` tells others: every artefact whatever happens, fail before unknown before pass."""

import json
import re
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from entrega_options import VerdictOptions
from loadtests import target_file as targets
from reports.check import Checked, judged, unplayed
from reports.confusion import SMALL
from reports.junit import junit
from reports.step_summary import step_summary
from reports.summary import End
from reports.verdict import judge
from tests.command import Say
from tests.played import WITHIN_S, Play, settings_of, start, until
from tests.small_ledger import SmallLedger, lost, message

UNPLAYED = unplayed("early-reply", "the server ended at once (1): it is\x00 Monday")


def checked(sessions: int, hit: int = 0, **info: Any) -> Checked:
    """One message in each session, lost in those that were hit."""
    rows = [lost(f"{n}.a.0") if n < hit else message(f"{n}.a.0") for n in range(sessions)]
    ledger = SmallLedger(rows, **info)
    return judged(ledger, judge(ledger.summary, {}))  # type: ignore[arg-type]


def green() -> Checked:
    return checked(60)


def few() -> Checked:
    return checked(5)


def red() -> Checked:
    return checked(60, hit=6)


def cases(xml: bytes) -> dict[str, str]:
    """NAME -> the element that says what came of it, or `passed`."""
    return {
        str(case.get("name")): next((each.tag for each in case if each.tag != "system-out"), "passed")
        for case in Xml.fromstring(xml).iter("testcase")
    }


# -- JUnit


def test_junit_has_a_suite_for_each_scenario_and_a_case_for_each_goal() -> None:
    root = Xml.fromstring(junit([red(), green(), UNPLAYED], None))
    assert [suite.get("name") for suite in root] == ["written", "written", "early-reply"]
    counted = [tuple(int(str(suite.get(name))) for name in ("tests", "failures", "errors")) for suite in root]
    assert counted == [(8, 1, 0), (8, 0, 0), (1, 0, 1)]
    assert (root.get("tests"), root.get("failures"), root.get("errors"), root.get("skipped")) == ("17", "1", "1", "0")
    (failure,) = root.iter("failure")
    assert str(failure.get("message")).startswith("10 %, 6 of 60 messages")
    (case,) = (case for case in root.iter("testcase") if case.find("failure") is not None)
    assert (case.get("classname"), case.get("name")) == ("entrega.written", "permanent_loss")


@pytest.mark.parametrize(
    ("on_unknown", "said"), [(None, "error"), ("fail", "failure"), ("warn", "skipped"), ("pass", "skipped")]
)
def test_what_is_unknown_is_an_error_unless_told_otherwise(on_unknown: str | None, said: str) -> None:
    found = cases(junit([few()], on_unknown))
    assert found.pop("the run") == "passed"
    assert set(found.values()) == {said}


def test_a_run_that_was_cut_shows_as_a_case_of_its_own() -> None:
    found = cases(junit([checked(60, end={"state": None, "reason": None})], None))
    assert found["the run"] == "error"
    assert found["permanent_loss"] == "passed"


def test_junit_holds_what_xml_has_no_form_for() -> None:
    (error,) = Xml.fromstring(junit([UNPLAYED], "pass")).iter("error")
    assert error.text == "the server ended at once (1): it is\ufffd Monday"


# -- Markdown


def test_the_step_summary_says_what_was_missed_and_why() -> None:
    text = step_summary([red(), few(), UNPLAYED])
    assert "| written | **FAIL** | 60 | 10 % | 10 % | too few to tell |" in text
    assert "| written | **UNKNOWN** | 5 | 0 % | 0 % | too few to tell |" in text
    assert "| early-reply | **TROUBLE** | - | - | - | - |" in text
    assert "| 6 | early_message | It was emitted before the recipient" in text
    assert "`entrega trace cafe0001:0.a.0 runs/written`" in text
    assert "- the server ended at once (1)" in text


def test_text_of_others_is_neither_html_nor_a_new_cell() -> None:
    odd = unplayed("steady", "<script>|`x`\n# [a](b) *c*")
    (line,) = (line for line in step_summary([odd]).splitlines() if line.startswith("- "))
    assert not set("<>|`*[]") & set(line)


# -- exit codes


@pytest.mark.parametrize(
    ("each", "on_unknown", "code"),
    [
        ([green], None, 0),
        ([green, few], None, 3),
        ([green, few, red], None, 1),
        ([few, green], "fail", 1),
        ([few, green], "warn", 0),
        ([few, green], "pass", 0),
        ([few, red], "pass", 1),
    ],
)
def test_fail_beats_unknown_beats_pass(
    each: list[Callable[[], Checked]], on_unknown: Any, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert VerdictOptions(on_unknown=on_unknown).exit_code([one() for one in each]) == code
    assert ("5 judged sessions only" in capsys.readouterr().err) == (on_unknown == "warn")


@pytest.mark.parametrize(
    "of_run", [{"owed": 0}, {"end": End("failed", "the server ended by itself (SIGKILL)")}, {"end": End(None, None)}]
)
def test_a_run_that_tested_nothing_is_not_excused(of_run: dict[str, Any]) -> None:
    spoilt = replace(few(), summary=replace(few().summary, **of_run))  # type: ignore[arg-type]
    told: tuple[tuple[Any, int, str], ...] = (
        (None, 3, "error"),
        ("warn", 3, "error"),
        ("pass", 3, "error"),
        ("fail", 1, "failure"),
    )
    for on_unknown, code, element in told:
        assert VerdictOptions(on_unknown=on_unknown).exit_code([spoilt]) == code
        assert set(cases(junit([spoilt], on_unknown)).values()) == {"passed", element}


@pytest.mark.parametrize("on_unknown", [None, "fail", "warn", "pass"])
def test_what_could_not_be_played_never_passes(on_unknown: Any, capsys: pytest.CaptureFixture[str]) -> None:
    told = VerdictOptions(on_unknown=on_unknown)
    assert told.exit_code([UNPLAYED, green(), few()]) == (1 if on_unknown == "fail" else 2)
    assert told.exit_code([UNPLAYED, red()]) == 1
    assert "entrega: early-reply: the server ended at once" in capsys.readouterr().err


# -- the command line, before anything begins


def test_all_is_looked_at_before_anything_is_played(say: Say, tmp_path: Path) -> None:
    (tmp_path / "odd.toml").write_text("speed = { max = 1 }")
    for words, said in (
        ((), "Missing argument"),
        (("steady", "nothing"), "no scenario 'nothing'"),
        (("steady", "--goals", "odd.toml"), "no goal 'speed'"),
        (("steady", "--against", "nowhere.json"), "nowhere.json"),
        (
            ("steady", "-H", "http://127.0.0.1:1", "--wait", "0.3"),
            "nothing answers at http://127.0.0.1:1, within 0.3 s",
        ),
    ):
        done = say("check", *words)
        assert (done.status, done.out) == (2, "")
        assert said in done.line
    assert [path.name for path in tmp_path.iterdir()] == ["odd.toml"]


# -- whole checks


@dataclass(frozen=True, slots=True)
class Ended:
    """A check that ended; `out` is its folder."""

    played: Play
    out: Path

    @property
    def suites(self) -> dict[str, Xml.Element]:
        return {str(suite.get("name")): suite for suite in Xml.parse(self.out / "junit.xml").getroot()}


CHECKS: dict[str, tuple[str, ...]] = {
    "red": ("early-reply", "steady", "--defect", "server.no-history", "--", "--csv", "stats"),
    "cut": ("steady", "early-reply", "-t", "300s"),
    "trouble": ("steady", "early-reply", "--target", "ends.toml", "--on-unknown", "pass"),
}


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Ended]]:
    """All at once: each mostly waits."""
    folder = tmp_path_factory.mktemp("checks")
    bundled = (targets.SHIPPED / "bundled.toml").read_text()
    ends = "start = " + json.dumps("python -c 'raise SystemExit(\"it is Monday\")'")
    (folder / "ends.toml").write_text(re.sub(r'^start = .*?"(?= #)', lambda _: ends, bundled, flags=re.M))
    started = {}
    for name, words in CHECKS.items():
        options = [*settings_of({"agent_first_s": 0.3, **SMALL}), "--out", name, *words]
        variables = {"GITHUB_STEP_SUMMARY": str(folder / f"{name}-step.md")}
        command = [sys.executable, "-m", "entrega", "check", *options]
        started[name] = Ended(
            start(command, folder / name, folder / f"{name}-said", folder, **variables), folder / name
        )
    try:
        cut = started["cut"]
        until(lambda: list(cut.out.glob("steady/*/events/swarm-1.jsonl")), "the first run has begun")
        cut.played.process.send_signal(signal.SIGTERM)
        for each in started.values():
            each.played.wait()
        yield started
    finally:
        for each in started.values():
            each.played.end()


def test_every_artefact_is_left(checks: dict[str, Ended]) -> None:
    red = checks["red"]
    assert red.played.process.returncode == 1, red.played.stderr()
    for scenario in ("early-reply", "steady"):
        (run,) = (red.out / scenario).iterdir()
        assert {"report.html", "summary.json", "ledger.parquet"} <= {path.name for path in (run / "report").iterdir()}
        assert json.loads((run / "run.json").read_text())["end"]["state"] == "complete"
        assert list((red.out.parent).glob("stats_*.csv"))
    assert [(name, suite.get("failures")) for name, suite in red.suites.items()] == [
        ("early-reply", "1"),
        ("steady", "0"),
    ]
    step = (red.out.parent / "red-step.md").read_text()
    assert step == (red.out / "summary.md").read_text()
    assert "| early-reply | **FAIL** |" in step
    assert "| steady | **UNKNOWN** |" in step
    assert (red.out / "latest").resolve().parent.name == "steady"


def test_one_table_at_the_end_says_what_came_of_each(checks: dict[str, Ended]) -> None:
    head, *rows = checks["red"].played.stdout().splitlines()
    assert head.split()[:2] == ["scenario", "verdict"]
    assert [row.split()[:2] for row in rows[:2]] == [["early-reply", "fail"], ["steady", "unknown"]]
    said = checks["red"].played.stderr()
    assert "1 of 2: early-reply\n" in said
    assert "2 of 2: steady\n" in said
    assert "Traceback" not in said


def test_a_signal_leaves_them_too(checks: dict[str, Ended]) -> None:
    cut = checks["cut"]
    assert cut.played.process.returncode == 3
    assert {name: suite.get("errors") for name, suite in cut.suites.items()} == {"steady": "1", "early-reply": "1"}
    assert "It was not played to its end." in (cut.out / "summary.md").read_text()
    assert "stopped by SIGTERM" in cut.played.stderr().splitlines()[-1]
    cut.played.assert_nothing_left(WITHIN_S)


def test_a_server_that_does_not_start_is_told_of_each_scenario(checks: dict[str, Ended]) -> None:
    trouble = checks["trouble"]
    assert trouble.played.process.returncode == 2
    lines = [line for line in trouble.played.stderr().splitlines() if line.startswith("entrega: ")]
    assert [line.split(": ")[1] for line in lines] == ["steady", "early-reply"]
    assert all("it is Monday" in line for line in lines)
    assert {suite.get("errors") for suite in trouble.suites.values()} == {"1"}
    assert "it is Monday" in (trouble.out / "summary.md").read_text()

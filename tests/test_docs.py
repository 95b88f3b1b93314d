"""Docs that fail the build: generated pages are up to date, everything has a place in them, and examples are true."""

import json
import re
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest

from loadtests import scenario as scenarios
from loadtests import target_file as targets
from loadtests.defects import WIDGET_DEFECTS
from loadtests.events import KINDS
from loadtests.faults import FAULTS
from reports.causes import CAUSES, NOT_RECOVERED
from reports.counters import COUNTERS
from reports.ledger import build_ledger
from reports.schema import LEDGER
from server_under_test.__main__ import OPTIONS
from server_under_test.defects import DEFECTS
from tests.docs import DOCS, command, injectors, main, pages
from tests.docs_commands import commands
from tests.docs_text import COUNTED, JOURNAL_KINDS, OUTCOMES
from tests.node_process import node
from tests.played import environment
from tests.story import HAPPENED, story
from tests.written.history import Book
from tests.written.reading import row

ROOT = DOCS.parent


def test_generated_pages_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().err


def test_a_page_that_differs_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tests.docs.DOCS", tmp_path)
    assert main([]) == 0
    assert {file.name for file in tmp_path.iterdir()} == set(pages())
    assert main(["--check"]) == 0
    (tmp_path / "events.md").write_text("old", encoding="utf-8")
    assert main(["--check"]) == 1
    assert capsys.readouterr().err == "docs/events.md is not up to date; mend it: make docs\n"


THINGS = {
    "commands": [f"entrega {name}" for name in commands()],
    "options": sorted({option for each in commands().values() for option in chain(*(p.opts for p in each.params))} - {
        param.name for each in commands().values() for param in each.params if param.param_type_name == "argument"
    }),
    "serve's options": [f"--{option}" for option in OPTIONS],
    "kinds": list(KINDS),
    "causes": [cause.name for cause in (*CAUSES, *NOT_RECOVERED)],
    "columns": [column.name for column in LEDGER],
    "counters": list(COUNTERS),
    "defects": [*DEFECTS, *WIDGET_DEFECTS],
    "faults": list(FAULTS),
    "scenarios": list(scenarios.shipped()),
    "targets": list(targets.shipped()),
}  # fmt: skip


@pytest.mark.parametrize("things", THINGS.values(), ids=THINGS)
def test_everything_is_documented(things: list[str]) -> None:
    text = "\n".join(file.read_text(encoding="utf-8") for file in (*DOCS.glob("*.md"), ROOT / "README.md"))
    assert things
    assert [name for name in things if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)] == []


def test_words_are_there_for_each_row_of_the_tables_that_have_none_of_their_own() -> None:
    assert set(JOURNAL_KINDS) == {kind.name for kind in KINDS.values() if kind.writer == "server"}
    assert set(COUNTED) == set(COUNTERS)
    (outcome,) = (column.meaning for column in LEDGER if column.name == "outcome")
    assert outcome.replace(" or ", ", ").split(", ") == list(OUTCOMES)


def test_every_cause_can_be_injected_but_groups_and_unexplained() -> None:
    assert [cause.name for cause in CAUSES if not injectors(cause.name)] == [
        "handshake_refused", "gone_silent", "subscribed_nowhere", "unexplained",
    ]  # fmt: skip


def test_a_cause_is_reproduced_by_a_scenario_and_defect_that_exist() -> None:
    assert command(injectors("not_rejoined")[0]).startswith("entrega run short-drop --defect widget.no-rejoin ")
    known = {*DEFECTS, *WIDGET_DEFECTS}
    for case in chain(*(injectors(cause.name) for cause in (*CAUSES, *NOT_RECOVERED))):
        assert case.scenario in scenarios.shipped()
        assert {defect.partition("=")[0] for defect in case.defects} <= known


def test_the_example_shows_every_kind() -> None:
    assert {event["kind"] for event in story()} == set(KINDS)
    assert [event["t"] for event in story()] == sorted(event["t"] for event in story())


def test_the_example_is_what_it_says(tmp_path: Path) -> None:
    book = Book(run="8abe6356", t0_ns=story()[0]["t"])
    ledger = build_ledger(_written(book, tmp_path / "run"))
    for key, told in HAPPENED.items():
        found = row(ledger, key)
        assert (found["sender_view"], found["outcome"], found["missed_because"]) == told, key
    assert ledger.contradictions == 0
    assert ledger.run.info["sealed"]["garbage"] == 0
    assert {name: ledger.counters[name] for name in ("duplicates", "leaks", "phantoms", "unexpected")} == {
        "duplicates": 0, "leaks": 0, "phantoms": 0, "unexpected": 0,
    }  # fmt: skip


def _written(book: Book, folder: Path) -> Path:
    """The story as a run folder of that book: one file per writer."""
    (folder / "events").mkdir(parents=True)
    for writer, stem in (("swarm", "swarm-1"), ("launcher", "launcher"), ("server", "journal-1")):
        lines = [json.dumps(event) for event in story() if KINDS[event["kind"]].writer == writer]
        (folder / "events" / f"{stem}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "run.json").write_text(json.dumps(book.info), encoding="utf-8")
    return folder


@pytest.mark.parametrize(("language", "command"), [("python", [sys.executable, "-c"]), ("js", ["node", "-e"])])
def test_a_journals_first_lines_of_code_run(language: str, command: list[str], tmp_path: Path) -> None:
    if command[0] == "node":
        command = [node(), *command[1:]]
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", (DOCS / "journal.md").read_text(), re.MULTILINE | re.DOTALL)
    journal = tmp_path / "journal.jsonl"
    subprocess.run([*command, blocks[0]], env=environment(ENTREGA_JOURNAL=str(journal)), check=True, timeout=60)
    (line,) = map(json.loads, journal.read_text().splitlines())
    assert (line["kind"], line["n"], line["node"]) == ("server_started", 1, "1")
    assert line.keys() == {"t", "kind", "n", "node", "boot"}

"""A journal of another run, by another clock or without most of it is refused in one line; with less it is shown."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from loadtests.run_folder import RunFolderError
from reports import found
from reports.ledger import build_ledger, open_ledger
from tests.written.history import Book

Lines = list[dict[str, Any]]
SENT = 15
SECOND = 1_000_000_000


def talk(audited: bool = True) -> Book:
    """Nobody misses any, but one that was emitted while the widget was away."""
    book = Book()
    s = book.story(audited)
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(1)
    for number in range(SENT - 1):
        s.agent_sends(f"a.{number}", 2 + number / 2)
    s.drops("w", 9.5)
    s.agent_sends(f"a.{SENT - 1}", 10)
    s.widget_comes(11, offers=[f"a.{SENT - 1}"])
    return book


def written(folder: Path, spoil: Callable[[Lines], Iterable[dict[str, Any]]], audited: bool = True) -> Path:
    run = talk(audited).write(folder / "run", ends=60)
    journal = run / "events" / "journal-1.jsonl"
    lines = spoil([json.loads(line) for line in journal.read_text().splitlines()])
    journal.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return run


def moved(by_ns: int) -> Callable[[Lines], Lines]:
    return lambda lines: [{**line, "t": line["t"] + by_ns} for line in lines]


def without(kind: str) -> Callable[[Lines], Lines]:
    return lambda lines: [line for line in lines if line["kind"] != kind]


def of_another_run(lines: Lines) -> Lines:
    return [{key: f"x{value}" if key in ("mid", "id", "session") else value for key, value in line.items()}
            for line in lines]  # fmt: skip


@pytest.mark.parametrize("audited", [True, False])
@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (of_another_run, "none is of this run"),
        (moved(100 * SECOND), "CLOCK_MONOTONIC"),
        (moved(-100 * SECOND), "CLOCK_MONOTONIC"),
        (moved(SECOND // 5), "CLOCK_MONOTONIC"),
        (moved(-SECOND // 5), "CLOCK_MONOTONIC"),
        (without("published"), "it never writes `published`"),
        (without("stored"), "it never writes `stored`"),
    ],
)
def test_it_is_refused(tmp_path: Path, spoil: Callable[[Lines], Lines], why: str, audited: bool) -> None:
    run = written(tmp_path, spoil, audited)
    with pytest.raises(RunFolderError, match=why) as refused:
        open_ledger(run)
    assert "\n" not in str(refused.value)
    assert build_ledger(run, journal=False).summary.missed_because == {"offline": 1}


@pytest.mark.parametrize("spoil", [of_another_run, without("published")])
def test_a_few_messages_are_enough_where_nothing_fits(tmp_path: Path, spoil: Callable[[Lines], Lines]) -> None:
    book = Book()
    s = book.story()
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(1)
    s.agent_sends("a.0", 2)
    s.drops("w", 5)
    s.agent_sends("a.1", 6)
    book.lines["journal-1"] = spoil(book.lines["journal-1"])
    with pytest.raises(RunFolderError, match="the server's journal"):
        build_ledger(book.write(tmp_path / "run"))


def test_the_right_one_or_none_mends_it(tmp_path: Path) -> None:
    run = written(tmp_path, moved(100 * SECOND))
    with pytest.raises(RunFolderError, match=r"events/journal-1\.jsonl, or an empty one"):
        open_ledger(run)
    (run / "events").mkdir(exist_ok=True)
    (run / "events" / "journal-1.jsonl").write_text("")
    assert open_ledger(run).contradictions is None


def test_one_that_cannot_be_read_is_no_journal(tmp_path: Path) -> None:
    run = written(tmp_path, lambda lines: [{**line, "t": "2026-11-28T20:00:00Z"} for line in lines])
    with pytest.raises(RunFolderError, match="not one of its lines is an event"):
        open_ledger(run)


def test_one_with_holes_is_read_and_they_are_shown(tmp_path: Path) -> None:
    run = written(tmp_path, lambda lines: [
        line for line in lines if line["kind"] != "published" or not line["mid"].endswith(":0.a.2")
    ])  # fmt: skip
    ledger = open_ledger(run)
    assert ledger.contradictions == 1
    (doubt,) = found.doubts(ledger)
    assert "contradicts what was seen of 1 message, e.g. " in doubt
    assert "0.a.2" in doubt
    assert found.doubts(open_ledger(written(tmp_path / "whole", list))) == []


def test_one_that_lacks_numbered_lines_is_silent_on_them(tmp_path: Path) -> None:
    """Nothing is contradicted, and nobody knows from it whether that message was stored."""
    gone = (":0.a.2", "stored"), (":0.a.2", "published"), (":0.a.4", "stored")
    run = written(tmp_path, lambda lines: [
        line for line in ({**line, "n": n} for n, line in enumerate(lines, start=1))
        if (line.get("mid", "")[-6:], line["kind"]) not in gone
    ])  # fmt: skip
    ledger = open_ledger(run)
    assert ledger.contradictions == 0
    assert found.doubts(ledger) == [
        "The server's journal lacks 3 of its numbered lines (in 1 place): what it does not show of that time "
        "counts as not known (docs/journal.md)."
    ]
    assert open_ledger(run).doubts == ledger.doubts  # also of a ledger that is there already


def test_one_that_breaks_off_says_so(tmp_path: Path) -> None:
    run = written(tmp_path, lambda lines: [line for line in lines if line["t"] < lines[0]["t"] + 7 * SECOND])
    ledger = open_ledger(run)
    assert (ledger.contradictions, ledger.summary.missed_because) == (0, {"offline": 1})
    (doubt,) = found.doubts(ledger)
    assert doubt.startswith("journal-1.jsonl breaks off 143 s before the run's end, and the server went on: ")


def test_one_that_is_late_with_a_line_or_says_less_is_believed(tmp_path: Path) -> None:
    """`published` a moment after the emit; without rooms, members, numbers; and with the messages of another run."""
    late = written(tmp_path / "late", lambda lines: [
        {**line, "t": line["t"] + SECOND // 20 * (line["kind"] == "published")} for line in lines
    ])  # fmt: skip
    less = written(tmp_path / "less", lambda lines: [
        {key: value for key, value in line.items() if key not in ("sids", "members", "n", "boot", "node")}
        for line in lines
    ])  # fmt: skip
    more = written(tmp_path / "more", lambda lines: [*moved(-1000 * SECOND)(of_another_run(lines)), *lines])
    for run in (late, less, more):
        ledger = open_ledger(run)
        assert (ledger.contradictions, ledger.summary.missed_because) == (0, {"offline": 1})

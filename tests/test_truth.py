"""What was done to which message, by the answer key; and that a ledger which says otherwise is found out."""

import json
from pathlib import Path
from typing import Any

import pytest

from reports.ledger import build_ledger
from reports.truth import Compared, compared, struck
from tests.written.history import RUN, Book, Story, ns
from tests.written.stories.gaps import half_open, offline
from tests.written.stories.rooms import early_message


def told(folder: Path, tell: Any, *key: dict[str, Any], journal: bool = True) -> Compared:
    """What a written run says, against an answer key."""
    book = Book()
    tell(book.story())
    book.write(folder)
    (folder / "injected.jsonl").write_text("".join(json.dumps(line) + "\n" for line in key))
    strikes = struck(build_ledger(folder))
    return compared(build_ledger(folder, journal=journal), strikes)


def fault(name: str, start: float, end: float, party: str | None = "widget-0") -> dict[str, Any]:
    return {"kind": "fault", "name": name, "party": party, "start_ns": ns(start), "end_ns": ns(end)}


def test_what_was_called_by_what_was_done(tmp_path: Path) -> None:
    found = told(tmp_path / "run", offline, fault("drop", 5, 6.5))
    assert (found.right, found.false, found.overlooked) == ({"offline": 2}, {}, {})
    assert found.matrix == {("drop", "offline"): 2}


@pytest.mark.parametrize(
    "key",
    [
        [],
        [fault("drop", 5, 6.5, "widget-1")],
        [fault("drop", 7.2, 8)],
        [fault("drop", 0.1, 1.5)],
        [{"kind": "defect", "name": "server.drop-emit", "mid": f"{RUN}:0.a.9", "start_ns": ns(5)}],
    ],
    ids=["nothing", "to somebody else", "later", "got over before", "to another message"],
)
def test_what_nothing_was_done_to(tmp_path: Path, key: list[dict[str, Any]]) -> None:
    found = told(tmp_path / "run", offline, *key)
    assert found.alarms == [f"0.a.{n} is called offline, and nothing was done to it" for n in (1, 2)]
    assert (found.right, found.false) == ({}, {"offline": 2})


def test_what_something_else_was_done_to(tmp_path: Path) -> None:
    found = told(tmp_path / "run", offline, fault("half-open", 5, 6.2))
    assert found.wrong == ["0.a.1 is called offline and is half_open"]  # the other was sent on the way back
    assert (found.right, found.false, found.overlooked) == ({"offline": 1}, {"offline": 1}, {"half_open": 1})


@pytest.mark.parametrize(("also", "wrong"), [([], 1), ([fault("drop", 7, 8)], 0), ([fault("drop", 11, 12)], 1)])
def test_what_lies_on_a_dead_path_is_struck_by_what_comes_next(
    tmp_path: Path, also: list[dict[str, Any]], wrong: int
) -> None:
    def cut_before_anybody_noticed(s: Story) -> None:
        s.opens(0)
        s.widget_comes(0.5)
        s.assumes(2)
        s.agent_sends("a.0", 5, reaches=False)
        s.drops("w", 7, last_frame=4.8)
        s.widget_comes(8, offers=["a.0"])

    found = told(tmp_path / "run", cut_before_anybody_noticed, fault("half-open", 4.9, 10), *also)
    assert len(found.wrong) == wrong
    assert found.alarms == []


def test_who_reads_an_old_ack_is_not_back(tmp_path: Path) -> None:
    """Its page stood still as it joined: when it goes on it reads the ack, and that the connection has ended."""

    def thawed(s: Story) -> None:
        s.opens(0)
        s.widget_comes(0.5)
        s.assumes(2)
        s.drops("w", 4)
        s.connects("w", 5)
        s.joins("w", 5.1, acked=14.9)
        s.drops("w", 20.01, last_frame=20)
        s.freezes("w", 5.2, 14.82)
        s.agent_sends("a.0", 20.5)
        s.widget_comes(21, offers=["a.0"])

    found = told(tmp_path / "run", thawed, fault("freeze", 5.2, 19.9))
    assert (found.right, found.alarms) == ({"offline": 1}, [])


def test_what_came_all_the_same(tmp_path: Path) -> None:
    struck_itself = {"kind": "defect", "name": "server.drop-emit", "mid": f"{RUN}:0.a.0", "start_ns": ns(4)}
    found = told(tmp_path / "run", offline, fault("drop", 5, 6.5), struck_itself)
    assert found.wrong == ["0.a.0 is called live and is not_published"]
    assert found.overlooked == {"not_published": 1}


@pytest.mark.parametrize(("journal", "name"), [(True, "half_open"), (False, "gone_silent")])
def test_what_it_is_called_without_a_journal(tmp_path: Path, journal: bool, name: str) -> None:
    found = told(tmp_path / "run", half_open, fault("half-open", 5, 14.2), journal=journal)
    assert (found.right, found.wrong, found.alarms) == ({name: 2, "offline": 1}, [], [])


def test_what_the_plan_itself_did(tmp_path: Path) -> None:
    def early_and_planned(s: Story) -> None:
        s.book.info["scenario"] |= {"connect_after_s": [4.0, 4.0]}
        early_message(s)

    found = told(tmp_path / "run", early_and_planned)
    assert (found.matrix, found.alarms) == ({("the plan", "early_message"): 3}, [])


def test_what_was_dropped_before_an_agent_read_it(tmp_path: Path) -> None:
    """What came before the assume is owed from there, and read then: that it was not emitted hurt nobody."""

    def before_the_assume(s: Story) -> None:
        s.opens(0)
        s.widget_comes(0.5)
        s.widget_sends("w.0", 1, published=None)
        s.assumes(2, joins=False)
        s.reads_history("a", 2.1, ["w.0"])
        s.joins("a", 2.2, after=1)
        s.expect("w.0", "live")

    dropped = {"kind": "defect", "name": "server.drop-emit", "mid": f"{RUN}:0.w.0", "start_ns": ns(1)}
    found = told(tmp_path / "run", before_the_assume, dropped)
    assert (found.wrong, found.alarms) == ([], [])

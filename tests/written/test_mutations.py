"""The tester can fail: whatever is broken in the list of causes, the matrix of histories leaves its diagonal."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from reports.causes import CAUSES, Cause
from tests.written import matrix as m
from tests.written import opinions
from tests.written.disjoint import ALWAYS, VALUES, both_hold, try_any_facts
from tests.written.history import Book
from tests.written.stories import ALONE, STORIES

BROKEN = dict([*m.broken_conditions(), *m.broken_pieces()])
# Of the histories that need a run of their own, those without which something broken would not be seen. What they all
# are called is for tests/written/test_causes.py; to read every one of them once more would take half a minute.
TELLING = (
    "all_lines_that_a_room_was_entered",
    "away_before_and_after_a_short_restart",
    "back_and_not_joined_when_the_run_ends",
    "frozen_when_the_server_was_back",
    "idle_and_then_the_server_died",
    "idle_timeout",
    "idle_timeouts_and_who_is_back_and_has_not_joined",
    "kicked_by_the_new_boot_before_its_join",
    "malformed_whatever_the_server_did",
    "reconnect_storm",
    "the_line_that_it_waited_for_an_upgrade",
    "the_line_that_the_room_was_entered",
    "told_by_the_second_boot_alone",
)


def runs(folder: Path) -> Iterator[m.Run]:
    book = Book()
    for tell in STORIES:
        tell(book.story())
    yield m.told_by(book, folder / "together")
    alone = {tell.__name__: tell for tell in ALONE}
    for name in TELLING:
        book = Book()
        alone[name](book)
        yield m.told_by(book, folder / name)
    for file in ("owed", "causes"):
        told = opinions.histories(file)
        yield m.Run(opinions.together(told, folder / file), opinions.causes_expected(told))


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> m.Matrix:
    made = m.matrix(runs(tmp_path_factory.mktemp("matrix")))
    try_any_facts(made)
    return made


def test_it_is_diagonal_as_it_is(matrix: m.Matrix) -> None:
    assert matrix.misnamed(CAUSES) == []
    assert matrix.off_diagonal(CAUSES) == 0


def test_every_cause_and_every_group_is_in_it(matrix: m.Matrix) -> None:
    named = {name for (name,) in matrix.con.execute("SELECT DISTINCT expected FROM facts").fetchall()}
    assert named == {cause.name for cause in CAUSES}


@pytest.mark.parametrize("cause", CAUSES[:-1], ids=lambda cause: cause.name)
def test_without_a_cause(matrix: m.Matrix, cause: Cause) -> None:
    assert matrix.off_diagonal(m.without(cause))


@pytest.mark.parametrize("name", [name for name in BROKEN if name != "unexplained: true -> true"])
def test_with_a_broken_condition(matrix: m.Matrix, name: str) -> None:
    assert matrix.off_diagonal(BROKEN[name])


@pytest.mark.parametrize("place", range(len(CAUSES) - 1), ids=lambda n: f"{CAUSES[n].name}-{CAUSES[n + 1].name}")
def test_with_two_neighbours_swapped(matrix: m.Matrix, place: int) -> None:
    """Unless no row can be both: then their order says nothing."""
    first, second = CAUSES[place : place + 2]
    if not matrix.off_diagonal(m.swapped(place)):
        earlier = [f"({cause.condition})" for cause in CAUSES[:place]]
        assert both_hold(matrix, first.condition, second.condition, earlier) == 0


def test_what_is_taken_for_impossible_never_happens(matrix: m.Matrix) -> None:
    for law in ALWAYS:
        assert matrix.con.execute(f"SELECT key, reading FROM facts WHERE NOT ({law})").fetchall() == []


def test_any_facts_have_every_column_that_a_condition_looks_at() -> None:
    words = {word for cause in CAUSES for word in re.findall(r"(?<!['\w])[a-z]+_?[a-z_]*(?!['\w(])", cause.condition)}
    assert words == {*VALUES, "true"}


def test_many_pairs_are_told_apart_by_a_history(matrix: m.Matrix) -> None:
    """Of the others no row can be both; an order that no history shows at all would be nobody's word."""
    shown = [place for place, _ in enumerate(pairwise(CAUSES)) if matrix.off_diagonal(m.swapped(place))]
    assert len(shown) >= len(CAUSES) / 3

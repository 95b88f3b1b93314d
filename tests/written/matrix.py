"""The matrix of all written histories: what each row is to be called, against what a list of causes calls it."""

import dataclasses
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import duckdb
import pyarrow as pa

from loadtests.run_folder import open_run
from reports import causes
from reports.causes import CAUSES, Cause, as_case
from reports.ledger import reconcile
from tests.written.history import Book
from tests.written.reading import READINGS

BACKOFF = "first_backoff_ns"
MISSED = "outcome IN ('recovered', 'lost')"
PIECES = ("GONE", "LOOKED_UP", "WAITING", "ELSEWHERE")  # of reports.causes, which several conditions share


@dataclass(frozen=True)
class Matrix:
    """Table `facts`: every missed row of every book in both readings, with `expected`, what it is to be called."""

    con: duckdb.DuckDBPyConnection

    def off_diagonal(self, tree: tuple[Cause, ...]) -> int:
        """Rows that this list calls otherwise than they are to be called."""
        found = self.con.execute(
            f"SELECT count(*) FROM facts WHERE {as_case(tree)} IS DISTINCT FROM expected"
        ).fetchone()
        assert found is not None
        return int(found[0])

    def misnamed(self, tree: tuple[Cause, ...]) -> list[tuple[str, ...]]:
        """Which those are: key, reading, expected, found."""
        return self.con.execute(
            f"SELECT key, reading, expected, {as_case(tree)} AS found FROM facts WHERE found <> expected"
        ).fetchall()


def matrix(runs: Iterable["Run"]) -> Matrix:
    """Of both readings of every run; only rows whose cause is said."""
    con = duckdb.connect()
    for run in runs:
        for reading, journal in READINGS.items():
            told, backoff = _told(run, reading, journal)
            con.register("told", told)
            con.execute("CREATE TABLE IF NOT EXISTS facts AS FROM told LIMIT 0")
            con.execute("INSERT INTO facts FROM told")
            con.execute(f"CREATE OR REPLACE MACRO first_backoff_ns() AS {backoff}")
    return Matrix(con)


def _told(run: "Run", reading: str, journal: bool) -> tuple[pa.Table, str]:
    with duckdb.connect() as con:
        reconcile(con, open_run(run.folder), journal=journal)
        con.execute("CREATE TABLE wanted (key VARCHAR, expected VARCHAR)")
        con.executemany("INSERT INTO wanted VALUES (?, ?)", [(key, run.expected[key][reading]) for key in run.expected])
        rows = con.sql(
            f"SELECT judged.*, expected, '{reading}' AS reading FROM judged JOIN wanted USING (key) WHERE {MISSED}"
        )
        told = rows.to_arrow_table()
        macro = con.execute(
            f"SELECT macro_definition FROM duckdb_functions() WHERE function_name = '{BACKOFF}'"
        ).fetchone()
    assert macro is not None
    return told, str(macro[0])


@dataclass(frozen=True)
class Run:
    """A written run folder; `expected`: KEY of a row that is missed -> reading -> its cause."""

    folder: Path
    expected: dict[str, dict[str, str]]


def told_by(book: Book, folder: Path) -> Run:
    """A book's run."""
    expected = {}
    for each in (each for story in book.stories for each in story.expected if each.missed_because):
        name = each.missed_because
        expected[each.key] = dict(zip(READINGS, name if isinstance(name, tuple) else (name, name), strict=True))
    return Run(book.write(folder), expected)


# -- mutants


def without(cause: Cause) -> tuple[Cause, ...]:
    """The list without that cause."""
    return tuple(each for each in CAUSES if each is not cause)


def swapped(place: int) -> tuple[Cause, ...]:
    """The list with the cause at that place and its next one in the other order."""
    return (*CAUSES[:place], CAUSES[place + 1], CAUSES[place], *CAUSES[place + 2 :])


def changed(cause: Cause, when: str) -> tuple[Cause, ...]:
    """The list with another condition for that cause."""
    return tuple(dataclasses.replace(each, when=when) if each is cause else each for each in CAUSES)


def broken_conditions() -> Iterator[tuple[str, tuple[Cause, ...]]]:
    """Every atom of every condition, once always true and once never; a piece that several share is one atom."""
    for cause in CAUSES:
        for start, end in _atoms(_folded(cause.when)):
            folded = _folded(cause.when)
            for value in ("true", "false"):
                when = _unfolded(folded[:start] + value + folded[end:])
                yield f"{cause.name}: {folded[start:end]} -> {value}", changed(cause, when)


def broken_pieces() -> Iterator[tuple[str, tuple[Cause, ...]]]:
    """Every atom of the pieces that conditions share, for all of them at once."""
    for name in PIECES:
        text = _piece(name)
        for start, end in _atoms(text):
            for value in ("true", "false"):
                piece = text[:start] + value + text[end:]
                tree = tuple(dataclasses.replace(each, when=each.when.replace(text, piece)) for each in CAUSES)
                yield f"{name}: {text[start:end]} -> {value}", tree


def _piece(name: str) -> str:
    text: str = getattr(causes, name)
    return text


def _folded(when: str) -> str:
    for name in PIECES:
        when = when.replace(_piece(name), f"@{name}")
    return when


def _unfolded(when: str) -> str:
    return re.sub(r"@(\w+)", lambda found: _piece(found[1]), when)


def _atoms(text: str) -> Iterator[tuple[int, int]]:
    """Where the atoms stand: what is between AND and OR, also within brackets that hold several."""
    yield from _between(text, 0, len(text))


def _between(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    cuts = [(start, start), *_joints(text, start, end), (end, end)]
    for (_, begins), (ends, _) in pairwise(cuts):
        part = text[begins:ends]
        if part.startswith("(") and part.endswith(")"):
            yield from _between(text, begins + 1, ends - 1)
        else:
            yield begins, ends


def _joints(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    depth = 0
    for place in range(start, end):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0 and (found := re.compile(r" (AND|OR) ").match(text, place, end)):
            yield found.span()

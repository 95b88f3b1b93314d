"""Reads a written run, with and without its journal, and says where it differs from what its stories expect."""

from pathlib import Path
from typing import Any

import pandas as pd

from reports.ledger import Ledger, build_ledger
from tests.written.history import Book, Story, Written

READINGS = {"journal": True, "swarm": False}


def read(book: Book, folder: Path, ends: float | None = None) -> dict[str, Ledger]:
    """The book's two ledgers, by the name of the reading."""
    book.write(folder, ends)
    return {name: build_ledger(folder, journal=journal) for name, journal in READINGS.items()}


def told(written: tuple[Written, ...], folder: Path) -> tuple[dict[str, Story], dict[str, Ledger]]:
    """All stories in one book, by name, and its two ledgers."""
    book = Book()
    stories = {}
    for tell in written:
        stories[tell.__name__] = story = book.story()
        tell(story)
    return stories, read(book, folder)


def row(ledger: Ledger, key: str) -> dict[str, Any]:
    """One row by its KEY; null is None."""
    rows = ledger.deliveries[ledger.deliveries["key"] == key]
    assert len(rows) == 1, f"{len(rows)} rows of {key}"
    return {str(name): None if pd.isna(value) else value for name, value in rows.iloc[0].items()}


def differences(story: Story, ledger: Ledger) -> list[str]:
    """What the ledger says otherwise than the story expects; the cause is the reading's own."""
    found = []
    for expected in story.expected:
        causes = (expected.missed_because, expected.not_recovered_because)
        got = row(ledger, expected.key)
        wanted = (
            expected.outcome,
            *(each[0 if ledger.journal else 1] if isinstance(each, tuple) else each for each in causes),
        )
        given = (got["outcome"], got["missed_because"], got["not_recovered_because"])
        if wanted != given:
            found.append(f"{expected.key}: {given} instead of {wanted}")
    return found

"""Tables in Markdown."""

from collections.abc import Iterable, Iterator


def table(*headings: str, rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """The lines of a table; a bar within a cell does not end it."""
    yield f"| {' | '.join(headings)} |"
    yield f"|{'---|' * len(headings)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def code(names: Iterable[str]) -> str:
    """`a`, `b`"""
    return ", ".join(f"`{name}`" for name in names)

"""The causes that a run's misses had, said in words: what it means, what mends it, and one message to look at."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.causes import CAUSES, NOT_RECOVERED
from reports.words import listed

if TYPE_CHECKING:
    from reports.summary import Summary


@dataclass(frozen=True, slots=True)
class Found:
    """A cause (or, without a journal, a group of causes) and how many messages it made missed."""

    name: str
    n: int
    sentence: str
    cure: str
    sample: str | None


def missed(summary: "Summary") -> list[Found]:
    """Why messages did not arrive as they were emitted, the commonest first."""
    return [Found(name, n, *explained(name), summary.samples.get(name)) for name, n in summary.missed_because.items()]


def not_recovered(summary: "Summary") -> list[Found]:
    """Why those were not shown later either, the commonest first."""
    return [
        Found(name, n, *explained(name), summary.samples.get(name)) for name, n in summary.not_recovered_because.items()
    ]


def explained(name: str) -> tuple[str, str]:
    """The sentence and the cure of a cause or of a group of causes."""
    for cause in (*CAUSES, *NOT_RECOVERED):
        if cause.name == name:
            return cause.sentence, cause.cure
    alike = [cause.name for cause in CAUSES if cause.group == name]
    return (
        f"{listed(alike)} look alike from outside; only the server's journal can tell them apart.",
        "run it with the server's journal, then `entrega report` names the cause",
    )

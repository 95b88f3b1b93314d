"""What a run's rows had, said in words: causes with what mends them and one message to look at, and reasons."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from reports.causes import CAUSES, NOT_RECOVERED
from reports.outcomes import NOT_ACCEPTED, NOT_OWED, UNJUDGED

if TYPE_CHECKING:
    from reports.summary import Summary


@dataclass(frozen=True, slots=True)
class Found:
    """A cause (or, without a journal, a group of causes), how many messages it explains, and the mid of one."""

    name: str
    n: int
    sentence: str
    cure: str
    sample: str


def missed(summary: "Summary") -> list[Found]:
    """Why messages did not arrive as they were emitted, the commonest first."""
    return [Found(name, n, *explained(name), summary.samples[name]) for name, n in summary.missed_because.items()]


def not_recovered(summary: "Summary") -> list[Found]:
    """Why those were not shown later either, the commonest first."""
    return [
        Found(name, n, *explained(name), summary.samples[name]) for name, n in summary.not_recovered_because.items()
    ]


def explained(name: str) -> tuple[str, str]:
    """The sentence and the cure of a cause of either list."""
    cause = next(each for each in (*CAUSES, *NOT_RECOVERED) if each.name == name)
    return cause.sentence, cause.cure


def reason(row: Mapping[str, Any]) -> str:
    """Why a row of the ledger was not accepted, is not owed or could not be judged, with the words it was given."""
    reasons = UNJUDGED if row["outcome"] == "unjudged" else (*NOT_ACCEPTED, *NOT_OWED)
    sentence = next((each.sentence for each in reasons if each.name == row["reason"]), "The ledger gives no reason.")
    return f"{sentence} ({row['said']})" if row["said"] else sentence


def known(row: "Mapping[Any, Any] | pd.Series[Any]") -> dict[str, Any]:
    """The row of a table with None for what pandas calls missing."""
    return {str(name): None if pd.api.types.is_scalar(each) and pd.isna(each) else each for name, each in row.items()}

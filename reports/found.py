"""What a run's rows had, said in words: causes with what mends them and one message to look at, violations, reasons."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from loadtests.target import Client
from reports import telling
from reports.causes import Cause
from reports.outcomes import NOT_ACCEPTED, NOT_OWED, UNJUDGED
from reports.violations import KNOWN
from reports.words import plural

if TYPE_CHECKING:
    from reports.ledger import Ledger


# Habits of a widget that explain nothing: the defaults, but for how it recovers.
SOUND = {each.name: (each.default,) for each in dataclasses.fields(Client)} | {"recover": ("join", "fetch")}


@dataclass(frozen=True, slots=True)
class Found:
    """What explains `n` messages: a cause (or, without a journal, a group of causes), or who made a violation of them.

    `sample` is the mid of one that was missed, `told` what its cause says of it with its own numbers. `declared`: what
    the target says of its widget that this rests on; empty: nothing.
    """

    title: str
    n: int
    by: Cause
    declared: str
    sample: str = ""
    told: str = ""


def because(ledger: "Ledger", column: str) -> list[Found]:
    """What stands in `missed_because` or `not_recovered_because`, the commonest first."""
    samples, rows = ledger.summary.samples, ledger.deliveries
    found = []
    for name, n in getattr(ledger.summary, column).items():
        cause, sample = KNOWN[name], samples[name]
        told = telling.told(name, known(rows[rows["mid"] == sample].iloc[0]))
        found.append(Found(name, n, cause, _declared(ledger, cause.habits), sample, told))
    return found


def made(ledger: "Ledger") -> list[Found]:
    """Who made the violations that were counted (duplicates, reorders, leaks, phantoms)."""
    found = []
    for violation, names in ledger.summary.attributed.items():
        for name, n in names.items():
            by = KNOWN[name]
            found.append(Found(f"{violation}: {name} ({by.whose})", n, by, _declared(ledger, by.habits)))
    return found


def doubts(ledger: "Ledger") -> list[str]:
    """What speaks against the evidence itself, and so against what is named by it."""
    told, unread, rows = [*ledger.doubts], ledger.run.info.get("unread") or {}, ledger.deliveries
    if ledger.contradictions:
        sample = rows.loc[rows["contradicted"], "mid"].iloc[0]
        told.append(
            f"The server's journal contradicts what was seen of {plural(ledger.contradictions, 'message')}, e.g. "
            f"{sample}: it has holes, or another clock, and causes that rest on it may be wrong (docs/journal.md)."
        )
    for source, n in unread.items():
        told.append(
            f"{plural(n, 'line')} of {source} {'is no event and was' if n == 1 else 'are no events and were'} "
            "left out (docs/events.md)."
        )
    return told


def _declared(ledger: "Ledger", habits: tuple[str, ...]) -> str:
    client = (ledger.run.info.get("target") or {}).get("client") or {}
    said = [
        f"{name} = {json.dumps(client[name])}" for name in habits if client.get(name, SOUND[name][0]) not in SOUND[name]
    ]
    return f"It rests on [client] in the target: {', '.join(said)}." if said else ""


def reason(row: Mapping[str, Any]) -> str:
    """Why a row of the ledger was not accepted, is not owed or could not be judged, with the words it was given."""
    reasons = UNJUDGED if row["outcome"] == "unjudged" else (*NOT_ACCEPTED, *NOT_OWED)
    sentence = next((each.sentence for each in reasons if each.name == row["reason"]), "The ledger gives no reason.")
    return f"{sentence} ({row['said']})" if row["said"] else sentence


def known(row: "Mapping[Any, Any] | pd.Series[Any]") -> dict[str, Any]:
    """The row of a table with None for what pandas calls missing."""
    return {str(name): None if pd.api.types.is_scalar(each) and pd.isna(each) else each for name, each in row.items()}

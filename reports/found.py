"""What a run's rows had, said in words: causes with what mends them and one message to look at, violations, reasons."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from loadtests.target import Client
from reports import telling
from reports.outcomes import NOT_ACCEPTED, NOT_OWED, UNJUDGED
from reports.violations import ATTRIBUTIONS, Attribution
from reports.words import plural

if TYPE_CHECKING:
    from reports.ledger import Ledger


# Habits of a widget that explain nothing: the defaults, but for how it recovers.
SOUND = {each.name: (each.default,) for each in dataclasses.fields(Client)} | {"recover": ("join", "fetch")}


@dataclass(frozen=True, slots=True)
class Found:
    """A cause (or, without a journal, a group of causes), how many messages it explains, and one of them.

    `sample` is that one's mid, `told` what the cause says of it with its own numbers. `declared`: what the target says
    of its widget that the cause rests on; empty: nothing.
    """

    name: str
    n: int
    sentence: str
    cure: str
    sample: str
    told: str
    declared: str


@dataclass(frozen=True, slots=True)
class Made:
    """What made `n` of a violation (duplicates, reorders, leaks, phantoms), and whose doing that was."""

    violation: str
    n: int
    by: Attribution
    declared: str


def missed(ledger: "Ledger") -> list[Found]:
    """Why messages did not arrive as they were emitted, the commonest first."""
    return _found(ledger, ledger.summary.missed_because)


def not_recovered(ledger: "Ledger") -> list[Found]:
    """Why those were not shown later either, the commonest first."""
    return _found(ledger, ledger.summary.not_recovered_because)


def _found(ledger: "Ledger", counts: Mapping[str, int]) -> list[Found]:
    samples, rows = ledger.summary.samples, ledger.deliveries
    found = []
    for name, n in counts.items():
        cause, sample = telling.named(name), samples[name]
        row = known(rows[rows["mid"] == sample].iloc[0])
        found.append(
            Found(name, n, cause.sentence, cause.cure, sample, telling.told(name, row), _declared(ledger, cause.habits))
        )
    return found


def made(ledger: "Ledger") -> list[Made]:
    """Who made the violations that were counted."""
    found = []
    for violation, names in ledger.summary.attributed.items():
        for name, n in names.items():
            by = next(each for each in ATTRIBUTIONS[violation] if each.name == name)
            found.append(Made(violation, n, by, _declared(ledger, by.habits)))
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

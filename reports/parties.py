"""Who was asked for, who connected, who joined, who never came back: facts about parties, from the run's events."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.intervals import Quantiles, quantiles

if TYPE_CHECKING:
    from reports.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Escalations:
    """Sessions whose customer asked for a human, those of them that an agent took, those that none did.

    One that was handed over is taken when the next agent took it.
    """

    asked: int
    assumed: int
    never: int


@dataclass(frozen=True, slots=True)
class Parties:
    """Widgets and agents that were asked for, ever connected, ever joined; joined, cut off and not joined again."""

    asked: int
    connected: int
    joined: int
    never_back: int


def parties(ledger: "Ledger") -> Parties:
    """A party that is done (closed, withdrawn) or never joined has nowhere to be back to."""
    row = ledger.query("""
        WITH lives AS (
            SELECT party,
                bool_or(kind = 'connected') AS connected,
                bool_or(kind = 'joined') AS joined,
                max(t) FILTER (kind = 'joined' OR kind = 'connected' AND recovered) AS last_join,
                max(t) FILTER (kind IN ('closed', 'withdrawn')) AS done,
                max(t) FILTER (kind = 'disconnected') AS last_cut
            FROM events WHERE party IS NOT NULL GROUP BY party
        )
        SELECT count(*) AS asked, count(*) FILTER (connected) AS connected, count(*) FILTER (joined) AS joined,
            count(*) FILTER (last_cut > last_join AND (done IS NULL OR last_cut < done)) AS never_back
        FROM lives""").iloc[0]
    planned = ledger.run.info.get("planned") or {}
    asked = max(int(row["asked"]), (planned.get("widgets") or 0) + (planned.get("agents") or 0))
    return Parties(asked, int(row["connected"]), int(row["joined"]), int(row["never_back"]))


def escalations(ledger: "Ledger") -> Escalations:
    row = ledger.query("""
        WITH lives AS (
            SELECT session, bool_or(kind = 'escalated') AS asked, coalesce(max(t) FILTER (kind = 'assumed')
                > coalesce(max(coalesce(asked_ns, t)) FILTER (kind = 'transferred'), 0), false) AS assumed
            FROM events WHERE session IS NOT NULL GROUP BY session
        )
        SELECT count(*) AS asked, count(*) FILTER (assumed) AS assumed FROM lives WHERE asked""").iloc[0]
    return Escalations(int(row["asked"]), int(row["assumed"]), int(row["asked"] - row["assumed"]))


def time_to_join_ms(ledger: "Ledger") -> Quantiles:
    """From a widget's first connection attempt to its first join ack; who never joined counts as infinite."""
    waits = ledger.query("""
        SELECT (min(t) FILTER (kind = 'joined') - min(t) FILTER (kind = 'connecting')) / 1e6 AS ms
        FROM events WHERE party LIKE 'widget-%' GROUP BY party HAVING bool_or(kind = 'connecting')""")["ms"]
    return quantiles(waits.dropna(), lost=int(waits.isna().sum()))

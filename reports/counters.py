"""What is counted over a whole run beside the outcomes; each is gated at 0 unless a goal says otherwise.

Null means that this target or this evidence cannot show it, never 0. Who made the violations: reports.violations.
"""

from typing import Any

import duckdb

from loadtests.run_json import promised
from reports.violations import VIOLATIONS

# Only where it is known of some message whether it is stored.
PHANTOMS = """
SELECT if(bool_or(stored <> 'not known') FILTER (sent_ns IS NOT NULL), (SELECT coalesce(sum(n), 0) FROM phantoms), NULL)
FROM caused"""

# A mid of this run that a party saw and nobody sent. What a cut recorder of its sender may have lost is not held
# against the server.
UNEXPECTED = """
SELECT count(*) FROM strangers
LEFT JOIN sessions USING (number)
LEFT JOIN watched ON watched.party = if(letter = 'w', 'widget-' || split_part(key, '.', 1), agents[1])
WHERE starts_with(mid, run_prefix()) AND coalesce(watched.whole, recorders_whole())"""

# Frames without a mid that no id names either, such as a bot's greeting; each once, however often it was seen.
FOREIGN = """
SELECT count(DISTINCT coalesce(id, source || ':' || line)) FROM nameless ANTI JOIN named USING (source, line)
WHERE kind = 'received' AND via IS DISTINCT FROM 'audit'"""

# Seconds in which a widget was connected, by whatever page, while a message accepted more than late_after_s ago was not
# shown.
FALSE_CONNECTED = """
WITH spans AS (
    SELECT true AS up, party, connected_ns AS from_ns, ended_ns AS to_ns FROM connections
    UNION ALL
    SELECT false, recipient, accepted_ns + late_after_ns(), unshown_until_ns FROM caused
    WHERE owed AND starts_with(recipient, 'widget-') AND unshown_until_ns > accepted_ns + late_after_ns()
),
fresh AS (  -- of each what no earlier one of its kind has
    SELECT up, party, to_ns, greatest(from_ns, coalesce(max(to_ns) OVER (
        PARTITION BY up, party ORDER BY from_ns, to_ns ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), from_ns)
    ) AS from_ns
    FROM spans
)
SELECT if((SELECT count(*) FROM connections) = 0, NULL, coalesce(
    sum(greatest(0, least(owed.to_ns, lasted.to_ns) - greatest(owed.from_ns, lasted.from_ns))), 0) / 1e9)
FROM fresh AS owed JOIN fresh AS lasted ON lasted.party = owed.party AND lasted.up AND NOT owed.up"""

COUNTERS = {
    **{name: f"SELECT coalesce(sum(n), 0)::BIGINT FROM {name}" for name in ("duplicates", "reorders", "leaks")},
    "phantoms": PHANTOMS,
    "unexpected": UNEXPECTED,
    "foreign": FOREIGN,
    "view_misses": "SELECT coalesce(sum(view_misses), 0)::BIGINT FROM caused WHERE owed",
    "false_connected_s": FALSE_CONNECTED,
}


def count(con: duckdb.DuckDBPyConnection, info: dict[str, Any]) -> dict[str, float | None]:
    """Every counter by name; needs those of reports.facts, and caused of reports.ledger. `info` is run.json's."""
    for table in VIOLATIONS.values():
        con.execute(table)
    counted = {name: _one(con, sql) for name, sql in COUNTERS.items()}
    return counted if promised(info, "order") else {**counted, "reorders": None}


def contradictions(con: duckdb.DuckDBPyConnection) -> int | None:
    """Rows that the swarm saw although the journal says it cannot have been; null: there is no journal."""
    found: int | None = _one(con, "SELECT if(EXISTS (FROM boots), count(*) FILTER (contradicted), NULL) FROM caused")
    return found


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> Any:
    return con.execute(sql).fetchall()[0][0]

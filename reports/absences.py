"""Who was taken away by which of the plan's faults, for how long, when each was back, and what was missed meanwhile."""

import json
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from reports.ledger import Ledger


def absences(ledger: "Ledger") -> pd.DataFrame:
    """A row for each party that lost its connection to a planned fault, with the columns `fault` and `party`;

    `away_s`: how long the fault lasted; `back_s`: from its end until the party had joined on a new connection, null if
    it never had; `missed`, `lost`: messages to it that were emitted from the fault's beginning until it was back, and
    were missed, or lost for good.
    """
    windows = ledger.run.info.get("fault_windows") or []
    given = {"windows": json.dumps(windows), "horizon_ns": round(ledger.run.info["horizon_s"] * 1e9)}
    return ledger.query(SQL, given).astype({"back_s": "Float64"})


def due_per_s(ledger: "Ledger", parties: "pd.Series[str]") -> float:
    """How many messages were due to each of these parties a second; 0 where none had two."""
    found = ledger.query(
        """
        WITH dues AS (
            SELECT count(*) - 1 AS n, (max(due_ns) - min(due_ns)) / 1e9 AS s FROM ledger
            WHERE list_contains(?, recipient) AND due_ns IS NOT NULL GROUP BY recipient
        )
        SELECT coalesce(sum(n) / nullif(sum(s), 0), 0) AS rate FROM dues""",
        [sorted(set(parties))],
    )
    return float(found["rate"].iloc[0])


# A fault of the server hits everybody who had joined. Whose connection outlived the fault was not taken away; and who
# was not back and left before the horizon was over had not waited for as long as that may take.
SQL = """
WITH windows AS (
    SELECT each.name AS fault, each.party AS hit, each.start_ns, each.end_ns
    FROM (SELECT unnest(from_json($windows,
        '[{"name": "VARCHAR", "party": "VARCHAR", "start_ns": "BIGINT", "end_ns": "BIGINT"}]')) AS each)
),
joins AS (
    SELECT party, conn, min(t) AS t FROM events
    WHERE (kind = 'joined' OR kind = 'connected' AND recovered) AND party IS NOT NULL GROUP BY party, conn
),
done AS (SELECT party, max(t) AS t FROM events WHERE kind IN ('closed', 'withdrawn') GROUP BY party),
hits AS (
    SELECT fault, joins.party, start_ns, end_ns, max(conn) AS conn
    FROM windows JOIN joins ON joins.t <= start_ns AND (hit IS NULL OR hit = joins.party) GROUP BY ALL
),
ends AS (
    SELECT hits.* FROM hits LEFT JOIN done USING (party)
    JOIN events ON events.party = hits.party AND events.conn = hits.conn AND kind = 'disconnected'
        AND events.t >= start_ns AND events.t < coalesce(done.t, events.t + 1)
),
backs AS (
    SELECT ends.*, min(joins.t) AS back_ns
    FROM ends LEFT JOIN joins ON joins.party = ends.party AND joins.conn > ends.conn
    LEFT JOIN done ON done.party = ends.party
    GROUP BY ALL HAVING back_ns IS NOT NULL OR coalesce(any_value(done.t) >= any_value(end_ns) + $horizon_ns, true)
),
misses AS (
    SELECT recipient, outcome, coalesce(published_ns, accepted_ns, sent_ns) AS emitted_ns
    FROM ledger WHERE outcome IN ('recovered', 'lost')
),
counted AS (
    SELECT backs.party, backs.start_ns, count(*) AS missed, count(*) FILTER (outcome = 'lost') AS lost
    FROM misses ASOF JOIN backs ON backs.party = recipient AND backs.start_ns <= emitted_ns
    WHERE emitted_ns <= coalesce(back_ns, emitted_ns) GROUP BY ALL
)
SELECT fault, party, (end_ns - start_ns) / 1e9 AS away_s, (back_ns - end_ns) / 1e9 AS back_s,
    coalesce(missed, 0)::INTEGER AS missed, coalesce(lost, 0)::INTEGER AS lost
FROM backs LEFT JOIN counted USING (party, start_ns) ORDER BY start_ns, party"""

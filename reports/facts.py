"""facts: one row per planned message, its stages and the state of its recipient when it was published.

The columns (reports.schema.FACTS) are all that outcomes and causes may look at. The moment of publishing is the
journal's; where there is none, it lies somewhere between sent and answered, and any absence of the recipient within
counts. Everything is a set operation over the whole run: hash joins, ASOF joins, window functions.
"""

from typing import Any

import duckdb

from loadtests.events import KINDS
from reports.connections import IN_FLIGHT_NS, create_connections
from reports.messages import create_messages
from reports.schema import FACTS
from reports.witnesses import create_witnesses

# The moment of publishing [lo_ns, hi_ns], how long the message may take, and the recipient's absence at that moment.
# The journal speaks of a message that it shows published, or that the server outlived.
MOMENTS = """
CREATE TABLE moments AS
WITH told AS (
    SELECT messages.*, coalesce(published_ns IS NOT NULL OR boots.speaks_ns > answered_ns, false) AS journal_speaks,
        coalesce(published_ns, sent_ns) AS lo_ns, coalesce(published_ns, answered_ns) AS hi_ns,
        letter = 'w' AND base_ns <= held_ns AS waited,
        if(waited, held_ns, base_ns) AS counts_from_ns
    FROM messages ASOF LEFT JOIN boots ON boots.start_ns <= coalesce(stored_ns, sent_ns)
)
SELECT told.*,
    greatest(counts_from_ns, coalesce(faults.end_ns, 0)) + horizon_ns() AS horizon_ns,
    coalesce(gaps.end_ns > lo_ns, false) AS absent,
    if(absent, greatest(lo_ns, gaps.start_ns), lo_ns) AS at_ns,
    if(absent, gaps.dropped_ns, NULL) AS dropped_ns,
    if(absent, gaps.end_ns, NULL) AS back_ns,
    coalesce(absent AND gaps.dead_ns <= hi_ns, false) AS server_died,
    absent AND gaps.join_refused AS join_refused,
    if(absent, gaps.join_timeouts, 0) AS join_timeouts
FROM told
ASOF LEFT JOIN faults ON faults.party = told.recipient AND faults.start_ns < told.counts_from_ns + horizon_ns()
ASOF LEFT JOIN gaps
    ON gaps.party = told.recipient AND gaps.session = told.session AND gaps.start_ns <= told.hi_ns"""

# What the recipient's connection was doing at that moment; looked up for those who were absent or missed something.
STATES = """
CREATE TABLE states AS
WITH rejoins AS (SELECT party, session, conn, min(sent_ns) AS rejoin_ns FROM joins GROUP BY ALL),
looked_at AS (
    SELECT moments.mid, moments.recipient, moments.session, at_ns
    FROM moments LEFT JOIN shown USING (mid) WHERE absent OR live_ns IS NULL
)
SELECT looked_at.mid, line.conn, line.refusal,
    CASE WHEN line.kind IS NULL THEN 'never'
        WHEN line.kind <> 'connected' THEN if(line.had_connected, 'down', 'connecting')
        WHEN joins.conn IS DISTINCT FROM line.conn THEN 'connected_unjoined'
        WHEN joins.acked_ns <= at_ns THEN 'joined'
        WHEN joins.answered_ns <= at_ns THEN 'connected_unjoined'
        ELSE 'joining' END AS conn_state,
    joins.sent_ns IS NOT NULL AS join_sent,
    coalesce(joins.first AND joins.conn IS NOT DISTINCT FROM line.conn, false) AS first_join,
    rejoins.rejoin_ns, nullif(connections.ended_ns, forever()) AS conn_ended_ns,
    joins.room AS joined_room, line.kind <> 'connected' OR connections.sid IS NOT NULL AS known_to_journal
FROM looked_at
ASOF LEFT JOIN line ON line.party = looked_at.recipient AND line.from_ns <= looked_at.at_ns
ASOF LEFT JOIN joins
    ON joins.party = looked_at.recipient AND joins.session = looked_at.session AND joins.sent_ns <= looked_at.at_ns
LEFT JOIN rejoins
    ON rejoins.party = looked_at.recipient AND rejoins.session = looked_at.session AND rejoins.conn = line.conn
LEFT JOIN connections ON connections.party = looked_at.recipient AND connections.conn = line.conn"""

# What the journal says of the missed ones: was the recipient among those the message was emitted to, was it written to
# its connection, did that end before a later frame came, and in which room was the connection instead.
MEMBERSHIP = """
CREATE TABLE membership AS
WITH emitted AS (
    SELECT frames.mid, frames.t, unnest(frames.sids) AS sid FROM frames SEMI JOIN states USING (mid)
    WHERE kind = 'published' AND sids IS NOT NULL
),
reached AS (
    SELECT emitted.mid, true AS member, bool_or(seen_ns <= emitted.t + in_flight_ns()) AS in_flight
    FROM emitted JOIN moments USING (mid) JOIN connections USING (sid) WHERE connections.party = moments.recipient
    GROUP BY emitted.mid
),
written AS (
    SELECT frames.mid, min(frames.t) AS written_ns
    FROM frames SEMI JOIN states USING (mid) JOIN moments USING (mid) JOIN connections USING (sid)
    WHERE frames.kind = 'written' AND connections.party = moments.recipient GROUP BY frames.mid
),
entries AS (
    SELECT connections.party, connections.conn, events.t, events.room, events.session
    FROM events JOIN connections USING (sid) WHERE events.kind = 'room_entered'
),
entered AS (
    SELECT states.mid, arg_max(entries.room, entries.t) AS room
    FROM states JOIN moments USING (mid)
    JOIN entries ON entries.party = moments.recipient AND entries.conn = states.conn AND entries.t <= moments.at_ns
        AND coalesce(entries.session = moments.session, entries.room = states.joined_room, true)
    GROUP BY states.mid
)
SELECT mid, CASE WHEN member THEN true WHEN members = 0 OR sids AND known_to_journal THEN false END AS member,
    coalesce(in_flight, false) AS in_flight, written_ns,
    if(EXISTS (FROM entries), entered.room, joined_room) AS entered_room  -- a journal without entries: as it was acked
FROM states JOIN moments USING (mid) LEFT JOIN reached USING (mid) LEFT JOIN written USING (mid)
LEFT JOIN entered USING (mid)
LEFT JOIN (SELECT DISTINCT mid, true AS sids FROM frames WHERE kind = 'published' AND sids IS NOT NULL) USING (mid)"""

# What became of the lost ones afterwards: the first join ack, whether anything asked from before their seq, and whether
# a reply held others that had been missed.
RECOVERY = """
CREATE TABLE recovery AS
WITH lacking AS (
    SELECT mid, recipient, session, seq, hi_ns, moments.horizon_ns FROM moments LEFT JOIN shown USING (mid)
    WHERE kept_ns IS NULL OR kept_ns > moments.horizon_ns
),
acks AS (SELECT party, session, acked_ns FROM joins WHERE acked_ns IS NOT NULL),
asks AS (
    SELECT party, session, acked_ns AS t, "after" FROM joins WHERE acked_ns IS NOT NULL AND "after" IS NOT NULL
    UNION ALL
    SELECT party, session, t, coalesce("after", 0) FROM events WHERE kind = 'history_read' AND audit IS NOT TRUE
),
asked AS (
    SELECT DISTINCT mid FROM lacking JOIN asks ON asks.party = recipient AND asks.session = lacking.session
        AND asks.t > hi_ns AND asks.t <= horizon_ns AND asks."after" < coalesce(seq, forever())
),
handed_over AS (
    SELECT recipient, session, max(kept_ns) AS last_ns FROM moments JOIN shown USING (mid)
    WHERE live_ns IS NULL AND kept_ns IS NOT NULL GROUP BY ALL
)
SELECT lacking.mid, coalesce(acks.acked_ns <= horizon_ns, false) AS joined_after, asked.mid IS NOT NULL AS asked_after,
    coalesce(handed_over.last_ns > hi_ns, false) AS others_offered
FROM lacking
ASOF LEFT JOIN acks ON acks.party = recipient AND acks.session = lacking.session AND acks.acked_ns > hi_ns
LEFT JOIN asked ON asked.mid = lacking.mid
LEFT JOIN handed_over ON handed_over.recipient = lacking.recipient AND handed_over.session = lacking.session"""

# Pages of the recipient that were open when the message was accepted and never showed what another page did.
VIEW_MISSES = """
CREATE TABLE missed_views AS
WITH pages AS (
    SELECT party, view, min(t) AS opened_ns, max(t) AS closed_ns,
        count(*) OVER (PARTITION BY party) AS pages
    FROM events WHERE view IS NOT NULL AND party IS NOT NULL AND kind IN (SELECT kind FROM swarm_kinds)
    GROUP BY party, view
)
SELECT moments.mid, count(*) AS view_misses
FROM moments JOIN shown USING (mid)
JOIN pages ON pages.party = recipient AND answered_ns BETWEEN opened_ns AND closed_ns AND pages.pages > 1
ANTI JOIN (SELECT * FROM sightings WHERE displays > 0) AS held
    ON held.mid = moments.mid AND held.party = pages.party AND held.view = pages.view
WHERE kept_ns IS NOT NULL GROUP BY moments.mid"""

# When all that is stored of a session was read. A read of which fewer messages were recorded than it held says nothing.
AUDITS = """
CREATE TABLE audits AS
SELECT session, max(t) FILTER (kind = 'history_read') AS audit_ns
FROM events
WHERE kind = 'history_read' AND audit AND coalesce("after", 0) = 0 OR kind = 'received' AND via = 'audit'
GROUP BY session
HAVING coalesce(sum("count") FILTER (kind = 'history_read'), 0) <= count(*) FILTER (kind = 'received')"""

SOURCES = """
moments LEFT JOIN shown USING (mid) LEFT JOIN states USING (mid) LEFT JOIN membership USING (mid)
LEFT JOIN recovery USING (mid) LEFT JOIN missed_views USING (mid)
LEFT JOIN audits ON audits.session = moments.session
LEFT JOIN (SELECT party, session, min(acked_ns) AS acked_ns FROM joins GROUP BY ALL) AS first_acks
    ON first_acks.party = moments.recipient AND first_acks.session = moments.session
LEFT JOIN (SELECT DISTINCT party FROM joins WHERE acked_ns IS NOT NULL) AS joiners ON joiners.party = moments.recipient
LEFT JOIN watched AS recipients ON recipients.party = moments.recipient
LEFT JOIN watched AS senders ON senders.party = moments.sender
LEFT JOIN farewells ON farewells.party = moments.recipient AND farewells.session = moments.session"""

STEPS = (MOMENTS, STATES, MEMBERSHIP, RECOVERY, VIEW_MISSES, AUDITS)


def kinds_of(writer: str) -> list[str]:
    """The kinds of event that server, swarm or launcher writes."""
    return [kind.name for kind in KINDS.values() if kind.writer == writer]


def create_facts(con: duckdb.DuckDBPyConnection, info: dict[str, Any]) -> None:
    """Table facts from view events, and the tables it stands on. `info` is run.json's."""
    con.execute(_macros(info))
    for writer in ("server", "swarm"):
        con.execute(f"CREATE TABLE {writer}_kinds AS SELECT unnest(?) AS kind", [kinds_of(writer)])
    create_witnesses(con, info)
    create_connections(con)
    create_messages(con)
    for step in STEPS:
        con.execute(step)
    columns = ", ".join(f"{column.sql} AS {column.name}" for column in FACTS)
    con.execute(f"CREATE TABLE facts AS SELECT {columns} FROM {SOURCES}")


def _macros(info: dict[str, Any]) -> str:
    """The run's own numbers, under names that SQL can call."""
    join = ((info.get("target") or {}).get("socket") or {}).get("join")
    numbers = {
        "forever": "9223372036854775807",
        "in_flight_ns": str(IN_FLIGHT_NS),
        "horizon_ns": str(round(info["horizon_s"] * 1e9)),
        "late_after_ns": str(round(info["late_after_s"] * 1e9)),
        "join_event": "CAST(NULL AS VARCHAR)" if join is None else "'" + str(join).replace("'", "''") + "'",
        "workers": str(int(info.get("workers") or 1)),
    }
    return "; ".join(f"CREATE MACRO {name}() AS {value}" for name, value in numbers.items())

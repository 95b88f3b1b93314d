"""facts: one row per planned message, its stages and the state of its recipient when it was published.

The columns (reports.schema.FACTS) are all that outcomes and causes may look at. The moment of publishing is the
journal's; where there is none, it lies somewhere between sent, or stored, and answered, and the recipient's first
absence within counts. Everything is a set operation over the whole run: hash joins, ASOF joins, window functions.
"""

from typing import Any

import duckdb

from loadtests.events import KINDS
from loadtests.run_json import promised
from loadtests.seal import quoted
from reports import aftermath, connections, endings, membership
from reports.messages import SEEN, create_messages
from reports.schema import FACTS
from reports.witnesses import create_witnesses

# Of a run whose run.json does not say them, as one that was written by hand.
ASSUMED = {"ping_interval_s": 5.0, "ping_timeout_s": 4.0, "backoff_s": 1.0}

# Those whose missing lines may be among those that the journal lacks.
HIDDEN = """
CREATE TABLE hidden AS
SELECT DISTINCT n FROM messages JOIN (SELECT max(end_ns) AS last_ns FROM holes) ON sent_ns < last_ns
LEFT JOIN shown USING (n) JOIN holes
    ON start_ns < greatest(answered_ns + late_after_ns(), coalesce(received_ns, 0)) AND end_ns > sent_ns
WHERE stored_ns IS NULL OR published_ns IS NULL"""

# The moment of publishing [lo_ns, hi_ns], and how long the message may take. The journal speaks of a message that it
# shows published, or that the server outlived. `overtaken`: it was emitted so late that its recipient had come anew,
# and got it by that; that it was not there before counts. What lasts until the next of its kind is found by its span,
# in a hash join: an ASOF join would sort all messages, and each has few to choose from.
MOMENTS = """
CREATE VIEW moments AS
WITH told AS (
    SELECT messages.*, shown.* EXCLUDE (n),
        hidden.n IS NOT NULL AS torn,
        published_ns IS NOT NULL OR boots.speaks_ns > answered_ns AND NOT torn AS journal_speaks,
        received_ns IS NULL AND coalesce(published_ns > again_ns, false) AS overtaken,
        if(overtaken, sent_ns, coalesce(published_ns, least(greatest(stored_ns, sent_ns), answered_ns), sent_ns))
            AS lo_ns,
        coalesce(published_ns, answered_ns) AS hi_ns,
        letter = 'w' AND base_ns <= held_ns AS waited,
        if(waited, held_ns, base_ns) AS counts_from_ns
    FROM messages LEFT JOIN shown USING (n) LEFT JOIN hidden USING (n) LEFT JOIN boots
        ON boots.start_ns <= coalesce(stored_ns, sent_ns) AND coalesce(stored_ns, sent_ns) < boots.next_ns
)
SELECT told.*, greatest(counts_from_ns, coalesce(faults.end_ns, 0)) + horizon_ns() AS horizon_ns
FROM told
LEFT JOIN faults ON faults.party = told.recipient AND faults.start_ns < told.counts_from_ns + horizon_ns()
    AND told.counts_from_ns + horizon_ns() <= faults.next_ns"""

# The few that are looked at more closely: those whose recipient was absent at that moment, and those that were missed.
LOOKED_AT = """
CREATE TABLE looked_at AS
SELECT n, mid, recipient, letter, moments.session, held_ns, seq, room, members, hi_ns, horizon_ns, seen_ns, received_ns,
    kept_ns, live_ns, via, overtaken,
    gaps.party IS NOT NULL AS absent, if(absent, greatest(lo_ns, gaps.start_ns), lo_ns) AS at_ns,
    gaps.start_ns AS gap_start_ns, gaps.dropped_ns, gaps.end_ns AS back_ns, gaps.root AS gap_root, gaps.cause_ms,
    list_filter(gaps.deaths, lambda each: each.dead_ns <= hi_ns)[-1] AS death, death IS NOT NULL AS server_died,
    death['ready_ns'] AS ready_ns, gaps.root = 'server_restarted' OR death['met'] AS met, gaps.join_refused,
    gaps.join_timeouts
FROM moments
LEFT JOIN gaps ON gaps.party = moments.recipient AND gaps.session = moments.session AND gaps.before_ns <= moments.lo_ns
    AND moments.lo_ns < gaps.end_ns AND gaps.start_ns <= moments.hi_ns
WHERE absent OR live_ns IS NULL OR kept_ns > horizon_ns"""

# What the recipient's connection was doing at that moment; of who was there, the newest by which it was, whatever its
# other pages did.
STATES = """
CREATE TABLE states AS
WITH rejoins AS (SELECT party, session, conn, min(sent_ns) AS rejoin_ns FROM joins GROUP BY ALL),
lives AS (  -- when the server let go of each connection by its journal, and when it next died
    SELECT connections.*, left_ns, left_by.reason AS left_by_reason, outages.start_ns AS fell_ns
    FROM connections LEFT JOIN left_by USING (party, conn)
    ASOF LEFT JOIN outages ON outages.start_ns >= connections.connected_ns
),
there AS (
    SELECT mid, presences.*
    FROM looked_at JOIN presences ON presences.party = recipient AND presences.session = looked_at.session
    WHERE NOT absent AND live_ns IS NULL AND acked_ns <= at_ns AND at_ns < quiet_ns
    QUALIFY row_number() OVER (PARTITION BY mid ORDER BY conn DESC, acked_ns DESC) = 1
)
SELECT looked_at.mid, coalesce(there.conn, line.conn) AS conn, line.refusal, line.refused_with,
    CASE WHEN NOT absent THEN 'joined'
        WHEN line.kind IS NULL THEN 'never'
        WHEN line.kind <> 'connected' THEN if(line.had_connected, 'down', 'connecting')
        WHEN joins.conn IS DISTINCT FROM line.conn THEN 'connected_unjoined'
        WHEN joins.acked_ns <= at_ns THEN 'joined'
        WHEN joins.answered_ns <= at_ns THEN 'connected_unjoined'
        ELSE 'joining' END AS conn_state,
    line.kind <> 'connected' AND endings.kicked OR left_ns <= at_ns AND left_by_reason = 'server disconnect' AS kicked,
    left_ns <= at_ns OR fell_ns <= at_ns AS given_up, left_ns > at_ns + 100_000_000 AS held,
    coalesce(there.sent_ns, joins.sent_ns) IS NOT NULL AS join_sent,
    coalesce(there.first, joins.first AND joins.conn IS NOT DISTINCT FROM line.conn, false) AS first_join,
    rejoins.rejoin_ns, nullif(lives.ended_ns, forever()) AS conn_ended_ns,
    absent AND line.kind = 'connected' AND lives.ended_ns < back_ns
        AND coalesce(lives.connected_ns > dropped_ns, true) AS unacked,  -- it ended before a join on it was acked
    endings.ended_by, endings.cause_ms AS ended_ms,
    coalesce(there.room, joins.room) AS joined_room, coalesce(there.next_ns, joins.next_ns) AS next_join_ns,
    line.kind <> 'connected' OR lives.sid IS NOT NULL AS known_to_journal,
    lives.transport,
    if(freezes.end_ns >= at_ns AND (freezes.start_ns <= at_ns OR gap_root = 'frozen'),
        (freezes.end_ns - freezes.start_ns) / 1e6, NULL) AS frozen_ms
FROM looked_at LEFT JOIN there USING (mid)
LEFT JOIN line ON there.mid IS NULL AND line.party = recipient AND line.from_ns <= at_ns AND at_ns < line.until_ns
LEFT JOIN joins ON there.mid IS NULL AND joins.party = recipient AND joins.session = looked_at.session
    AND joins.sent_ns <= at_ns AND at_ns < joins.next_ns
LEFT JOIN rejoins ON rejoins.party = recipient AND rejoins.session = looked_at.session
    AND rejoins.conn = coalesce(there.conn, line.conn)
LEFT JOIN lives ON lives.party = recipient AND lives.conn = coalesce(there.conn, line.conn)
LEFT JOIN endings ON endings.party = recipient AND endings.conn = coalesce(there.conn, line.last_conn)
ASOF LEFT JOIN freezes ON freezes.party = recipient AND freezes.start_ns <= at_ns + 100_000_000
WHERE absent OR live_ns IS NULL"""

# What belongs to a message, to its session and to its two parties. Every message goes through each of these joins, so
# that there is but one for all that is known of few.
SOURCES = """
moments LEFT JOIN (
    SELECT * EXCLUDE (mid, recipient, letter, session, seq, room, members, hi_ns, horizon_ns, seen_ns, received_ns,
        kept_ns, live_ns, via, overtaken)
    FROM looked_at LEFT JOIN states USING (mid) LEFT JOIN membership USING (mid) LEFT JOIN recovery USING (mid)
    FULL JOIN missed_views USING (n) FULL JOIN unheard USING (n) FULL JOIN bursts USING (n)
) AS few USING (n)
LEFT JOIN audits ON audits.session = moments.session
LEFT JOIN (
    (SELECT party, session, min(acked_ns) AS acked_ns FROM joins GROUP BY ALL)
    FULL JOIN (SELECT party, session, min(t) AS left_ns FROM around WHERE kind = 'closed' GROUP BY ALL)
        USING (party, session)
) AS seats ON seats.party = moments.recipient AND seats.session = moments.session
LEFT JOIN (
    (SELECT party, bool_or(acked_ns IS NOT NULL) AS ever_joined FROM joins GROUP BY party)
    FULL JOIN watched USING (party)
) AS recipients ON recipients.party = moments.recipient
LEFT JOIN watched AS senders ON senders.party = moments.sender"""


def kinds_of(writer: str) -> list[str]:
    """The kinds of event that server, swarm or launcher writes."""
    return [kind.name for kind in KINDS.values() if kind.writer == writer]


def create_facts(con: duckdb.DuckDBPyConnection, info: dict[str, Any]) -> None:
    """View facts from view events, and the tables it stands on. `info` is run.json's."""
    con.execute(_macros(info))
    for writer in ("server", "swarm"):
        con.execute(f"CREATE TABLE {writer}_kinds AS SELECT unnest(?) AS kind", [kinds_of(writer)])
    create_witnesses(con, info)
    create_messages(con)
    for step in (
        *connections.TALKED, *endings.STEPS, *connections.ABSENT, *SEEN,
        HIDDEN, MOMENTS, LOOKED_AT, STATES, *membership.STEPS, *aftermath.STEPS,
    ):  # fmt: skip
        con.execute(step)
    columns = ", ".join(f"{column.sql} AS {column.name}" for column in FACTS)
    con.execute(f"CREATE VIEW facts AS SELECT {columns} FROM {SOURCES}")


def _macros(info: dict[str, Any]) -> str:
    """The run's own numbers, under names that SQL can call."""
    scenario = {**ASSUMED, **(info.get("scenario") or {})}

    def said(*path: str) -> str:
        """What the target says there."""
        table = info.get("target") or {}
        for name in path:
            table = table.get(name) or {}
        return quoted(str(table)) if table else "CAST(NULL AS VARCHAR)"

    macros = {
        "run_prefix()": quoted(f"{info['run']}:"),
        "forever()": "9223372036854775807",
        "planned_horizon_ns()": str(round(info["horizon_s"] * 1e9)),
        "horizon_ns()": "getvariable('horizon_ns')",
        "late_after_ns()": str(round(info["late_after_s"] * 1e9)),
        "planned_heartbeat_ns()": str(round((scenario["ping_interval_s"] + scenario["ping_timeout_s"]) * 1e9)),
        "ping_interval_ns()": f"CAST({scenario['ping_interval_s'] * 1e9} * getvariable('heartbeat') AS BIGINT)",
        "ping_timeout_ns()": f"CAST({scenario['ping_timeout_s'] * 1e9} * getvariable('heartbeat') AS BIGINT)",
        # Twice as long: with its spread, and the time to connect and join.
        "first_backoff_ns()": str(round(scenario["backoff_s"] * 2e9)),
        "join_event()": said("widget", "join", "event"),
        "message_event(letter)": "if(letter = 'w', {}, {})".format(
            *(said(who, "message", "event") for who in ("agent", "widget"))
        ),
        "namespace_of(party)": "coalesce(if(starts_with(party, 'agent'), {}, {}), '/')".format(
            *(said(who, "socket", "namespace") for who in ("agent", "widget"))
        ),
        "workers()": str(int(info.get("workers") or 1)),
        **{f"promises_{what}()": str(promised(info, what)) for what in ("history", "private")},
    }
    return "; ".join(f"CREATE MACRO {name} AS {value}" for name, value in macros.items())

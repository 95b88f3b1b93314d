"""Who took part, who recorded it and until when, and when there was no server: what every message is judged against.

All are tables of an open DuckDB connection that has the view `events`. Times are ns of CLOCK_MONOTONIC.
"""

import json
from typing import Any

import duckdb

# All that is told of others than messages: by far the most events are of messages, and need not be read for it again.
AROUND = """
CREATE TABLE around AS
SELECT source, line, t, kind, party, view, conn, session, "index", sid, transport, reason, status, last_frame_ns,
    since_ns, asked_ns, namespace, room, "after", "count", event, audit, lag_ms, depth, upgrading, recovered, refused,
    heartbeat_ns
FROM events WHERE kind NOT IN ('sent', 'unsent', 'accepted', 'refused', 'unanswered', 'received', 'displayed',
    'removed', 'not_displayed', 'stored', 'published', 'not_enqueued', 'written')"""

# A server may have a heartbeat of its own, of which it says only the whole: its parts are taken for as long, one to the
# other, as the run's. Where it gives the silent up later than the run reckoned with, so long a message may still come.
HEARTBEAT = """
SET VARIABLE heartbeat = (SELECT coalesce(max(heartbeat_ns) / planned_heartbeat_ns(), 1) FROM around);
SET VARIABLE horizon_ns = (
    planned_horizon_ns() + greatest(ping_interval_ns() + ping_timeout_ns() - planned_heartbeat_ns(), 0)
)"""

# From when until when each page and connection wrote each kind of event: all of them are read for it once.
SPELLS = """
CREATE TABLE spells AS
SELECT source, party, view, conn, kind, min(t) AS first_ns, max(t) AS last_ns FROM events GROUP BY ALL"""

# What a load process wrote is more than a sentinel, unless its file says whose it is.
OF_LOAD = "HAVING bool_or(kind <> 'sentinel') OR starts_with(source, 'swarm')"

# One row per load process, whatever its file is called. `whole`: its last line is the sentinel; otherwise it was cut at
# `end_ns`.
RECORDERS = f"""
CREATE TABLE recorders AS
SELECT source, max(last_ns) AS end_ns, bool_or(kind = 'sentinel') AS whole
FROM spells WHERE kind IN (SELECT kind FROM swarm_kinds) GROUP BY source
{OF_LOAD};
CREATE MACRO recorders_whole() AS (SELECT coalesce(bool_and(whole), false) AND count(*) >= workers() FROM recorders)"""

# One row per party: when its recorder ended, and when the party itself was stopped early (null: it was not).
PARTIES = """
CREATE TABLE watched AS
SELECT party, withdrawn_ns, end_ns, whole
FROM (
    SELECT party, min(source) AS source, min(first_ns) FILTER (kind = 'withdrawn') AS withdrawn_ns
    FROM spells SEMI JOIN recorders USING (source) WHERE party IS NOT NULL GROUP BY party
) JOIN recorders USING (source)"""

# Every session of the server's, by its number in the plan: the index, else the widget's.
NUMBERS = """
CREATE TABLE numbers AS
SELECT session, min(t) FILTER (kind = 'session_opened') AS opened_ns,
    coalesce(max("index"),
        max(try_cast(split_part(party, '-', 2) AS INTEGER)) FILTER (starts_with(party, 'widget-'))) AS number
FROM around WHERE kind IN ('session_opened', 'escalated', 'join_sent', 'joined', 'assumed') AND session IS NOT NULL
GROUP BY session HAVING number IS NOT NULL"""

# Which agent holds a session from when until when: from the assume until it is handed over, and again from the next
# assume. What comes in between is for the next one. A hand-over counts from its asking: what was accepted before that
# the agent's room has seen, and what is accepted while it is on its way the next one reads at the assume. `since_ns`:
# the hand-over before it, from when on what is accepted waits for this agent.
HOLDINGS = """
CREATE TABLE holdings AS
WITH turns AS (
    SELECT number, session, party, kind, coalesce(asked_ns, t) AS t FROM around JOIN numbers USING (session)
    WHERE kind IN ('assumed', 'transferred')
),
told AS (
    SELECT *, lag(kind) OVER turns AS before, min(if(kind = 'transferred', t, NULL)) OVER (
        PARTITION BY number ORDER BY t ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS until_ns
    FROM turns WINDOW turns AS (PARTITION BY number ORDER BY t)
)
SELECT number, session, party AS agent, t AS from_ns, coalesce(until_ns, forever()) AS until_ns,
    lag(coalesce(until_ns, forever()), 1, -forever()) OVER (PARTITION BY number ORDER BY t) AS since_ns
FROM told WHERE kind = 'assumed' AND before IS DISTINCT FROM 'assumed'"""

# One row per session of the plan; of several the one that was opened first.
SESSIONS = """
CREATE TABLE sessions AS
SELECT number, 'widget-' || number AS widget,
    coalesce(arg_min(numbers.session, opened_ns), max(numbers.session)) AS session,
    min(opened_ns) AS opened_ns,
    list(DISTINCT agent ORDER BY agent) FILTER (agent IS NOT NULL) AS agents
FROM numbers LEFT JOIN holdings USING (number) GROUP BY number"""

JOURNAL = """
CREATE TABLE journal AS SELECT source, t, kind, n FROM events WHERE kind IN (SELECT kind FROM server_kinds)"""

# The lives of the server's process, by its journal. `last_ns`: its last line. `speaks_ns`: until when silence proves
# something: its last line if the process is known to have died after it, or if what was sent after it came all the
# same (the journal broke off), else for good. A journal that never writes down a message is silent on messages.
BOOTS = """
CREATE TABLE boots AS
WITH starts AS (
    SELECT source, t AS start_ns FROM journal WHERE kind = 'server_started'
    UNION
    SELECT source, min(t) FROM journal GROUP BY source
),
bounds AS (SELECT *, lead(start_ns, 1, forever()) OVER (PARTITION BY source ORDER BY start_ns) AS next_ns FROM starts),
lives AS (
    SELECT source, start_ns, max(t) AS last_ns
    FROM bounds JOIN journal USING (source) WHERE t >= start_ns AND t < next_ns GROUP BY source, start_ns
),
killed AS (SELECT max(t) AS t FROM around WHERE kind = 'server_ended' AND status IS DISTINCT FROM 0),
later AS (
    SELECT source, party, ended_ns FROM spells, (SELECT max(last_ns) AS ended_ns FROM lives)
    WHERE kind = 'sent' AND last_ns > ended_ns
),
outlived AS (
    SELECT count(*) > 0 AS broke_off FROM events SEMI JOIN (
        SELECT mid FROM events JOIN later USING (source, party) WHERE events.kind = 'sent' AND t > ended_ns
    ) USING (mid)
    WHERE kind IN ('received', 'displayed') AND coalesce(via, 'live') = 'live'
),
written AS (SELECT count(*) > 0 AS messages FROM events WHERE kind IN ('stored', 'published'))
SELECT source, start_ns, last_ns, lead(start_ns, 1, forever()) OVER (ORDER BY start_ns) AS next_ns,
    CASE WHEN NOT messages THEN start_ns
        WHEN next_ns = forever() AND coalesce(killed.t < last_ns, true) AND NOT broke_off THEN forever()
        ELSE last_ns END AS speaks_ns,
    next_ns = forever() AND broke_off AS broke_off
FROM lives, killed, outlived, written"""

# Where lines of a boot's journal are missing, by their numbers: what it does not show from the line before to the line
# after proves nothing. Numbers are put in order only where they do not add up. Holes that no message fits between
# (one has late_after_s to arrive) are one.
HOLES = """
CREATE TABLE holes AS
WITH numbered AS (
    SELECT journal.source, start_ns, t, n
    FROM journal JOIN boots ON boots.source = journal.source AND start_ns <= t AND t <= last_ns WHERE n IS NOT NULL
),
torn AS (
    SELECT source, start_ns FROM numbered GROUP BY ALL
    HAVING max(n) - min(n) + 1 <> count(*) OR sum(n) <> (min(n) + max(n)) / 2 * count(*)
),
gaps AS (
    SELECT least(t, lag(t) OVER by_number) AS start_ns, t AS end_ns, n - lag(n) OVER by_number - 1 AS missing
    FROM numbered SEMI JOIN torn USING (source, start_ns)
    WINDOW by_number AS (PARTITION BY source, start_ns ORDER BY n) QUALIFY missing > 0
),
spaced AS (
    SELECT *, coalesce(start_ns > late_after_ns() + max(end_ns) OVER (
        ORDER BY start_ns ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), true) AS apart
    FROM gaps
),
clustered AS (SELECT *, count(*) FILTER (apart) OVER (ORDER BY start_ns, end_ns) AS cluster FROM spaced)
SELECT min(start_ns) AS start_ns, max(end_ns) AS end_ns, sum(missing)::BIGINT AS missing
FROM clustered GROUP BY cluster"""

# When there was no server: as the launcher says, else from a boot's last line on; where neither says so, as the swarm
# saw it: who is started anew by a supervisor dies unseen by its launcher. `fell_ns`: when it let go of its clients,
# which is told by them: a server that is stopped closes connections some time before its process is gone, and who left
# before most others did, or by itself, was not sent away.
OUTAGES = """
CREATE TABLE outages AS
WITH told AS (
    SELECT t AS start_ns, kind, lead(t) OVER (ORDER BY t) AS end_ns
    FROM around WHERE kind IN ('server_ready', 'server_ended')
),
ends AS (SELECT last_ns AS start_ns, lead(start_ns) OVER (ORDER BY start_ns) AS end_ns FROM boots),
deaths AS (  -- a boot that most connections outlived was none
    SELECT start_ns, end_ns FROM ends LEFT JOIN around ON kind IN ('connected', 'disconnected')
    WHERE end_ns IS NOT NULL GROUP BY ALL
    HAVING count(*) FILTER (kind = 'disconnected' AND t BETWEEN start_ns - 1_000_000_000 AND end_ns + 1_000_000_000)
        >= 0.5 * (count(*) FILTER (kind = 'connected' AND t < start_ns)
            - count(*) FILTER (kind = 'disconnected' AND t < start_ns - 1_000_000_000))
),
ups AS (
    SELECT t, kind, sum(CASE kind WHEN 'connected' THEN 1 ELSE -1 END) OVER (
            ORDER BY t RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS up,  -- before that moment
        count(*) FILTER (kind = 'disconnected') OVER (
            ORDER BY t RANGE BETWEEN CURRENT ROW AND 1_000_000_000 FOLLOWING
        ) AS drops
    FROM around WHERE kind IN ('connected', 'disconnected')
),
-- At least 80 % of the connections that were up dropped within 1 s ...
mass_drops AS (SELECT t FROM ups WHERE kind = 'disconnected' AND up >= 2 AND drops >= 0.8 * up),
answers AS (
    SELECT t, kind FROM around
    WHERE kind = 'connected' OR kind = 'connect_failed' AND status IS NULL AND reason ILIKE '%refused%'
),
-- ... and the next that was heard of the server is that it refuses connections.
refusals AS (
    SELECT mass_drops.t AS start_ns, answers.t AS refused_ns, answers.kind
    FROM mass_drops ASOF JOIN answers ON answers.t > mass_drops.t
),
returns AS (SELECT t FROM around WHERE kind = 'connected'),
spans AS (
    SELECT start_ns, coalesce(end_ns, forever()) AS end_ns FROM told WHERE kind = 'server_ended'
    UNION ALL
    SELECT start_ns, end_ns FROM deaths WHERE NOT EXISTS (
        FROM told WHERE kind = 'server_ended' AND told.start_ns BETWEEN deaths.start_ns AND deaths.end_ns)
    UNION ALL
    SELECT min(start_ns), coalesce(returns.t, forever())
    FROM refusals ASOF LEFT JOIN returns ON returns.t > refusals.refused_ns
    WHERE refusals.kind = 'connect_failed'
        AND NOT EXISTS (FROM told WHERE kind = 'server_ended' AND told.start_ns < refused_ns)
        -- and no journal speaks of that time: not of a boot that lived on, nor of its death
        AND NOT EXISTS (FROM boots WHERE boots.start_ns <= refusals.start_ns AND last_ns >= refused_ns)
        AND NOT EXISTS (FROM deaths WHERE deaths.start_ns <= refused_ns AND deaths.end_ns >= refusals.start_ns)
    GROUP BY returns.t
)
SELECT start_ns, end_ns, coalesce(quantile_cont(t, 0.5)::BIGINT, start_ns) - 100_000_000 AS fell_ns
FROM spans LEFT JOIN (
    SELECT t FROM around WHERE kind = 'disconnected' AND coalesce(reason NOT ILIKE '%client disconnect%', true)
) AS drops ON t BETWEEN start_ns - 1_000_000_000 AND start_ns + 1_000_000_000
GROUP BY start_ns, end_ns"""

# The windows of run.json; `party` null hits everybody.
PLANNED_FAULTS = """
CREATE TABLE planned_faults AS
SELECT * REPLACE (coalesce(end_ns, start_ns) AS end_ns) FROM (
    SELECT unnest(from_json(?, '[{"party": "VARCHAR", "start_ns": "BIGINT", "end_ns": "BIGINT"}]'), recursive := true)
)"""

# Faults that follow one another within the allowance are one: as long as they last nobody is expected to be back.
FAULTS = """
CREATE TABLE faults AS
WITH hits AS (
    SELECT watched.party, planned_faults.start_ns, planned_faults.end_ns
    FROM planned_faults JOIN watched ON planned_faults.party IS NULL OR planned_faults.party = watched.party
),
spaced AS (
    SELECT *, coalesce(start_ns >= horizon_ns() + max(end_ns) OVER (
        PARTITION BY party ORDER BY start_ns ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ), true) AS apart
    FROM hits
),
numbered AS (
    SELECT *, count(*) FILTER (apart) OVER (PARTITION BY party ORDER BY start_ns, end_ns) AS cluster FROM spaced
)
SELECT party, min(start_ns) AS start_ns, max(end_ns) AS end_ns,
    lead(min(start_ns), 1, forever()) OVER (PARTITION BY party ORDER BY min(start_ns)) AS next_ns
FROM numbered GROUP BY party, cluster"""

# When a page's timers stood still, as it noticed itself when they ran again.
FREEZES = """
CREATE TABLE freezes AS
SELECT party, since_ns AS start_ns, max(t) AS end_ns FROM around WHERE kind = 'frozen' AND since_ns < t GROUP BY ALL"""

# When the server's loop stood still for longer than it waits for a pong, by its journal; what it measures begins some
# time after it stood still.
STALLS = """
CREATE TABLE stalls AS
SELECT t - CAST(lag_ms * 1e6 AS BIGINT) AS start_ns, max(t) AS end_ns
FROM around WHERE kind = 'loop_lag' AND lag_ms * 1e6 > 0.95 * ping_timeout_ns() GROUP BY ALL"""

STEPS = (
    AROUND, HEARTBEAT, SPELLS, RECORDERS, PARTIES, NUMBERS, HOLDINGS, SESSIONS, JOURNAL, BOOTS, HOLES,
    OUTAGES, FAULTS, FREEZES, STALLS,
)  # fmt: skip


def create_witnesses(con: duckdb.DuckDBPyConnection, info: dict[str, Any]) -> None:
    """Tables around, spells, recorders, watched, numbers, holdings, sessions, boots, outages, faults and so on."""
    con.execute(PLANNED_FAULTS, [json.dumps(info.get("fault_windows") or [])])
    for step in STEPS:
        con.execute(step)

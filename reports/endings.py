"""Why each connection that ended did, as far as the evidence tells, and since when nothing more came over it.

A frame may be read a little after it came, so a connection is quiet from IN_FLIGHT_NS before the last frame on: what
was written then may have died with it. Where frames came late, by a slow reader or by a page that stood still, it is
quiet from the last message on that it carried, however late that was read: a connection keeps the order. The same holds
where a message was its last frame and had come later than that.

ended_by          the cause it is the beginning of; null: nothing is known but that it ended
kicked            the server disconnected it (a Socket.IO DISCONNECT)
frozen            its page stood still, and nothing came over it afterwards
server_stalled    it went silent while the server's loop stood still for longer than it waits for a pong
half_open         it was silent for as long as a dead path takes to be noticed, to its client, or before that to the
                  server; and no stall was to blame
gone_silent       one of those two; without a journal nobody knows which
slow_consumer     its last message came more than a second late, or much was queued for it
idle_timeout      it was closed after the same silence again and again, as by a proxy that drops what is idle
"""

import duckdb

IN_FLIGHT_NS = 100_000_000
LATE_MS = IN_FLIGHT_NS // 1_000_000
SLOW_MS = 1_000  # a frame that takes longer on one machine has waited for its reader
DEEP = 16  # packets in the queue of one connection
ALIKE_NS = 100_000_000  # idle time-outs are as exact as the timers behind them
AT_LEAST = 3  # equal silences are no coincidence

# The last message that each of them carried, and how late it was read. Without a journal it was emitted before its
# sender was told, if that is not the reader itself, who is told as late as it reads.
CARRIED = """
CREATE TABLE carried AS
SELECT last_frames.party, last_frames.conn, last_frames.t AS read_ns, coalesce(published_ns, sent_ns) AS emitted_ns,
    (last_frames.t - coalesce(published_ns, if(sender = last_frames.party, NULL, accepted_ns), sent_ns)) / 1e6
        AS late_ms
FROM (
    SELECT party, conn, arg_max(mid, t) AS mid, max(t) AS t FROM frames
    SEMI JOIN (SELECT party, conn FROM connections WHERE ended_ns < forever()) USING (party, conn)
    WHERE kind = 'received' AND via = 'live' GROUP BY party, conn
) AS last_frames JOIN messages USING (mid)"""

# What the server saw of them: when and why it gave them up, how long it had heard nothing, how much it had queued.
LEFT = """
CREATE TABLE left_by AS
SELECT sid, arg_min(reason, t) FILTER (kind = 'sid_disconnected') AS reason,
    min(t) FILTER (kind = 'sid_disconnected') AS left_ns,
    min(t - last_frame_ns) FILTER (kind = 'sid_disconnected') AS unheard_ns, max(depth) AS depth
FROM around WHERE kind IN ('sid_disconnected', 'queue') AND sid IS NOT NULL GROUP BY sid"""

# How long each that ended had been silent; pings come every pingInterval, so that no healthy one is longer than that.
SILENCES = """
CREATE TABLE silences AS
SELECT connections.party, conn, sid, reason, ended_ns, seen_ns, ended_ns - seen_ns AS silent_ns,
    silent_ns >= 0.95 * (ping_interval_ns() + ping_timeout_ns())
        OR silent_ns >= 0.9 * ping_timeout_ns() AND coalesce(reason ILIKE '%ping timeout%', false) AS silent
FROM connections WHERE ended_ns < forever()"""

# A proxy's idle limit: who was closed by the other side was closed again after the same silence, and so were at least
# half of all who were closed. No healthy path is silent for longer than pings are apart.
IDLE = f"""
CREATE TABLE idle AS
WITH closed AS (
    SELECT party, conn, silent_ns, lag(silent_ns) OVER by_silence AS shorter_ns,
        lead(silent_ns) OVER by_silence AS longer_ns
    FROM silences
    WHERE NOT silent AND reason ILIKE '%transport%' AND NOT EXISTS (
        FROM outages WHERE silences.ended_ns BETWEEN outages.start_ns - 1_000_000_000 AND outages.end_ns)
    WINDOW by_silence AS (PARTITION BY party ORDER BY silent_ns)
),
alike AS (
    SELECT party, conn FROM closed
    WHERE silent_ns BETWEEN {5 * ALIKE_NS} AND ping_interval_ns()
        AND (silent_ns - shorter_ns <= {ALIKE_NS} OR longer_ns - silent_ns <= {ALIKE_NS})
)
SELECT party, conn FROM alike
WHERE (SELECT count(*) >= {AT_LEAST} FROM alike)
    AND (SELECT 2 * count(DISTINCT party) FROM alike) >= (SELECT count(DISTINCT party) FROM closed)"""

ENDINGS = f"""
CREATE TABLE endings AS
SELECT silences.party, silences.conn,
    CASE WHEN silences.reason ILIKE '%server disconnect%' OR left_reason = 'server disconnect' THEN 'kicked'
        WHEN freezes.end_ns >= seen_ns - 1_000_000_000 THEN 'frozen'
        WHEN (silent OR given_up) AND seen_ns <= stalls.start_ns + 1_000_000_000 THEN 'server_stalled'
        WHEN silent OR given_up THEN if(journal, 'half_open', 'gone_silent')
        WHEN late_ms >= {SLOW_MS} OR depth >= {DEEP} THEN 'slow_consumer'
        WHEN idle.conn IS NOT NULL THEN 'idle_timeout' END AS ended_by,
    CASE ended_by WHEN 'frozen' THEN (freezes.end_ns - freezes.start_ns) / 1e6
        WHEN 'server_stalled' THEN (stalls.end_ns - stalls.start_ns) / 1e6
        WHEN 'slow_consumer' THEN late_ms
        ELSE silent_ns / 1e6 END AS cause_ms,
    least(seen_ns - {IN_FLIGHT_NS},
        if(late_ms >= {SLOW_MS} OR late_ms >= {LATE_MS} AND seen_ns < read_ns + {IN_FLIGHT_NS}, emitted_ns, NULL),
        if(ended_by = 'frozen', freezes.start_ns - {IN_FLIGHT_NS}, NULL)) AS quiet_ns
FROM (
    SELECT silences.*, depth, left_by.reason AS left_reason, coalesce(left_ns <= ended_ns + {IN_FLIGHT_NS}
            AND unheard_ns >= 0.95 * (ping_interval_ns() + ping_timeout_ns()), false) AS given_up
    FROM silences LEFT JOIN left_by USING (sid)
) AS silences CROSS JOIN (SELECT count(*) > 0 AS journal FROM boots)
LEFT JOIN carried USING (party, conn) LEFT JOIN idle USING (party, conn)
ASOF LEFT JOIN freezes ON freezes.party = silences.party AND freezes.start_ns <= silences.ended_ns
ASOF LEFT JOIN stalls ON stalls.start_ns <= silences.ended_ns"""

STEPS = (CARRIED, LEFT, SILENCES, IDLE, ENDINGS)


def create_endings(con: duckdb.DuckDBPyConnection) -> None:
    """Table endings; needs those of reports.witnesses, connections, and of reports.messages messages and frames."""
    for step in STEPS:
        con.execute(step)

"""Why each connection that ended did, as far as the evidence tells, and since when nothing more came over it.

A frame may be read a little after it came, so a connection is quiet from IN_FLIGHT_NS before the last frame on: what
was written then may have died with it. Where frames came late, by a slow reader or by a page that stood still, it is
quiet from the last message on that it carried, however late that was read: a connection keeps the order. The same holds
where a message was its last frame and had come later than that; where another frame was, as a ping, that was as late
as the message before it. But who were behind by more than a heartbeat would have been given up by then.

ended_by          the cause it is the beginning of; null: nothing is known but that it ended
kicked            the server disconnected it (a Socket.IO DISCONNECT)
frozen            its page stood still, and nothing came over it afterwards; it had not been silent before
server_stalled    it went silent, and had not been given up, as the server's loop stood still for longer than it waits
                  for a pong; or its client had missed its pings by the end of that, when other frames came again
half_open         it was silent for as long as a dead path takes to be noticed, to its client, or before that to the
                  server; and no stall was to blame
gone_silent       one of those two; without a journal, where it lacks lines or never writes loop_lag, nobody knows which
slow_consumer     its last message came more than a second late, or much was queued for it; or that message came late,
                  and then its pings were missed although other frames came: they were stuck behind these
idle_timeout      it was closed after the same silence again and again, and so were at least half of those that were, as
                  by a proxy that drops what is idle
"""

IN_FLIGHT_NS = 100_000_000
LATE_MS = IN_FLIGHT_NS // 1_000_000
SLOW_MS = 1_000  # a frame that takes longer on one machine has waited for its reader
DEEP = 16  # packets in the queue of one connection
ALIKE_NS = 100_000_000  # idle time-outs are as exact as the timers behind them
AT_LEAST = 3  # equal silences are no coincidence

# The last message that each of them carried, and how late it was read. Without a journal it was emitted before its
# sender was told, if that is not the reader itself, who is told as late as it reads; and not before there was the
# connection: what was sent again came the second time.
CARRIED = """
CREATE TABLE carried AS
SELECT last_frames.party, last_frames.conn, last_frames.t AS read_ns,
    greatest(coalesce(published_ns, sent_ns), connected_ns) AS emitted_ns,
    (last_frames.t - greatest(connected_ns,
        coalesce(published_ns, if(sender = last_frames.party, NULL, accepted_ns), sent_ns))) / 1e6 AS late_ms
FROM (
    SELECT party, conn, arg_max(mid, t) AS mid, max(t) AS t, any_value(connected_ns) AS connected_ns FROM frames
    JOIN (SELECT party, conn, connected_ns FROM connections WHERE ended_ns < forever()) USING (party, conn)
    WHERE kind = 'received' AND via = 'live' GROUP BY party, conn
) AS last_frames JOIN messages USING (mid)"""

# What the server saw of them: when and why it gave them up, how long it had heard nothing, how much it had queued.
LEFT = """
CREATE TABLE left_by AS
SELECT connections.party, connections.conn, arg_min(around.reason, t) FILTER (kind = 'sid_disconnected') AS reason,
    min(t) FILTER (kind = 'sid_disconnected') AS left_ns,
    min(t - around.last_frame_ns) FILTER (kind = 'sid_disconnected') AS unheard_ns, max(depth) AS depth
FROM around JOIN connections ON connections.sid = around.sid AND t >= sid_from_ns AND t < sid_until_ns
WHERE kind IN ('sid_disconnected', 'queue') GROUP BY ALL"""

# How long each that ended had been silent. Pings come every pingInterval, so that no healthy one is for longer. They
# alone reset the time-out of a client: who missed them and not the rest was behind.
SILENCES = """
CREATE TABLE silences AS
SELECT connections.party, conn, reason, connected_ns, ended_ns, seen_ns, ended_ns - seen_ns AS silent_ns,
    coalesce(reason ILIKE '%ping timeout%', false) AS pings_missed,
    frames_told AND silent_ns >= 0.95 * (ping_interval_ns() + ping_timeout_ns())
        OR silent_ns >= 0.9 * ping_timeout_ns() AND pings_missed AS silent
FROM connections WHERE ended_ns < forever()"""

# A proxy's idle limit: at least half of what the other side closed it closed after the same silence, of the same party
# again. No healthy path is silent for longer than pings are apart.
IDLE = f"""
CREATE TABLE idle AS
WITH closed AS (
    SELECT party, conn, silent_ns FROM silences
    WHERE NOT silent AND reason ILIKE '%transport%' AND NOT EXISTS (
        FROM outages WHERE silences.ended_ns BETWEEN outages.start_ns - 1_000_000_000 AND outages.end_ns)
),
after AS (
    SELECT silent_ns, count(*) OVER (ORDER BY silent_ns RANGE BETWEEN CURRENT ROW AND {ALIKE_NS} FOLLOWING) AS alike
    FROM closed WHERE silent_ns BETWEEN {5 * ALIKE_NS} AND ping_interval_ns()
),
alike AS (
    SELECT party, conn FROM closed, (SELECT arg_max(silent_ns, alike) AS limit_ns FROM after)
    WHERE silent_ns BETWEEN limit_ns AND limit_ns + {ALIKE_NS} QUALIFY count(*) OVER (PARTITION BY party) > 1
)
SELECT party, conn FROM alike
WHERE (SELECT count(*) >= greatest({AT_LEAST}, 0.5 * (SELECT count(*) FROM closed)) FROM alike)"""

ENDINGS = f"""
CREATE TABLE endings AS
SELECT silences.party, silences.conn,
    silences.reason ILIKE '%server disconnect%' OR coalesce(left_reason = 'server disconnect', false) AS kicked,
    CASE WHEN freezes.end_ns >= greatest(seen_ns - least(1_000_000_000, 0.5 * ping_interval_ns()), connected_ns)
            AND freezes.start_ns <= seen_ns + 1.1 * ping_interval_ns()
        THEN 'frozen'
        WHEN dead AND coalesce(left_ns > stalls.start_ns, true)
            AND seen_ns BETWEEN stalls.start_ns - 1.1 * ping_interval_ns() AND stalls.start_ns + 1_000_000_000
            OR pings_missed AND NOT dead AND stalls.end_ns >= ended_ns - 1_000_000_000
        THEN 'server_stalled'
        WHEN dead THEN if(stalls_told AND NOT torn, 'half_open', 'gone_silent')
        WHEN late_ms >= {SLOW_MS} OR depth >= {DEEP} OR behind THEN 'slow_consumer'
        WHEN kicked THEN 'kicked'
        WHEN idle.conn IS NOT NULL THEN 'idle_timeout' END AS ended_by,
    CASE ended_by WHEN 'frozen' THEN (freezes.end_ns - freezes.start_ns) / 1e6
        WHEN 'server_stalled' THEN (stalls.end_ns - stalls.start_ns) / 1e6
        WHEN 'slow_consumer' THEN late_ms
        ELSE silent_ns / 1e6 END AS cause_ms,
    least(seen_ns - {IN_FLIGHT_NS}, left_ns,
        if(late_ms >= {LATE_MS},
            seen_ns - least(CAST(late_ms * 1e6 AS BIGINT), ping_interval_ns() + ping_timeout_ns()), NULL),
        if(late_ms >= {SLOW_MS} OR behind OR late_ms >= {LATE_MS} AND seen_ns < read_ns + {IN_FLIGHT_NS},
            greatest(emitted_ns, seen_ns - ping_interval_ns() - ping_timeout_ns()), NULL),
        if(ended_by = 'frozen', freezes.start_ns - {IN_FLIGHT_NS}, NULL)) AS quiet_ns
FROM (
    SELECT silences.*, depth, left_by.reason AS left_reason, left_ns, emitted_ns, read_ns, late_ms,
        silent OR coalesce(left_ns <= ended_ns + {IN_FLIGHT_NS}
            AND unheard_ns >= 0.95 * (ping_interval_ns() + ping_timeout_ns()), false) AS dead,
        pings_missed AND NOT silent AND late_ms >= {LATE_MS} AS behind,
        EXISTS (FROM holes WHERE holes.start_ns < ended_ns AND holes.end_ns > seen_ns) AS torn
    FROM silences LEFT JOIN left_by USING (party, conn) LEFT JOIN carried USING (party, conn)
) AS silences CROSS JOIN (SELECT EXISTS (FROM around WHERE kind = 'loop_lag') AS stalls_told)
LEFT JOIN idle USING (party, conn)
ASOF LEFT JOIN freezes ON freezes.party = silences.party AND freezes.start_ns <= silences.ended_ns
ASOF LEFT JOIN stalls ON stalls.start_ns <= least(silences.ended_ns, left_ns)"""

# Table endings; it needs those of reports.witnesses, connections, and of reports.messages messages and frames.
STEPS = (CARRIED, LEFT, SILENCES, IDLE, ENDINGS)

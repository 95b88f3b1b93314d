"""Each party's connections and joins, and from them its absences: when nothing that was emitted could reach it.

An absence of a (party, session) runs from when a connection that ended went quiet (reports.endings) to the next join
ack, the first one from the beginning. A connection whose state the server restored needs no join.
"""

# The events of connections and joins, with the connection's number where nobody wrote it.
TALK = """
CREATE TABLE talk AS
SELECT * REPLACE (coalesce(conn, count(*) FILTER (kind = 'connected') OVER past
    + if(kind IN ('connecting', 'connect_failed'), 1, 0))::INTEGER AS conn)
FROM around
WHERE party IS NOT NULL AND kind IN ('connecting', 'connected', 'upgraded', 'connect_failed', 'disconnected',
    'join_sent', 'joined', 'join_failed')
WINDOW past AS (PARTITION BY party ORDER BY t, source, "line" ROWS UNBOUNDED PRECEDING)"""

# One row per connection that came about. `seen_ns`: the last sign of life on it. `transport`: the last one. `state_of`:
# the connection of that page whose state it has: its own, or what the server restored, and that keeps the sid, so that
# a sid is this connection's from `sid_from_ns` to `sid_until_ns`. `of_closed_tab`: of a page that was closed, and
# there was another one at the same time: if the party is away from then on, that is because of what had happened to
# the other. `closes_tab`: the one that ended with the page.
CONNECTIONS = """
CREATE TABLE connections AS
WITH attempts AS (
    SELECT party, conn, any_value(view) AS view, any_value(sid) AS sid,
        coalesce(bool_or(recovered), false) AS recovered, min(t) FILTER (kind = 'connected') AS connected_ns,
        coalesce(max(t) FILTER (kind = 'connecting'), connected_ns) AS begun_ns,
        min(t) FILTER (kind = 'disconnected') AS ended_ns, max(last_frame_ns) AS last_frame_ns,
        arg_min(reason, t) FILTER (kind = 'disconnected') AS reason, arg_max(transport, t) AS transport
    FROM talk WHERE kind IN ('connecting', 'connected', 'upgraded', 'disconnected')
    GROUP BY party, conn HAVING bool_or(kind = 'connected')
),
heard AS (
    SELECT party, conn, max(t) AS heard_ns FROM (
        SELECT party, conn, t FROM talk WHERE kind = 'joined'
        UNION ALL
        SELECT party, conn, last_ns FROM spells WHERE kind = 'received'
    ) GROUP BY party, conn
),
pages AS (
    SELECT party, view, min(begun_ns) AS opened_ns, max(coalesce(ended_ns, forever())) AS last_ns,
        if(arg_max(coalesce(reason, ''), conn) ILIKE '%client disconnect%', last_ns, forever()) AS closed_ns
    FROM attempts GROUP BY ALL
),
closed AS (
    SELECT DISTINCT page.party, page.view, page.closed_ns FROM pages AS page JOIN pages AS other
        ON other.party = page.party AND other.opened_ns < page.closed_ns AND page.opened_ns < other.last_ns
        AND page.closed_ns < other.closed_ns
)
SELECT party, conn, view, sid, transport, reason, connected_ns, begun_ns,
    coalesce(ended_ns, forever()) AS ended_ns,
    last_frame_ns IS NOT NULL AS frames_told,
    CASE WHEN ended_ns IS NULL THEN forever()
        ELSE least(greatest(connected_ns, coalesce(last_frame_ns, 0), coalesce(heard_ns, 0)), ended_ns) END AS seen_ns,
    max(if(recovered, NULL, conn)) OVER (PARTITION BY party, view ORDER BY connected_ns) AS state_of,
    if(lag(conn) OVER of_sid IS NULL, -forever(), begun_ns) AS sid_from_ns,
    lead(begun_ns, 1, forever()) OVER of_sid AS sid_until_ns, closed.view IS NOT NULL AS of_closed_tab,
    coalesce(ended_ns = closed_ns, false) AS closes_tab
FROM attempts LEFT JOIN heard USING (party, conn) LEFT JOIN closed USING (party, view)
WINDOW of_sid AS (PARTITION BY sid ORDER BY connected_ns)"""

# What a party's connection was doing, from each of its events to the next. A late `disconnected` of a page's older
# connection says nothing of its newer one. `refusal`: what this attempt ran into, by the words that it was given (an
# error for an answer to CONNECT is the word of whoever checks tokens, whatever it says; for a proxy, which answers 502
# and up, the origin is the server behind it), or, where those say nothing (every 403 is "Forbidden"), by what the
# journal wrote down in the second before; of who has never connected, what the one before ran into where this one got
# no answer.
LINE = """
CREATE TABLE line AS
WITH states AS (
    SELECT *, max(conn) OVER (PARTITION BY party, view ORDER BY t, source, "line" ROWS UNBOUNDED PRECEDING) AS newest
    FROM talk WHERE kind IN ('connecting', 'connected', 'connect_failed', 'disconnected')
),
attempts AS (
    SELECT *,
        last_value(if(kind = 'connected', {'conn': conn, 'closes': closes_tab}, NULL) IGNORE NULLS) OVER past AS latest,
        last_value(if(kind = 'connected' AND NOT of_closed_tab, conn, NULL) IGNORE NULLS) OVER past AS other_conn,
        if(latest['closes'], coalesce(other_conn, latest['conn']), latest['conn']) AS last_conn,
        latest IS NOT NULL AS had_connected,
        {'failed_ns': t, 'words': reason, 'answer': status, 'turned_away': refused} AS said,
        CASE WHEN kind = 'connect_failed' THEN said
            WHEN kind = 'connecting' AND lead(kind) OVER future = 'connect_failed' THEN lead(said) OVER future
        END AS failure
    FROM states LEFT JOIN (SELECT party, conn, of_closed_tab, closes_tab FROM connections) USING (party, conn)
    WHERE kind <> 'disconnected' OR conn >= newest
    WINDOW past AS (PARTITION BY party ORDER BY t, source, "line" ROWS UNBOUNDED PRECEDING),
        future AS (PARTITION BY party ORDER BY t, source, "line")
),
refusals AS (
    SELECT t, if(kind = 'origin_refused', 'origin', 'auth') AS told FROM around
    WHERE kind IN ('origin_refused', 'auth_refused')
)
SELECT party, t AS from_ns, lead(t, 1, forever()) OVER by_time AS until_ns, kind, conn, had_connected, last_conn,
    coalesce(ran_into, if(unanswered, last_value(ran_into IGNORE NULLS) OVER earlier, NULL)) AS refusal,
    coalesce(with_words, if(unanswered, last_value(with_words IGNORE NULLS) OVER earlier, NULL)) AS refused_with
FROM (
    SELECT attempts.*, failed_ns IS NOT NULL AND answer IS NULL AND NOT had_connected AS unanswered,
        CASE WHEN regexp_matches(words, 'origin|\\bcors\\b', 'i') AND coalesce(answer <= 500, true) THEN 'origin'
            WHEN answer = 401 OR regexp_matches(words, 'auth|token|jwt|credential|not allowed|expired', 'i')
                OR words ILIKE '%forbidden%' AND answer IS DISTINCT FROM 403
                OR turned_away AND words NOT ILIKE '%namespace%' AND words NOT ILIKE '%disconnect%' THEN 'auth'
            WHEN answer = 403 THEN if(refusals.t >= failed_ns - 1_000_000_000, told, 'handshake')
        END AS ran_into,
        if(ran_into IS NULL, NULL, coalesce(words, 'HTTP ' || answer)) AS with_words
    FROM (SELECT *, unnest(failure) FROM attempts) AS attempts
    ASOF LEFT JOIN refusals ON refusals.t <= coalesce(failed_ns, attempts.t)
)
WINDOW by_time AS (PARTITION BY party ORDER BY t, source, "line"),
    earlier AS (PARTITION BY party ORDER BY t, source, "line" ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"""

# One row per join sent, with its answer: acked, refused (an error ack, or a journal line that the event is unknown),
# timeout, let_in (none, and messages came all the same: it had joined when the first did); null: the connection or the
# recording ended first. `next_ns`: when the party's next one in that session was sent. `first`: on the page's first
# connection, before any ack. A connection whose state was restored is in the rooms that it was in before, as if it had
# joined with it, and was handed over what came since.
JOINS = """
CREATE TABLE joins AS
WITH had AS (  -- by which a restored connection knows what is missing
    SELECT party, session, conn, max(seq) AS seq FROM frames
    SEMI JOIN (SELECT DISTINCT party FROM connections WHERE conn <> state_of) USING (party)
    WHERE kind = 'received' AND via IN ('live', 'replay') GROUP BY ALL
),
let_in AS (  -- joins that nobody acked, and then messages of the session came live over that connection all the same
    SELECT asked.party, asked.session, asked.conn, asked.t, min(frames.t) AS in_ns
    FROM talk AS asked
    ANTI JOIN (FROM talk WHERE kind = 'joined') AS acked
        ON acked.party = asked.party AND acked.session = asked.session AND acked.conn = asked.conn
    JOIN frames ON frames.party = asked.party AND frames.conn = asked.conn AND frames.t >= asked.t
    JOIN messages ON messages.mid = frames.mid AND messages.recipient = asked.party
        AND messages.session = asked.session
    WHERE asked.kind = 'join_sent' AND frames.kind = 'received' AND coalesce(frames.via, 'live') = 'live'
    GROUP BY asked.party, asked.session, asked.conn, asked.t
    QUALIFY row_number() OVER (PARTITION BY asked.party, asked.session, asked.conn ORDER BY in_ns, asked.t DESC) = 1
),
answered AS (
    SELECT *, lag(kind) OVER talk AS kind_before, lead(kind) OVER talk AS kind_after, lead(t) OVER talk AS t_after,
        lead(reason) OVER talk AS words, lead(room) OVER talk AS room_acked, lead("after") OVER talk AS after_acked
    FROM talk WHERE kind IN ('join_sent', 'joined', 'join_failed')
    WINDOW talk AS (PARTITION BY party, session, conn ORDER BY t, source, "line")
),
sent AS (
    SELECT party, session, view, conn, t AS sent_ns, coalesce("after", if(kind_after = 'joined', after_acked, NULL))
            AS "after", coalesce(room_acked, room) AS room, room_acked AS room_told,
        coalesce(in_ns, if(kind_after <> 'join_sent', t_after, NULL)) AS answered_ns,
        CASE WHEN in_ns IS NOT NULL THEN 'let_in' WHEN kind_after = 'joined' THEN 'acked'
            WHEN kind_after = 'join_failed' THEN if(words ILIKE '%time%out%', 'timeout', 'refused') END AS answer
    FROM answered LEFT JOIN let_in USING (party, session, conn, t) WHERE kind = 'join_sent'
    UNION ALL  -- an ack of a join that was not recorded
    SELECT party, session, view, conn, t, "after", room, room, t, 'acked'
    FROM answered WHERE kind = 'joined' AND kind_before IS DISTINCT FROM 'join_sent'
    UNION ALL
    SELECT back.party, talk.session, back.view, back.conn, back.connected_ns, coalesce(max(had.seq), 0),
        arg_max(room, t), arg_max(room, t), back.connected_ns, 'acked'
    FROM talk JOIN connections AS was ON was.party = talk.party AND was.conn = talk.conn
    JOIN connections AS back ON back.party = was.party AND back.state_of = was.state_of AND back.conn > was.conn
    LEFT JOIN had ON had.party = was.party AND had.session = talk.session AND had.conn = was.conn
    WHERE kind = 'joined' GROUP BY ALL
),
unknown AS (
    SELECT connections.party, connections.conn, around.t
    FROM around JOIN connections USING (sid)
    WHERE around.kind = 'unknown_event' AND (around.event = join_event() OR join_event() IS NULL)
)
SELECT sent.party, sent.session, sent.conn, sent.sent_ns, sent.next_ns, sent.answered_ns, sent.after, sent.room,
    sent.room_told,
    CASE WHEN there THEN sent.answered_ns END AS acked_ns,
    if(NOT there AND unknown.t <= coalesce(sent.answered_ns, connections.ended_ns), 'refused', sent.answer) AS answer,
    connections.ended_ns IS NULL OR connections.ended_ns >= sent.answered_ns AS stayed_up,
    sent.first
FROM (
    SELECT *, lead(sent_ns, 1, forever()) OVER (PARTITION BY party, session ORDER BY sent_ns) AS next_ns,
        conn IS NOT DISTINCT FROM first_value(conn) OVER page
        AND count(*) FILTER (there) OVER before = 0 AS first
    FROM (SELECT *, coalesce(answer IN ('acked', 'let_in'), false) AS there FROM sent)
    WINDOW page AS (PARTITION BY party, session, view ORDER BY sent_ns),
        before AS (PARTITION BY party, session, view ORDER BY sent_ns ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
) AS sent
LEFT JOIN connections USING (party, conn)
ASOF LEFT JOIN unknown ON unknown.party = sent.party AND unknown.conn = sent.conn AND unknown.t >= sent.sent_ns"""

# When each party was to be reached in a session, by a connection that had joined: from the ack until it went quiet.
PRESENCES = """
CREATE TABLE presences AS
SELECT joins.*, coalesce(ended_ns, forever()) AS ended_ns, coalesce(of_closed_tab, false) AS of_closed_tab,
    coalesce(closes_tab, false) AS closes_tab, greatest(acked_ns, coalesce(quiet_ns, forever())) AS quiet_ns
FROM joins LEFT JOIN connections USING (party, conn) LEFT JOIN endings USING (party, conn)
WHERE acked_ns IS NOT NULL"""

# The absences of every recipient. `dropped_ns` null: it had never joined. `end_ns`: the next join ack. `conn`: the
# connection whose end began it.
ABSENCES = """
CREATE TABLE absences AS
WITH bounds AS (
    SELECT party, session, start_ns, max(quiet_ns) OVER earlier AS quiet_ns,
        arg_max({'conn': conn, 'end_ns': end_ns, 'closes_tab': closes_tab}, quiet_ns) OVER earlier AS latest,
        arg_max({'conn': conn, 'end_ns': end_ns, 'closes_tab': false}, quiet_ns) FILTER (NOT of_closed_tab) OVER earlier
            AS other,
        if(latest['closes_tab'], coalesce(other, latest), latest) AS dropped
    FROM (
        SELECT party, session, conn, acked_ns AS start_ns, ended_ns AS end_ns, of_closed_tab, closes_tab, quiet_ns
        FROM presences
        UNION ALL BY NAME  -- whoever is to be reached is absent until the first join, and after the last connection
        SELECT party, session, forever() AS start_ns FROM (
            SELECT widget AS party, session FROM sessions WHERE session IS NOT NULL
            UNION
            SELECT agent, session FROM holdings
        )
    )
    WINDOW earlier AS (PARTITION BY party, session ORDER BY start_ns ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
)
SELECT party, session, coalesce(quiet_ns, -1) AS start_ns, dropped['end_ns'] AS dropped_ns, start_ns AS end_ns,
    dropped['conn'] AS conn
FROM bounds WHERE dropped IS NULL OR start_ns > quiet_ns"""

# What was tried during an absence; from when on it is the server's death that explains it (the whole absence if the
# death began it, else from the death on; a first join that was not even begun before the server was back is only
# early) and when there was a server again, for each death; and what began it. Who was deaf already learned late that
# the server died; and who left by itself was not sent away by that.
GAPS = """
CREATE TABLE gaps AS
WITH begun AS (  -- `apart`: by something else than a server that died
    SELECT absences.*, ended_by, cause_ms, coalesce(ended_by IN ('frozen', 'half_open', 'gone_silent'), false)
        OR coalesce(reason ILIKE '%client disconnect%', false) AS apart
    FROM absences LEFT JOIN endings USING (party, conn)
    LEFT JOIN (SELECT party, conn, reason FROM connections) USING (party, conn)
),
tries AS (
    SELECT joins.party, joins.session, absences.start_ns,
        bool_or(answer = 'refused') AS join_refused,
        count(*) FILTER (answer = 'timeout' AND stayed_up) AS join_timeouts
    FROM joins ASOF JOIN absences
        ON joins.party = absences.party AND joins.session = absences.session AND joins.sent_ns >= absences.start_ns
    WHERE answer IN ('refused', 'timeout') GROUP BY ALL
),
firsts AS (SELECT party, min(from_ns) AS begun_ns FROM line GROUP BY party),
met AS (  -- who asked for the server while there was none
    SELECT DISTINCT party, start_ns FROM line JOIN outages ON from_ns BETWEEN start_ns AND end_ns
    WHERE kind IN ('connecting', 'connect_failed')
),
taken AS (  -- who had come back before it took the session was not kept from it by an earlier death
    SELECT absences.party, absences.session, absences.start_ns AS absent_ns, max(connected_ns) AS back_ns
    FROM absences JOIN holdings ON agent = absences.party AND holdings.session = absences.session
        AND holdings.from_ns BETWEEN absences.start_ns AND absences.end_ns
    JOIN connections ON connections.party = absences.party AND connected_ns <= holdings.from_ns
    GROUP BY ALL
),
deaths AS (
    SELECT begun.party, begun.session, begun.start_ns,
        list({'dead_ns': if(dropped_ns BETWEEN outages.fell_ns AND outages.end_ns AND NOT apart,
                begun.start_ns, greatest(begun.start_ns, outages.start_ns)),
            'ready_ns': outages.end_ns,
            'met': dropped_ns BETWEEN outages.fell_ns AND outages.end_ns AND NOT apart OR met.party IS NOT NULL
            } ORDER BY outages.start_ns) AS deaths,
        bool_or(dropped_ns >= outages.fell_ns AND NOT apart) AS began_it
    FROM begun JOIN outages ON outages.start_ns < begun.end_ns AND outages.end_ns > begun.start_ns
    JOIN firsts ON firsts.party = begun.party AND firsts.begun_ns <= outages.end_ns
    LEFT JOIN met ON met.party = begun.party AND met.start_ns = outages.start_ns
    LEFT JOIN taken ON taken.party = begun.party AND taken.session = begun.session AND taken.absent_ns = begun.start_ns
    WHERE coalesce(outages.end_ns > taken.back_ns, true)
    GROUP BY ALL
)
SELECT begun.* EXCLUDE (ended_by, apart), join_refused, join_timeouts, deaths,
    lag(end_ns, 1, -forever()) OVER (PARTITION BY party, session ORDER BY start_ns) AS before_ns,
    if(began_it, 'server_restarted', ended_by) AS root
FROM begun LEFT JOIN tries USING (party, session, start_ns) LEFT JOIN deaths USING (party, session, start_ns)"""

TALKED = (TALK, CONNECTIONS)  # they need the tables of reports.witnesses
ABSENT = (LINE, JOINS, PRESENCES, ABSENCES, GAPS)  # they need connections and the tables of reports.endings

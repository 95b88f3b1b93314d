"""What became of messages afterwards: who asked for the missed ones, which pages never showed them, what is stored."""

# What became of the missed ones, from when they may have been emitted on (where a frame came: from the answer on):
# the first join ack, whether anything asked from before their seq (a page that fetches after its join asks by both),
# whether a reply held others; and when, in the absence in which it was missed, the history had been asked for before
# it. One that is slow may be read on the server long before it is answered: what is emitted in between comes too late
# for it, unless it was in the answer.
RECOVERY = """
CREATE TABLE recovery AS
WITH lacking AS (
    SELECT mid, recipient, session, seq, hi_ns, at_ns, seen_ns, kept_ns, live_ns, via,
        if(received_ns IS NULL, at_ns, hi_ns) AS since_ns, gap_start_ns, horizon_ns
    FROM looked_at WHERE live_ns IS NULL OR kept_ns > horizon_ns
),
fetches AS (
    SELECT party, session, conn, t, coalesce(asked_ns, t - 100_000_000) AS asked_ns,
        coalesce(asked_ns, t) AS read_ns, coalesce("after", 0) AS "after"
    FROM around WHERE kind = 'history_read' AND audit IS NOT TRUE
),
asks AS (
    SELECT joins.party, joins.session, sent_ns AS asked_ns, acked_ns AS t,
        least(joins."after", min(fetches."after")) AS "after", true AS joined
    FROM joins LEFT JOIN fetches ON fetches.party = joins.party AND fetches.session = joins.session
        AND fetches.conn = joins.conn AND fetches.asked_ns BETWEEN acked_ns AND acked_ns + late_after_ns()
    WHERE answer = 'acked' GROUP BY joins.party, joins.session, joins.conn, sent_ns, acked_ns, joins."after"
    UNION ALL SELECT party, session, asked_ns, asked_ns, "after", false FROM fetches
),
came AS (
    SELECT mid, bool_or(joined) AS joined, bool_or("after" < coalesce(seq, forever())) AS asked,
        arg_min(coalesce("after" < coalesce(seq, forever()), false), t) FILTER (joined) AS rejoin_asked
    FROM lacking JOIN asks ON asks.party = recipient AND asks.session = lacking.session
        AND asks.t > since_ns AND asks.t <= horizon_ns
    GROUP BY mid
),
handed_over AS (  -- of those that are lacking themselves only what was shown: one that cannot be is none of the others
    SELECT party, session, via, t FROM frames
    ANTI JOIN lacking ON lacking.mid = frames.mid AND lacking.recipient = frames.party
    WHERE kind = 'received' AND via IN ('join', 'history', 'replay')
    UNION ALL
    SELECT recipient, session, via, kept_ns FROM lacking WHERE kept_ns <= horizon_ns AND live_ns IS NULL
),
replies AS (  -- by what was asked, the first and the last that came; a replay is asked for by nobody
    SELECT handed_over.party, handed_over.session, coalesce(asks."after", 0) AS "after",
        min(handed_over.t) AS first_ns, max(handed_over.t) AS last_ns
    FROM handed_over ASOF LEFT JOIN asks ON asks.party = handed_over.party AND asks.session = handed_over.session
        AND if(asks.joined, 'join', 'history') = handed_over.via AND asks.asked_ns <= handed_over.t
    GROUP BY handed_over.party, handed_over.session, asks."after", asks.asked_ns
),
offered AS (
    SELECT DISTINCT mid FROM lacking JOIN replies ON replies.party = recipient AND replies.session = lacking.session
        AND last_ns > hi_ns AND first_ns <= horizon_ns AND "after" < coalesce(seq, forever())
)
SELECT lacking.mid, coalesce(came.joined, false) AS joined_after, coalesce(came.asked, false) AS asked_after,
    coalesce(rejoin_asked, false) AS rejoin_asked,
    offered.mid IS NOT NULL AS others_offered,
    if(fetches.t >= gap_start_ns
        AND coalesce(seen_ns NOT BETWEEN fetches.t AND fetches.t + 100_000_000, true),
        fetches.read_ns, NULL) AS fetched_ns
FROM lacking
ASOF LEFT JOIN fetches ON fetches.party = recipient AND fetches.session = lacking.session AND fetches.read_ns <= at_ns
LEFT JOIN came USING (mid) LEFT JOIN offered USING (mid)"""

# Pages of the recipient that ought to have shown the message when it was accepted, and never did what another page did:
# that were connected and stayed so until it would have been late; or open for as long as it may take, one whose
# connection never ended however quiet, until the party or its recorder stops, and any other until its last event.
VIEW_MISSES = """
CREATE TABLE missed_views AS
WITH pages AS (
    SELECT party, view, min(first_ns) AS opened_ns, max(last_ns) AS last_ns
    FROM spells WHERE view IS NOT NULL AND party IS NOT NULL AND kind IN (SELECT kind FROM swarm_kinds)
    GROUP BY party, view QUALIFY count(*) OVER (PARTITION BY party) > 1
),
lasting AS (SELECT party, view FROM connections GROUP BY ALL HAVING arg_max(ended_ns, conn) = forever()),
ready AS (
    SELECT party, view, opened_ns AS from_ns,
        if(lasting.party IS NULL, last_ns - horizon_ns(), least(withdrawn_ns, end_ns)) AS until_ns
    FROM pages LEFT JOIN lasting USING (party, view) JOIN watched USING (party)
    UNION ALL
    SELECT party, view, connected_ns, ended_ns - late_after_ns() FROM connections SEMI JOIN pages USING (party, view)
    WHERE ended_ns < forever()
)
SELECT n, count(DISTINCT ready.view) AS view_misses
FROM messages JOIN shown USING (n) JOIN ready ON party = recipient AND answered_ns BETWEEN from_ns AND until_ns
ANTI JOIN (FROM sightings WHERE displays > 0) AS held
    ON held.n = messages.n AND held.party = ready.party AND held.view = ready.view
WHERE kept_ns IS NOT NULL GROUP BY n"""

# When all that is stored of a session was read. A read of which fewer messages were recorded than it held says nothing.
AUDITS = """
CREATE TABLE audits AS
WITH reads AS (
    SELECT session, max(t) AS audit_ns, sum("count") AS held FROM around
    WHERE kind = 'history_read' AND audit AND coalesce("after", 0) = 0 GROUP BY session
),
recorded AS (
    SELECT session, count(*) AS recorded FROM events SEMI JOIN reads USING (session)
    WHERE kind = 'received' AND via = 'audit' GROUP BY session
)
SELECT session, audit_ns FROM reads LEFT JOIN recorded USING (session)
WHERE coalesce(held, 0) <= coalesce(recorded, 0)"""

# Messages that nobody listened to when they came; whether the page listened to that event at some other time, or is to
# listen to it, by the target: what got a single message has had no other time.
UNHEARD = """
CREATE TABLE unheard AS
WITH missed AS (SELECT DISTINCT mid, party FROM frames WHERE kind = 'not_displayed' AND why = 'no-listener'),
came AS (
    SELECT frames.mid, party, coalesce(event, '') AS event FROM frames
    SEMI JOIN (SELECT DISTINCT party FROM missed) USING (party)
    WHERE kind = 'received' AND coalesce(via, 'live') = 'live'
),
heard AS (SELECT DISTINCT party, event, true AS listened FROM came ANTI JOIN missed USING (mid, party))
SELECT n, bool_or(listened OR event = message_event(letter)) AS listened
FROM came SEMI JOIN missed USING (mid, party) JOIN messages USING (mid) LEFT JOIN heard USING (party, event)
WHERE party = recipient GROUP BY n"""

# Messages without an answer that left over polling: how many of them their sender emitted within the same second.
BURSTS = """
CREATE TABLE bursts AS
WITH silent AS (
    SELECT messages.n, frames.party, frames.t FROM frames JOIN messages USING (mid)
    WHERE frames.kind = 'sent' AND frames.via = 'socket' AND sender_view = 'unanswered'
),
transports AS (SELECT party, t, transport FROM talk WHERE transport IS NOT NULL)
SELECT n, max(burst)::INTEGER AS burst FROM (
    SELECT n, count(*) OVER (PARTITION BY silent.party ORDER BY silent.t
        RANGE BETWEEN 1_000_000_000 PRECEDING AND 1_000_000_000 FOLLOWING) AS burst
    FROM silent ASOF JOIN transports ON transports.party = silent.party AND transports.t <= silent.t
    WHERE transport = 'polling'
) GROUP BY n"""

# Tables recovery, missed_views, audits, unheard, bursts; they need moments and looked_at of reports.facts.
STEPS = (RECOVERY, VIEW_MISSES, "DROP TABLE sightings", AUDITS, UNHEARD, BURSTS)

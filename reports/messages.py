"""Every message's stages as its sender, the server and its recipient's pages saw them; frames get their mids here."""

import duckdb

# The frames without a mid. Most runs have none: to look for their keys first spares them the other columns.
NAMELESS = """
CREATE TABLE nameless AS
SELECT source, line, t, kind, party, session, id, seq, via, kind IN (SELECT kind FROM server_kinds) AS by_server
FROM events SEMI JOIN (
    SELECT source, line FROM events WHERE mid IS NULL
        AND kind IN ('received', 'displayed', 'removed', 'not_displayed', 'stored', 'published', 'written')
) USING (source, line)"""

# A frame without a mid is known by the server's id, else by its number within the session, so that a defect in the
# payload cannot hide it. An id counts within its session where both sides name one; either only where it names a single
# message. What the journal alone knows names its own lines only: outcomes are the same without it.
NAMED = """
CREATE TABLE named AS
WITH known AS NOT MATERIALIZED (
    SELECT mid, session, id, seq, kind IN (SELECT kind FROM server_kinds) AS by_server FROM events
    WHERE mid IS NOT NULL AND kind IN ('accepted', 'received', 'stored', 'published')
),
by_id AS (
    SELECT nameless.source, nameless.line, min(known.mid) AS mid
    FROM nameless JOIN known USING (id)
    WHERE (nameless.session IS NULL OR known.session IS NULL OR nameless.session = known.session)
        AND nameless.by_server >= known.by_server
    GROUP BY ALL HAVING count(DISTINCT known.mid) = 1
),
by_number AS (
    SELECT nameless.source, nameless.line, min(known.mid) AS mid
    FROM nameless ANTI JOIN by_id USING (source, line) JOIN known USING (session, seq)
    WHERE nameless.by_server >= known.by_server
    GROUP BY ALL HAVING count(DISTINCT known.mid) = 1
)
FROM by_id UNION ALL FROM by_number"""

FRAMES = "CREATE VIEW frames AS SELECT * FROM events WHERE mid IS NOT NULL"
FRAMES_NAMED = f"""
{FRAMES}
UNION ALL
SELECT events.* REPLACE (named.mid AS mid) FROM events JOIN named USING (source, line)"""

# One row per mid of which its sender or an audit wrote: what they and the server's journal say. `planned`: it is a
# message of the plan. What few have is gathered apart: each column of the widest grouping costs on every message.
MIDS = """
CREATE TABLE mids AS
WITH told AS (
    SELECT mid, any_value(session) FILTER (kind IN ('sent', 'unsent')) AS session,
        min(party) FILTER (kind IN ('sent', 'unsent')) AS sender, min(due_ns) AS due_ns,
        min(t) FILTER (kind = 'sent') AS sent_ns, count(*) FILTER (kind = 'sent') AS attempts,
        min(t) FILTER (kind = 'accepted') AS accepted_ns, max(seq) FILTER (kind = 'accepted') AS seq,
        max(seq) FILTER (kind <> 'accepted') AS other_seq
    FROM frames WHERE kind IN ('sent', 'unsent', 'accepted', 'refused', 'unanswered') GROUP BY mid
),
denied AS (
    SELECT mid, max(t) FILTER (kind = 'unanswered') AS unanswered_ns, max(t) FILTER (kind = 'refused') AS refused_ns,
        arg_max(status, t) FILTER (kind <> 'unsent') AS status, arg_max(reason, t) AS said,
        bool_or(kind = 'unsent') AS unsent
    FROM frames WHERE kind IN ('unsent', 'unanswered', 'refused') GROUP BY mid
),
audit AS (
    SELECT mid, true AS in_audit, max(seq) AS audit_seq FROM frames WHERE kind = 'received' AND via = 'audit'
    GROUP BY mid
),
journal AS (
    SELECT mid, min(t) FILTER (kind = 'stored') AS stored_ns, max(seq) AS journal_seq,
        min(t) FILTER (kind = 'published') AS published_ns, arg_min(room, t) FILTER (kind = 'published') AS room,
        arg_min(namespace, t) FILTER (kind = 'published') AS namespace,
        arg_min(coalesce(members, len(sids)), t) FILTER (kind = 'published') AS members
    FROM frames WHERE kind IN ('stored', 'published') GROUP BY mid
),
keyed AS (
    SELECT * EXCLUDE (other_seq, audit_seq, journal_seq, unsent)
            REPLACE (coalesce(seq, greatest(other_seq, audit_seq, journal_seq)) AS seq),
        sent_ns IS NOT NULL OR coalesce(unsent, false) AS planned,
        split_part(mid, ':', -1) AS key, try_cast(split_part(key, '.', 1) AS INTEGER) AS number,
        split_part(key, '.', 2) AS letter
    FROM told FULL JOIN audit USING (mid) LEFT JOIN denied USING (mid) LEFT JOIN journal USING (mid)
)
SELECT keyed.* REPLACE (coalesce(keyed.session, sessions.session) AS session),
    CASE letter WHEN 'a' THEN coalesce(widget, 'widget-' || number) WHEN 'w' THEN agent END AS recipient,
    if(letter = 'w', holdings.from_ns, opened_ns) AS held_ns
FROM keyed LEFT JOIN sessions USING (number)
LEFT JOIN holdings ON letter = 'w' AND holdings.number = keyed.number
    AND holdings.since_ns <= coalesce(accepted_ns, sent_ns, due_ns, 0)
    AND coalesce(accepted_ns, sent_ns, due_ns, 0) < holdings.until_ns"""

# `n` stands for the mid where every message is joined: a number is a cheaper key. `sender_view`: the best of its
# attempts.
MESSAGES = """
CREATE VIEW messages AS
SELECT * EXCLUDE (planned), rowid AS n,
    CASE WHEN accepted_ns IS NOT NULL THEN 'accepted' WHEN sent_ns IS NULL THEN 'unsent'
        WHEN unanswered_ns IS NOT NULL OR refused_ns IS NULL THEN 'unanswered' ELSE 'refused' END AS sender_view,
    coalesce(accepted_ns, sent_ns) AS base_ns, coalesce(accepted_ns, forever()) AS emitted_by_ns,
    coalesce(accepted_ns, greatest(unanswered_ns, refused_ns), sent_ns) AS answered_ns
FROM mids WHERE planned"""

# One row per message, party and page of it that saw the message in any way but the audit's; `n` and `own` say of which
# message of the plan, and whether it is meant for that party. What few pages did is gathered apart here too.
# As it was emitted means: by a live frame on a connection that had begun before the message was accepted (what never
# was may be emitted any time later: a server that stood still takes it when its sender has long given up), and after
# the server had answered CONNECT (else it is a replay); also where the join ack or the history had shown it a moment
# earlier, and whether or not the page then shows it again. What was stored before the assume the agent can only read,
# so that its history is as good as live. `again_ns`: when the connection began over which it came as a replay.
SIGHTINGS = """
CREATE TABLE sightings AS
WITH seen AS NOT MATERIALIZED (
    SELECT mid, party, coalesce(view, 0) AS view, t, kind, conn, why,
        if(kind = 'received', coalesce(via, 'live'), via) AS via
    FROM frames WHERE kind IN ('received', 'displayed', 'removed', 'not_displayed') AND party IS NOT NULL
        AND via IS DISTINCT FROM 'audit'
),
shown AS (
    SELECT mid, party, view, min(t) AS seen_ns, min(t) FILTER (kind = 'received' AND via = 'live') AS live_ns,
        arg_min(conn, t) FILTER (kind = 'received' AND via = 'live') AS received_conn,
        min(t) FILTER (kind = 'displayed') AS displayed_ns,
        arg_min(via, if(kind = 'displayed', t, forever() // 2 + t)) AS via,  -- the frame's where no display names it
        arg_min(conn, t) FILTER (kind = 'displayed') AS conn, count(*) FILTER (kind = 'displayed') AS displays
    FROM seen WHERE kind IN ('received', 'displayed') GROUP BY ALL
),
marred AS (
    SELECT mid, party, view, min(t) AS first_ns,
        if(bool_or(kind = 'received'), NULL, min(t) FILTER (kind = 'not_displayed')) AS ignored_ns,
        count(*) FILTER (kind = 'removed') AS removals,
        max(t) FILTER (kind = 'removed') >= max(t) FILTER (kind = 'displayed') AS wiped,
        arg_min(why, list_position(['shape', 'session', 'no-listener', 'duplicate'], why))
            FILTER (why IS NOT NULL) AS why
    FROM seen SEMI JOIN (SELECT mid, party, view FROM seen WHERE kind IN ('removed', 'not_displayed'))
        USING (mid, party, view)
    GROUP BY ALL
),
pages AS (
    SELECT mid, party, view, least(seen_ns, first_ns) AS seen_ns, coalesce(live_ns, ignored_ns) AS received_ns,
        received_conn, displayed_ns, if(displayed_ns IS NULL, NULL, coalesce(via, 'live')) AS via, conn,
        coalesce(displays, 0) AS displays, coalesce(removals, 0) AS removals, coalesce(wiped, false) AS wiped, why
    FROM shown FULL JOIN marred USING (mid, party, view)
)
SELECT pages.mid, pages.party, pages.view, n, pages.party = recipient AS own, pages.seen_ns, displayed_ns, pages.via,
    why, displays, removals, wiped,
    received_ns IS NOT NULL AND coalesce(
        on_receipt.begun_ns <= emitted_by_ns AND on_receipt.connected_ns <= received_ns, true) AS live_frame,
    CASE WHEN base_ns <= held_ns AND letter = 'w' THEN true
        WHEN pages.via = 'live' THEN coalesce(
            on_display.begun_ns <= emitted_by_ns AND on_display.connected_ns <= displayed_ns, true)
        WHEN sent_ns <= held_ns AND letter = 'w' AND pages.via = 'history' THEN true
        ELSE live_frame AND (why = 'duplicate' OR displays > 1)
    END AS as_emitted,
    if(live_frame, received_ns, NULL) AS received_ns, if(live_frame, NULL, on_receipt.begun_ns) AS again_ns,
    if(wiped, NULL, displayed_ns) AS kept_ns,
    if(as_emitted, kept_ns, NULL) AS live_ns,
    if(displays > 0, greatest(displays - removals, 1), 0) AS copies
FROM pages LEFT JOIN messages USING (mid)
LEFT JOIN connections AS on_display ON on_display.party = pages.party AND on_display.conn = pages.conn
LEFT JOIN connections AS on_receipt ON on_receipt.party = pages.party AND on_receipt.conn = pages.received_conn"""

# What the recipient's pages made of it: most parties have a single one.
SHOWN = """
CREATE TABLE shown AS
WITH several AS (
    SELECT party FROM spells WHERE kind IN ('received', 'displayed', 'removed', 'not_displayed')
    GROUP BY party HAVING count(DISTINCT coalesce(view, 0)) > 1
)
SELECT n, seen_ns, received_ns, again_ns, displayed_ns, kept_ns, live_ns, via, why, copies, wiped
FROM sightings ANTI JOIN several USING (party) WHERE own
UNION ALL
SELECT n, min(seen_ns), min(received_ns), min(again_ns), min(displayed_ns), min(kept_ns), min(live_ns),
    coalesce(arg_min(via, kept_ns), arg_min(via, displayed_ns)),
    arg_min(why, list_position(['shape', 'session', 'no-listener', 'duplicate'], why)) FILTER (why IS NOT NULL),
    max(copies), min(live_ns) IS NULL AND min(displayed_ns) < coalesce(min(kept_ns), forever())
FROM sightings SEMI JOIN several USING (party) WHERE own GROUP BY n"""

# Mids that were seen, or answered, without being of the plan.
STRANGERS = """
CREATE TABLE strangers AS
SELECT mid, split_part(mid, ':', -1) AS key, try_cast(split_part(key, '.', 1) AS INTEGER) AS number,
    split_part(key, '.', 2) AS letter
FROM (SELECT mid FROM sightings WHERE n IS NULL UNION SELECT mid FROM mids WHERE NOT planned)"""

# Those that stand on one page more than once.
COPIED = "CREATE TABLE copied AS FROM sightings WHERE displays - removals > 1"

# Those that a party saw which has no part in their session, as far as it is known who has.
STRAYS = """
CREATE TABLE strays AS
WITH suspects AS (
    SELECT mid, party, try_cast(split_part(split_part(mid, ':', -1), '.', 1) AS INTEGER) AS number FROM sightings
    WHERE own IS NOT TRUE AND starts_with(mid, run_prefix())
        AND NOT starts_with(mid, replace(party, 'widget-', run_prefix()) || '.')  -- most are where they belong
)
SELECT DISTINCT mid, party, number FROM suspects JOIN sessions USING (number)
WHERE party <> widget AND list_contains(agents, party) IS NOT TRUE"""

# Tables sightings, shown, strangers, copied, strays; they need messages and those of reports.connections.
SEEN = (SIGHTINGS, SHOWN, STRANGERS, COPIED, STRAYS)


def create_messages(con: duckdb.DuckDBPyConnection) -> None:
    """Tables nameless, named, mids, views messages and frames; needs those of reports.witnesses."""
    con.execute(NAMELESS)
    con.execute(NAMED)
    named = con.execute("SELECT count(*) FROM named").fetchone()
    con.execute(FRAMES if named == (0,) else FRAMES_NAMED)
    con.execute(MIDS)
    con.execute(MESSAGES)

"""What must never happen, and who did it: duplicates, reorders, leaks, phantoms, each attributed to server or client.

Each is a table with a row for every message that it happened to, `n` times; its attributions are an ordered list, of
which the first match holds, so that every counted one has exactly one name. All evidence is the swarm's own, but for
what was stored, so that they are the same with and without a journal where an audit was made.
"""

from collections.abc import Mapping
from itertools import chain

import duckdb

from reports.causes import CAUSES, NOT_RECOVERED, Cause, as_case

# One mid more than once on one page; a display after a removal is no second copy. `frames`: how often it came to that
# page; `on_one`: the most live frames of it on one connection; `stored`: under how many numbers or ids it was seen.
DUPLICATES = """
CREATE TABLE duplicates AS
WITH came AS (
    SELECT mid, party, coalesce("view", 0) AS "view", conn, via = 'live' AS live, count(*) AS frames
    FROM (SELECT * REPLACE (coalesce(via, 'live') AS via) FROM frames SEMI JOIN copied USING (mid, party))
    WHERE kind = 'received' AND via <> 'audit' GROUP BY ALL
),
by_page AS (
    SELECT mid, party, "view", sum(frames) AS frames, max(frames) FILTER (live) AS on_one FROM came GROUP BY ALL
),
kept AS (
    SELECT mid, greatest(count(DISTINCT seq), count(DISTINCT id)) AS stored FROM frames SEMI JOIN copied USING (mid)
    WHERE kind IN ('received', 'stored', 'accepted') GROUP BY mid
)
SELECT copied.mid, displays - removals - 1 AS n, displays, coalesce(frames, 0) AS frames,
    coalesce(on_one, 0) AS on_one, coalesce(stored, 0) AS stored
FROM copied LEFT JOIN by_page USING (mid, party, "view") LEFT JOIN kept USING (mid)"""

# At receipt: live frames of one connection whose seq is below one that had come on it before; copies are duplicates.
# At display: a page put the message where its list did not ascend, though it had come in order. A connection that all
# frames came over in ascending order needs no closer look; what came at the same moment came in order.
REORDERS = """
CREATE TABLE reorders AS
WITH live AS (
    SELECT party, session, conn, mid, t, seq FROM frames
    WHERE kind = 'received' AND coalesce(via, 'live') = 'live' AND conn IS NOT NULL
),
suspects AS (
    SELECT party, conn FROM events
    WHERE kind = 'received' AND coalesce(via, 'live') = 'live' AND conn IS NOT NULL GROUP BY party, conn
    HAVING count(seq) < count(*) OR list_grade_up(list(seq)) <> list_grade_up(list(t))
),
firsts AS (
    SELECT party, session, conn, mid, min(t) AS t, any_value(seq) AS said
    FROM live SEMI JOIN suspects USING (party, conn) GROUP BY ALL
),
numbered AS (
    SELECT mid, party, conn, t, coalesce(caused.session, firsts.session) AS session,
        coalesce(firsts.said, caused.seq) AS number
    FROM firsts LEFT JOIN caused USING (mid)
),
late AS (
    SELECT mid, party FROM numbered
    QUALIFY number < max(number) OVER (
        PARTITION BY party, session, conn ORDER BY t, number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
),
misplaced AS (SELECT DISTINCT mid, party FROM frames WHERE kind = 'displayed' AND ordered = false)
SELECT mid, 1 AS n, true AS late FROM late
UNION ALL
SELECT mid, 1, false FROM misplaced ANTI JOIN late USING (mid, party)"""

# A frame of a session at a party that has no part in it, counted at receipt, whatever the screen filters. An agent has
# part in what it assumed; of sessions whose agent nobody recorded nothing is said. Whose a frame is says its mid, else
# the session that it names. `asked`: the party had asked to join that session.
LEAKS = """
CREATE TABLE leaks AS
WITH owned AS (
    SELECT party, mid, t, number FROM events JOIN strays USING (party, mid)
    WHERE kind = 'received' AND via IS DISTINCT FROM 'audit'
    UNION ALL
    SELECT party, named.mid, t,
        coalesce(try_cast(split_part(split_part(named.mid, ':', -1), '.', 1) AS INTEGER), sessions.number)
    FROM nameless LEFT JOIN named USING (source, line) LEFT JOIN sessions ON sessions.session = nameless.session
    WHERE kind = 'received' AND via IS DISTINCT FROM 'audit' AND party IS NOT NULL
),
leaked AS (
    SELECT mid, party, session, t FROM owned JOIN sessions USING (number)
    WHERE party <> widget
        AND if(starts_with(party, 'widget-'), true,
            promises_private() AND coalesce(NOT list_contains(agents, party), recorders_whole()))
),
asked AS (SELECT party, session, min(sent_ns) AS asked_ns FROM joins GROUP BY ALL)
SELECT mid, 1 AS n, coalesce(asked_ns <= t, false) AS asked FROM leaked LEFT JOIN asked USING (party, session)"""

# Accepted or displayed, absent from what is stored.
PHANTOMS = """
CREATE TABLE phantoms AS
SELECT mid, 1 AS n, seen OR published_ns IS NOT NULL AS emitted FROM caused
WHERE stored = 'no' AND (accepted_ns IS NOT NULL OR displayed_ns IS NOT NULL)"""

# Each one's table, over whose columns the `when` of its attributions is. They need those of reports.facts, and caused
# of reports.ledger.
VIOLATIONS: Mapping[str, str] = {"duplicates": DUPLICATES, "reorders": REORDERS, "leaks": LEAKS, "phantoms": PHANTOMS}

ATTRIBUTIONS: Mapping[str, tuple[Cause, ...]] = {
    "duplicates": (
        Cause(name="stored_twice", whose="server",
            sentence="The server stored it twice: its sender had heard nothing and sent it again.",
            cure="Let (session, clientId) be unique, and answer a message that is known already as if it were new.",
            when="stored > 1"),
        Cause(name="emitted_twice", whose="server",
            sentence="It came more than once over one connection: the server emitted it more than once.",
            cure="Emit in one place, once a commit; with several workers let only one of them emit.",
            when="on_one > 1"),
        Cause(name="duplicate_handler", whose="client",
            sentence="It came once and was shown more than once: the page has several handlers for one event.",
            cure="Register handlers once, outside of `connect`, and take them off when a component goes.",
            when="displays > frames"),
        Cause(name="not_deduped", whose="client",
            sentence="It came by two ways, live and with a history, and the page showed both.",
            cure="Merge by id: what is on the page already is not put there again.",
            when="true", habits=("dedupe",)),
    ),
    "reorders": (
        Cause(name="emitted_out_of_order", whose="server",
            sentence="It came after a message with a higher number, over the same connection: the server emitted them "
            "so.",
            cure="Publish a session's messages one after the other, in the order of their seq.",
            when="late"),
        Cause(name="sorted_wrongly", whose="client",
            sentence="It came in order, and the page put it in another place.",
            cure="Sort by seq on insert, not by the time of arrival or of a clock.",
            when="true"),
    ),
    "leaks": (
        Cause(name="joined_elsewhere", whose="client",
            sentence="The party had asked to join that session's room itself, and was let in.",
            cure="Check on the server whose room it is, and let a page forget a session that is over.",
            when="asked"),
        Cause(name="emitted_to_others", whose="server",
            sentence="The server emitted it to a party that has no part in the session.",
            cure="Never emit without a room, and build the room's name in one place. Where every agent is to hear "
            "every session, the target says so: [promises] private = false.",
            when="true"),
    ),
    "phantoms": (
        Cause(name="not_in_history", whose="server",
            sentence="The server stored it, by its journal, and its history does not hold it: after a reload it is "
            "gone.",
            cure="Look at what the history leaves out (the newest, a kind, a page of so many), and whether what is "
            "stored outlives a restart.",
            when="EXISTS (FROM frames WHERE frames.mid = phantoms.mid AND kind = 'stored')"),
        Cause(name="emitted_unstored", whose="server",
            sentence="It was emitted and is stored nowhere: after a reload it is gone.",
            cure="Store first, then emit.",
            when="emitted"),
        Cause(name="accepted_unstored", whose="server",
            sentence="Its sender was told that it went well, and it is stored nowhere.",
            cure="Commit before the answer.",
            when="true"),
    ),
}  # fmt: skip
# By its name whatever a row may be called, in the order of the lists.
KNOWN = {each.name: each for each in chain(CAUSES, NOT_RECOVERED, *ATTRIBUTIONS.values())}


def attributed(con: duckdb.DuckDBPyConnection, violation: str) -> dict[str, int]:
    """How many of that violation each of its attributions explains; only those that explain any."""
    named = f"SELECT {as_case(ATTRIBUTIONS[violation])} AS name, sum(n)::BIGINT FROM {violation}"
    return {str(name): int(n) for name, n in con.execute(f"{named} GROUP BY name ORDER BY 2 DESC, 1").fetchall()}

"""What the journal says of the missed ones: who was in the room that each was emitted to, and where it then stopped.

Only messages of reports.facts.states are looked at: those whose recipient was absent, and those that were missed.
"""

# Which rooms each connection entered. A journal without entries: the rooms of the acks.
ENTRIES = """
CREATE TABLE entries AS
WITH told AS (
    SELECT connections.party, connections.conn, around.t, around.room, around.namespace, around.session
    FROM around JOIN connections ON connections.sid = around.sid AND t >= sid_from_ns AND t < sid_until_ns
    WHERE around.kind = 'room_entered' AND around.room IS NOT NULL
)
SELECT *, min(t) OVER (PARTITION BY party, room) AS first_ns
FROM (
    FROM told
    UNION ALL
    SELECT party, conn, acked_ns, room_told, NULL, session FROM joins
    WHERE acked_ns IS NOT NULL AND room_told IS NOT NULL AND NOT EXISTS (FROM told)
)"""

# To which rooms each was emitted, and whether the journal lists who was there.
EMISSIONS = """
CREATE TABLE emissions AS
SELECT mid, list(DISTINCT room) AS rooms, bool_or(sids IS NOT NULL) AS listed FROM frames SEMI JOIN states USING (mid)
WHERE kind = 'published' GROUP BY mid"""

# Was the recipient among those it was emitted to, or was it written to it, whoever is listed; did that connection go
# quiet before it could have arrived; was it waiting for an upgrade then. What was emitted once more when it had joined
# again says nothing of the first time; nor does what was written to a connection that came later, as a replay to one
# that was restored, before its client knew.
EMITTED = """
CREATE TABLE emitted_to AS
WITH emitted AS (
    SELECT frames.mid, kind, frames.t, unnest(coalesce(sids, [sid])) AS sid FROM frames SEMI JOIN states USING (mid)
    WHERE kind IN ('published', 'written', 'not_enqueued')
),
ghosts AS (SELECT mid, sid FROM frames WHERE kind = 'not_enqueued' AND why = 'no-socket'),
reached AS (
    SELECT emitted.mid, kind, emitted.t, emitted.sid, quiet_ns <= emitted.t AS in_flight
    FROM emitted ANTI JOIN ghosts USING (mid, sid) JOIN looked_at USING (mid)
    JOIN connections ON connections.sid = emitted.sid AND emitted.t >= sid_from_ns AND emitted.t < sid_until_ns
    LEFT JOIN endings ON endings.party = connections.party AND endings.conn = connections.conn
    WHERE connections.party = looked_at.recipient AND coalesce(emitted.t < back_ns, true)
        AND (kind <> 'written' OR looked_at.hi_ns
            >= if(connections.conn <> connections.state_of, connections.connected_ns, connections.begun_ns))
),
queues AS (SELECT sid, t, upgrading FROM around WHERE kind = 'queue')
SELECT reached.mid, bool_or(in_flight) AS in_flight,
    bool_or(coalesce(queues.upgrading, before.upgrading AND before.t >= reached.t - 1_000_000_000)) AS upgrading,
    min(reached.t) FILTER (kind = 'written') AS written_ns
FROM reached ASOF LEFT JOIN queues ON queues.sid = reached.sid AND queues.t >= reached.t
ASOF LEFT JOIN queues AS before ON before.sid = reached.sid AND before.t <= reached.t  -- it may end before the next
GROUP BY reached.mid"""

# What a connection of the recipient did not take; one that nobody was told of is known by its session.
REFUSED = """
CREATE TABLE not_taken AS
WITH refused AS (
    SELECT frames.mid, frames.sid, frames.why FROM frames SEMI JOIN states USING (mid) WHERE kind = 'not_enqueued'
),
owners AS (
    SELECT sid, party FROM connections SEMI JOIN refused USING (sid)
    UNION
    SELECT around.sid, widget FROM around SEMI JOIN refused USING (sid) JOIN sessions USING (session)
    WHERE around.kind = 'sid_connected'
)
SELECT mid, arg_min(why, list_position(['no-socket', 'overdue', 'closed'], why)) AS not_enqueued
FROM refused JOIN owners USING (sid) JOIN looked_at USING (mid) WHERE owners.party = looked_at.recipient GROUP BY mid"""

# Whether a room that the recipient's connection entered is the session's.
OWN = """coalesce(entries.session = looked_at.session, entries.room = joined_room, first_ns >= held_ns - 100_000_000,
        true)"""

# In which room its connection was instead: the session's, else, for a widget, whatever session's. Of several the last,
# but where nobody lists who was there, one that it was emitted to. `emitted_here`: it was, there or among other rooms.
# A room beside the session's (a party's own, all agents') is none: where the join's room is the one emitted to, what
# was entered before a join was sent; where no line says whose it is, what the party had entered before it held the
# session.
ENTERED = f"""
CREATE TABLE entered AS
WITH matched AS (
    SELECT states.mid, entries.* EXCLUDE (t), {OWN} AS own,
        coalesce(list_contains(rooms, entries.room), false) AS emitted_here,
        if(emitted_here AND NOT listed, forever() // 2 + entries.t, entries.t) AS t
    FROM states JOIN looked_at USING (mid) LEFT JOIN emissions USING (mid)
    JOIN entries ON entries.party = looked_at.recipient AND entries.conn = states.conn AND entries.t <= looked_at.at_ns
    WHERE (own OR letter = 'a' AND entries.session IS NOT NULL)
        AND (emitted_here OR coalesce(looked_at.room <> joined_room OR entries.t >= rejoin_ns, true))
)
SELECT mid, bool_or(own) AS own, max(t) AS entered_ns, arg_max(room, t) AS room, arg_max(namespace, t) AS namespace,
    arg_max(emitted_here, t) AS emitted_here
FROM (FROM matched QUALIFY own OR NOT bool_or(own) OVER (PARTITION BY mid)) GROUP BY mid"""

# Whose join was acked before the room was entered, with the message in between.
ENTERED_LATER = f"""
CREATE TABLE entered_later AS
SELECT DISTINCT mid
FROM states JOIN looked_at USING (mid)
JOIN entries ON entries.party = looked_at.recipient AND entries.conn = states.conn AND entries.t > looked_at.at_ns
    AND entries.t < states.next_join_ns
ANTI JOIN entered USING (mid)
WHERE conn_state = 'joined' AND NOT absent
    AND {OWN}"""

# Whose room was the right one once: it is another session's; or, since the recipient had entered it, messages to it
# were emitted there; or the session was escalated, and its messages had been emitted there until then, or somebody
# entered the new one; or somebody went from the one to the other. It has not moved where its messages go to the one and
# to the other by turns, nor by an escalation where some had gone to the other before (but the server moves it a moment
# before its customer is told).
STALE = """
CREATE TABLE stale_rooms AS
WITH elsewhere AS (
    SELECT mid, letter, looked_at.session, recipient, looked_at.room, entered.room AS entered_room, entered_ns, own,
        joined_room
    FROM entered JOIN looked_at USING (mid) JOIN states USING (mid)
    WHERE entered.room <> looked_at.room AND NOT emitted_here
),
whose AS (SELECT room, list(session) AS sessions FROM entries JOIN sessions USING (session) GROUP BY room),
escalations AS (SELECT session, max(t) AS escalated_ns FROM around WHERE kind = 'escalated' GROUP BY session),
emitted AS (
    SELECT session, room, min(t) AS first_ns, max(t) AS last_ns,
        max(t) FILTER (contains(mid, '.a.')) AS agents_ns, max(t) FILTER (contains(mid, '.w.')) AS widgets_ns
    FROM frames SEMI JOIN elsewhere USING (session) WHERE kind = 'published' GROUP BY session, room
),
moved AS (
    SELECT elsewhere.*, old.first_ns AS used_ns,
        coalesce(if(letter = 'a', old.agents_ns, old.widgets_ns) > entered_ns, false) AS heard,
        if(escalated_ns > entered_ns AND coalesce(new.first_ns >= escalated_ns - 1_000_000_000, true), escalated_ns,
            NULL) AS escalated_ns
    FROM elsewhere LEFT JOIN escalations USING (session)
    LEFT JOIN emitted AS old ON old.session = elsewhere.session AND old.room = entered_room
    LEFT JOIN emitted AS new ON new.session = elsewhere.session AND new.room = elsewhere.room
    LEFT JOIN whose ON whose.room = elsewhere.room
    WHERE coalesce(old.last_ns < new.first_ns, true) AND coalesce(list_contains(sessions, elsewhere.session), true)
        AND elsewhere.room IS DISTINCT FROM joined_room
)
SELECT mid FROM elsewhere WHERE NOT own
UNION
SELECT mid FROM moved WHERE used_ns < escalated_ns OR heard AND EXISTS (FROM entries WHERE entries.room = moved.room)
UNION
SELECT mid FROM moved JOIN entries
    ON entries.room = moved.room AND entries.party <> recipient AND entries.t > coalesce(escalated_ns, entered_ns)
WHERE escalated_ns IS NOT NULL OR EXISTS (
    FROM entries AS old WHERE old.party = entries.party AND old.room = entered_room AND old.t < entries.t)"""

MEMBERSHIP = """
CREATE TABLE membership AS
WITH holed AS (  -- since its connection began, or as it should have been written
    SELECT DISTINCT mid FROM states JOIN looked_at USING (mid)
    LEFT JOIN connections ON connections.party = looked_at.recipient AND connections.conn = states.conn
    JOIN holes ON holes.start_ns < at_ns + late_after_ns() AND holes.end_ns > coalesce(begun_ns, at_ns)
),
returns AS (  -- who was there when it was emitted, on a connection that ended later
    SELECT states.mid, min(acked_ns) AS returned_ns FROM states JOIN looked_at USING (mid)
    JOIN presences ON presences.party = recipient AND presences.session = looked_at.session AND acked_ns > conn_ended_ns
    WHERE NOT absent GROUP BY states.mid
),
kinds AS (
    SELECT EXISTS (FROM around JOIN connections USING (sid) WHERE kind = 'room_entered' AND room IS NOT NULL)
            AS rooms_told,
        EXISTS (FROM around WHERE kind IN ('room_left', 'sid_disconnected') AND sid IS NOT NULL) AS ends_told,
        EXISTS (FROM frames WHERE kind = 'written' AND sid IS NOT NULL) AS writes_told
)
SELECT states.mid,
    CASE WHEN overtaken THEN NULL
        WHEN emitted_to.mid IS NOT NULL OR not_taken.mid IS NOT NULL THEN true
        WHEN emitted_here AND NOT ends_told THEN NULL  -- nobody says whether it had left
        WHEN members = 0 OR listed AND known_to_journal THEN false END AS member,
    in_flight AND NOT overtaken AS in_flight, written_ns, not_enqueued, returned_ns, upgrading,
    -- what ended the connection that it was emitted to explains it, not what began the absence, if any
    member AND (unacked OR NOT absent AND writes_told AND written_ns IS NULL AND ended_by = 'slow_consumer') AS own_end,
    if(emitted_here, entered.room, looked_at.room) AS emitted_room, entered.room AS entered_room,
    entered.namespace AS entered_namespace, stale_rooms.mid IS NOT NULL AS stale,
    entered_later.mid IS NOT NULL AS entered_later,
    if(member, NOT writes_told, NOT rooms_told OR known_to_journal IS NOT TRUE) OR holed.mid IS NOT NULL OR overtaken
        AS untold
FROM states CROSS JOIN kinds JOIN looked_at USING (mid) LEFT JOIN emitted_to USING (mid) LEFT JOIN not_taken USING (mid)
LEFT JOIN holed USING (mid) LEFT JOIN entered USING (mid)
LEFT JOIN stale_rooms USING (mid) LEFT JOIN entered_later USING (mid) LEFT JOIN emissions USING (mid)
LEFT JOIN returns USING (mid)"""

# Table membership; it needs looked_at and states of reports.facts and all that they stand on.
STEPS = (ENTRIES, EMISSIONS, EMITTED, REFUSED, ENTERED, ENTERED_LATER, STALE, MEMBERSHIP)

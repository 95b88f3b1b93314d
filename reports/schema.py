"""The columns of facts and ledger: what each means and what null means in it. docs/ledger.md is made from this.

`facts` is the whole contract of outcomes and causes. Times are ns of CLOCK_MONOTONIC, as in the events.
"""

import dataclasses
from dataclasses import dataclass

from reports.journal import CONTRADICTED


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `sql` is how it is had from the tables that stand behind it."""

    name: str
    type: str
    unit: str
    meaning: str
    null: str
    sql: str


NOUGHT = {"BOOLEAN": "false", "INTEGER": "0"}  # what is never null is that where no table has it


def _column(name: str, type: str, unit: str, meaning: str, null: str, sql: str = "") -> Column:
    """Without `sql` it stands under its own name in these tables, where what is `never` null here may be so."""
    own = f"coalesce({name}, {NOUGHT[type]})::{type}" if null == "never" and type in NOUGHT else name
    return Column(name, type, unit, meaning, null, sql or own)


FACTS = tuple(_column(*row) for row in (
    # who
    ("mid", "VARCHAR", "", "RUN:KEY", "never", "moments.mid"),
    ("key", "VARCHAR", "", "INDEX.w|a.NUMBER, the same in every run of a seed", "never"),
    ("session", "VARCHAR", "", "the server's session id", "the session never opened", "moments.session"),
    ("sender", "VARCHAR", "", "the party that was to send it", "not recorded"),
    ("recipient", "VARCHAR", "", "the party it is meant for", "no agent held the session"),
    ("seq", "BIGINT", "", "the server's number within the session", "nobody was told"),
    # sent and accepted
    ("due_ns", "BIGINT", "ns", "when the plan wanted it sent", "not known"),
    ("sent_ns", "BIGINT", "ns", "the first attempt", "never sent"),
    ("attempts", "INTEGER", "", "how often it was sent", "never"),
    ("accepted_ns", "BIGINT", "ns", "when the sender was told it went well", "it was not"),
    ("answered_ns", "BIGINT", "ns", "acceptance, else last answer, else the sending", "never sent"),
    ("sender_view", "VARCHAR", "", "unsent, accepted, refused or unanswered; the best of attempts", "never"),
    ("status", "INTEGER", "", "HTTP status of the last answer that was not good", "there was none"),
    ("said", "VARCHAR", "", "the reason in the words of who sent or refused it", "none was given"),
    ("burst", "INTEGER", "", "messages without an answer that its sender emitted over polling in that second, itself "
     "included", "it was answered, or did not go over polling"),
    ("sender_cut", "BOOLEAN", "", "the sender's recorder broke off", "never", "NOT coalesce(senders.whole, false)"),
    # stored and published
    ("in_audit", "BOOLEAN", "", "the audit read it", "never"),
    ("audit_ns", "BIGINT", "ns", "when the session was last audited", "it was not"),
    ("stored_ns", "BIGINT", "ns", "when the server committed it", "no journal, or not seen there"),
    ("published_ns", "BIGINT", "ns", "when the server emitted it", "no journal, or not seen there"),
    ("room", "VARCHAR", "", "the room it was emitted to", "no journal, or not seen there",
     "coalesce(emitted_room, moments.room)"),
    ("namespace", "VARCHAR", "", "the namespace it was emitted in", "no journal, or not seen there",
     "if(published_ns IS NULL, NULL, coalesce(moments.namespace, namespace_of(moments.recipient)))"),
    ("members", "INTEGER", "", "connections in the room it was emitted to", "no journal, or not told"),
    ("journal_speaks", "BOOLEAN", "", "what the journal does not show did not happen", "never"),
    ("torn", "BOOLEAN", "", "lines of it are missing in the journal, and so are others of that time, by their numbers",
     "never"),
    ("member", "BOOLEAN", "", "the recipient was among those members", "not told, or not looked up"),
    ("not_enqueued", "VARCHAR", "", "why the recipient's connection took nothing: no-socket, overdue, closed",
     "it did, or not told"),
    ("upgrading", "BOOLEAN", "", "the recipient's connection was on its way to websocket then", "never"),
    ("written_ns", "BIGINT", "ns", "when it was written to the recipient's connection", "not seen"),
    ("in_flight", "BOOLEAN", "", "emitted to a connection that ended, and after what it carried last", "never"),
    # received and displayed by the recipient
    ("seen_ns", "BIGINT", "ns", "first sign of it at the recipient", "there was none"),
    ("received_ns", "BIGINT", "ns", "first live frame of it", "none came"),
    ("why", "VARCHAR", "", "why a page did not show it: shape, session, no-listener, duplicate", "none said"),
    ("listened", "BOOLEAN", "", "at some other time the page listened to that event, or by the target it is to",
     "never"),
    ("displayed_ns", "BIGINT", "ns", "first display by any way", "never displayed"),
    ("kept_ns", "BIGINT", "ns", "first display by any way that was not removed for good", "there was none"),
    ("live_ns", "BIGINT", "ns", "first kept display as it was emitted (or, stored before the assume, as it was read)",
     "there was none"),
    ("via", "VARCHAR", "", "the way of the first display: live, join, history, replay", "never displayed"),
    ("copies", "INTEGER", "", "times it stood on one page, the page with most", "never"),
    ("view_misses", "INTEGER", "", "other pages, open when it was accepted, that never showed it", "never"),
    ("wiped", "BOOLEAN", "", "displayed, then removed without return", "never"),
    # the allowance
    ("owed_from_ns", "BIGINT", "ns", "due, or the assume where stored before it: latency counts from here", "not known",
     "if(waited, moments.held_ns, coalesce(due_ns, sent_ns))"),
    ("horizon_ns", "BIGINT", "ns", "until when it must be displayed", "never sent", "moments.horizon_ns"),
    ("left_ns", "BIGINT", "ns", "when the recipient was done with the session", "it never was"),
    ("withdrawn_ns", "BIGINT", "ns", "when the recipient was stopped early", "it was not", "recipients.withdrawn_ns"),
    ("watched_ns", "BIGINT", "ns", "until when the recipient's recorder wrote", "it has none", "recipients.end_ns"),
    ("recipient_cut", "BOOLEAN", "", "that recorder broke off, or is missing", "never",
     "NOT coalesce(recipients.whole, recipient IS NULL AND recorders_whole())"),
    # the recipient at the moment of publishing
    ("at_ns", "BIGINT", "ns", "that moment; without a journal the first within sent and answered that explains a miss",
     "never sent", "coalesce(at_ns, lo_ns)"),
    ("absent", "BOOLEAN", "", "nothing emitted could reach it: before its first join ack, or from when a connection "
     "that ended went quiet to the next join ack or restored connection", "never"),
    ("gap_root", "VARCHAR", "", "the cause that the end of the recipient's connection goes back to: server_restarted, "
     "kicked, frozen, server_stalled, half_open, gone_silent, slow_consumer, idle_timeout",
     "it was there, or nothing is known", "if(own_end, ended_by, gap_root)"),
    ("cause_ms", "DOUBLE", "ms", "how long that lasted: the freeze, the stall, the lateness, else the silence",
     "as above", "if(own_end, ended_ms, cause_ms)"),
    ("frozen_ms", "DOUBLE", "ms", "how long the page stood still in which it came", "it did not"),
    ("transport", "VARCHAR", "", "of the connection of that moment: websocket, polling", "none, or not looked up"),
    ("conn_state", "VARCHAR", "", "the recipient's connection when it was emitted: never, connecting, "
     "connected_unjoined, joining, joined, down", "no recipient",
     "if(recipient IS NULL, NULL, coalesce(conn_state, 'joined'))"),
    ("dropped_ns", "BIGINT", "ns", "when the connection ended that began the absence, or to which it was emitted, and "
     "on which no join was acked, or which read too slowly", "neither", "if(own_end, conn_ended_ns, dropped_ns)"),
    ("back_ns", "BIGINT", "ns", "the join ack that ended the absence, or came after that end", "neither",
     "nullif(if(own_end, coalesce(back_ns, returned_ns), back_ns), forever())"),
    ("server_died", "BOOLEAN", "", "the absence goes back to the server's death", "never"),
    ("kicked", "BOOLEAN", "", "the server had disconnected it, as it knew by then or not yet", "never"),
    ("met", "BOOLEAN", "", "that death ended its connection, or it asked for the server while there was none", "never"),
    ("given_up", "BOOLEAN", "", "by the journal the server had no such connection any more", "never"),
    ("held", "BOOLEAN", "", "by the journal the server had its connection still", "never"),
    ("ready_ns", "BIGINT", "ns", "when there was a server again", "it had not died, or was not back",
     "nullif(ready_ns, forever())"),
    ("refusal", "VARCHAR", "", "what its attempt to connect ran into: origin, auth, handshake (a bare 403)",
     "none of them"),
    ("refused_with", "VARCHAR", "", "what its attempt to connect was answered", "it was not refused"),
    ("join_sent", "BOOLEAN", "", "it had sent a join before", "not looked up"),
    ("first_join", "BOOLEAN", "", "its last join was its page's first", "not looked up"),
    ("join_refused", "BOOLEAN", "", "a join of this absence got an error ack, or the journal says its event is unknown",
     "never"),
    ("join_timeouts", "INTEGER", "", "joins of this absence that timed out on a connection that stayed up", "never"),
    ("rejoin_ns", "BIGINT", "ns", "the first join sent on the connection of that moment", "none was"),
    ("conn_ended_ns", "BIGINT", "ns", "when that connection ended", "it did not"),
    ("entered_room", "VARCHAR", "", "the room its connection had entered", "none, or not looked up"),
    ("entered_namespace", "VARCHAR", "", "the namespace of that room", "none, or not looked up",
     "if(entered_room IS NULL, NULL, coalesce(entered_namespace, namespace_of(moments.recipient)))"),
    ("stale", "BOOLEAN", "", "that room was the session's once, or is another session's", "never"),
    ("entered_later", "BOOLEAN", "", "its join was acked before, and the room entered only after it", "never"),
    ("untold", "BOOLEAN", "", "a journal without room_entered (of who was not there) or written (of who was), or that "
     "lacks lines of that time, tells no more", "never"),
    ("first_acked_ns", "BIGINT", "ns", "the recipient's first join ack", "it never joined", "seats.acked_ns"),
    ("ever_joined", "BOOLEAN", "", "a join of the recipient succeeded some time, in whatever session", "never"),
    # afterwards, for those that were not displayed within the horizon
    ("joined_after", "BOOLEAN", "", "a join succeeded after it", "not looked up"),
    ("rejoin_asked", "BOOLEAN", "", "the first of these joins asked from before its seq", "not looked up"),
    ("asked_after", "BOOLEAN", "", "a join or fetch asked from before its seq", "not looked up"),
    ("others_offered", "BOOLEAN", "", "a reply after it held others", "not looked up"),
    ("fetched_ns", "BIGINT", "ns", "when in that absence the recipient had last asked for the history before it",
     "it had not, or that held it"),
))  # fmt: skip


OF_FACTS = {each.name: dataclasses.replace(each, sql=each.name) for each in FACTS}
# A bare name is a column of facts, as it is there.
LEDGER = tuple(OF_FACTS[row] if isinstance(row, str) else _column(*row) for row in (
    "mid", "key", "session", "sender", "recipient", "seq", "due_ns", "sent_ns", "accepted_ns", "published_ns",
    ("displayed_ns", "BIGINT", "ns", "first display that stayed, else first display", "never displayed",
     "coalesce(kept_ns, displayed_ns)"),
    "sender_view", "attempts",
    ("owed", "BOOLEAN", "", "the recipient should have got it", "never"),
    ("outcome", "VARCHAR", "", "live, late, recovered, lost or unjudged", "not owed"),
    "via",
    ("stored", "VARCHAR", "", "yes, no or not known: by the audit, else by the journal", "never"),
    ("by_design", "BOOLEAN", "", "lost where the target promises no history", "never",
     "coalesce(outcome = 'lost' AND NOT wiped AND NOT promises_history(), false)"),
    ("missed_because", "VARCHAR", "", "why it did not arrive as it was emitted", "it did, or it is not judged"),
    ("not_recovered_because", "VARCHAR", "", "why nothing brought it back", "not lost"),
    ("reason", "VARCHAR", "", "why it was not accepted, is not owed or could not be judged", "none of these"),
    "said",
    ("latency_ms", "DOUBLE", "ms", "due (or the assume, where stored before it) to the first display by any way",
     "not displayed within the horizon",
     "if(outcome IN ('live', 'late', 'recovered'), (kept_ns - owed_from_ns) / 1e6, NULL)"),
    ("live_latency_ms", "DOUBLE", "ms", "the same, of live and late rows only", "neither live nor late",
     "if(outcome IN ('live', 'late'), (live_ns - owed_from_ns) / 1e6, NULL)"),
    "copies", "view_misses", "wiped", "members", "conn_state", "gap_root",
    ("cause_ms", "DOUBLE", "ms", "how long what caused it had lasted: the freeze, the stall, the silence, the "
     "lateness; how long ago the history was asked for; since when the server was back",
     "missed_because has no such length", "CASE missed_because WHEN 'frozen' THEN frozen_ms "
     "WHEN 'reconnect_storm' THEN (at_ns - ready_ns) / 1e6 "
     "WHEN 'history_race' THEN (at_ns - fetched_ns) / 1e6 ELSE cause_ms END"),
    ("since_drop_ms", "DOUBLE", "ms", "the emit minus the end of the recipient's connection; negative: it looked up "
     "still", "it was there, or had never joined", "(at_ns - dropped_ns) / 1e6"),
    ("back_after_ms", "DOUBLE", "ms", "from the emit until the recipient had joined again", "it was there, or never "
     "did", "(back_ns - at_ns) / 1e6"),
    "refused_with", "room", "namespace",
    ("entered_room", "VARCHAR", "", "the room the recipient was in, of missed ones", "none, or it was not missed",
     "if(missed_because IS NULL, NULL, entered_room)"),
    ("join_offset_ms", "DOUBLE", "ms", "the recipient's first join ack minus the emit (without a journal: the "
     "acceptance); negative: it had joined before", "it never joined, or never sent",
     "(first_acked_ns - coalesce(published_ns, answered_ns)) / 1e6"),
    ("shown_after_s", "DOUBLE", "s", "due to display, of lost rows that were shown after the horizon", "not shown",
     "if(outcome = 'lost' AND kept_ns > horizon_ns, (kept_ns - owed_from_ns) / 1e9, NULL)"),
    ("evidence", "VARCHAR", "", "what the cause rests on: journal, or swarm where the journal is silent", "never",
     "if(journal_speaks, 'journal', 'swarm')"),
    ("seen", "BOOLEAN", "", "there was a sign of it at the recipient", "never", "seen_ns IS NOT NULL"),
    ("contradicted", "BOOLEAN", "", "the journal says that what the swarm saw of it cannot have been", "never",
     CONTRADICTED),
    ("unshown_until_ns", "BIGINT", "ns", "until when its recipient was watched and did not show it", "nobody knows",
     "nullif(least(coalesce(kept_ns, forever()), coalesce(left_ns, withdrawn_ns, watched_ns, forever())), forever())"),
))  # fmt: skip

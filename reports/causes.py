"""Why a message was missed: two ordered lists, the only ones. First match wins, so that every miss has one cause.

missed_because         why it did not arrive as it was emitted (recovered and lost rows): the first missing stage
    stored -> published -> the recipient is there (connected, joined) -> the connection is alive -> in the room emitted
    to -> received -> displayed
not_recovered_because  why nothing brought it back afterwards (lost rows)

`when` is SQL over the columns of facts (reports.schema). A cause that needs the journal is looked for only where the
journal speaks of the message; elsewhere causes that look alike from outside are reported as their group.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One cause: `sentence` tells a developer of a chat what happened, `cure` what to change.

    `told` says it of one message, with that message's own numbers (reports.telling); empty: the sentence does. `habits`
    are keys of [client] in the target: where the widget is declared to be so, the cause rests on that. `group`: what it
    may be called where there is no journal, several names where that depends on the rest. `whose`: server or client, of
    who made a violation (reports.violations).
    """

    name: str
    sentence: str
    cure: str
    when: str
    code: str = ""
    told: str = ""
    group: str = ""
    needs: str = ""
    habits: tuple[str, ...] = ()
    whose: str = ""

    @property
    def condition(self) -> str:
        """`when`, and that the journal speaks where it needs to."""
        return f"journal_speaks AND ({self.when})" if self.needs == "journal" else self.when

    @property
    def without_journal(self) -> tuple[str, ...]:
        """Its groups; and its own name, where that needs no journal."""
        return (*(() if self.needs == "journal" else (self.name,)), *self.group.split())


# Nothing could be received: the recipient was not there, and the journal does not know better.
GONE = "received_ns IS NULL AND absent AND member IS NOT TRUE"
# The connection looked up, to both sides or to one, and nothing more came over it.
LOOKED_UP = "received_ns IS NULL AND at_ns < dropped_ns"
WAITING = "conn_state IN ('connected_unjoined', 'joining')"
# It was emitted to others only, while the recipient had joined on a connection that was up.
ELSEWHERE = (
    "received_ns IS NULL AND member IS NOT TRUE AND NOT given_up"
    " AND (conn_state = 'joined' OR conn_state = 'joining' AND entered_room IS NOT NULL)"
)

# Causes without a code are groups: what cannot be told apart from outside. Each stands after its last member.
CAUSES = (
    Cause(name="ghost_member", code="S7", group="offline", needs="journal",
        sentence="It was emitted to a connection of the recipient that had ended and was still in the room.",
        cure="Take connections out of their rooms when they end, whatever they were doing; enter rooms last.",
        when="received_ns IS NULL AND not_enqueued = 'no-socket' AND NOT in_flight",
        told="It was {emitted} to a connection of {recipient} that had ended{inside}; {recipient} {state}."),
    Cause(name="not_published", code="S9", group="subscribed_nowhere", needs="journal",
        sentence="The server took the message and never emitted it.",
        cure="Publish from an outbox: a message that is stored is emitted, also after a crash or an exception.",
        when="published_ns IS NULL AND received_ns IS NULL AND written_ns IS NULL",
        told="The server took it{numbered} and never emitted it; {recipient} {state}."),
    Cause(name="origin_refused", code="C1", group="handshake_refused",
        sentence="The recipient could not connect: the server does not accept the Origin of its page.",
        cure="Put the page's origin, scheme and port included, on the server's allow-list; alarm on connect errors.",
        when="received_ns IS NULL AND refusal = 'origin'",
        told="{recipient} was trying to connect and was turned away: {refused_with}"),
    Cause(name="auth_refused", code="C3", group="handshake_refused",
        sentence="The recipient could not connect, for the first time or again: the server refused to let it in, most "
        "often for its token.",
        cure="Read the words of the refusal. For a token: give `auth` as a function that hands out a fresh one; on a "
        "refusal refresh it and call connect(): the client does not try again by itself.",
        when="received_ns IS NULL AND refusal = 'auth'",
        told="{recipient} was trying to connect and was turned away: {refused_with} {back}."),
    Cause(name="handshake_refused",
        sentence="The recipient could not connect: the server refuses the handshake with a bare 403.",
        cure="See the server's log: most often the page's origin is not on its allow-list.",
        when="received_ns IS NULL AND refusal = 'handshake'",
        told="{recipient} was trying to connect and was turned away: {refused_with}"),
    Cause(name="event_mismatch", code="R5",
        sentence="The recipient was connected, but its join was refused, or one side does not know the other's event.",
        cure="Read in `entrega trace` what the join was answered. Use one name for the event on both sides, answer "
        "unknown events with an error, test the contract.",
        # Joins that succeed later, or elsewhere, were only slow.
        when=f"{GONE} AND {WAITING} AND join_sent AND coalesce(back_ns > horizon_ns, true)"
        " AND (join_refused OR join_timeouts >= 2 AND NOT ever_joined)"
        " OR received_ns IS NOT NULL AND why = 'no-listener' AND NOT listened",
        told="{recipient} {state} when it was {emitted}; its join was refused, or one side did not know the other's "
        "event."),
    Cause(name="not_rejoined", code="R3", habits=("rejoin",),
        sentence="The recipient was connected and not in the session's room: it had come back and not joined again, or "
        "its join was acked and not carried out.",
        cure="Join in every `connect`, not once when the page loads; or let the server join from the token. Enter the "
        "room before the ack, in one handler.",
        when=f"{GONE} AND conn_state = 'connected_unjoined' AND join_sent AND (rejoin_ns > horizon_ns"
        " OR rejoin_ns IS NULL AND (conn_ended_ns IS NOT NULL OR watched_ns >= horizon_ns))"
        f" OR {ELSEWHERE} AND journal_speaks AND entered_room IS NULL AND NOT entered_later AND NOT untold",
        told="It was {emitted} {when_gone}; {recipient} was connected and not in the room{inside}."),
    Cause(name="history_race", code="W3", habits=("fetch_first", "replace"),
        sentence="The history and the live messages raced: it came after the history was read and before the room was "
        "entered, and the join did not ask from before it; or the history replaced it on the page.",
        cure="Join first, then read the history, and merge the two by id, sorted by seq.",
        when="received_ns IS NULL AND fetched_ns IS NOT NULL AND coalesce(at_ns >= dropped_ns, true)"
        " AND joined_after AND NOT rejoin_asked"
        " OR received_ns IS NOT NULL AND wiped",
        told="{raced}."),
    Cause(name="stale_room", code="R6", group="subscribed_nowhere", needs="journal",
        sentence="The session had moved to another room, and the recipient was still in the old one.",
        cure="Give a conversation one room for good; or let the server move every connection of the party.",
        when=f"{ELSEWHERE} AND stale",
        told="It was emitted to {room}{inside}; {recipient} was in {entered_room} still."),
    Cause(name="room_mismatch", code="R4", group="subscribed_nowhere", needs="journal",
        sentence="It was emitted to one room while the recipient was in another.",
        cure="Let one function make the room's name, and let the join's ack return it with its number of members.",
        when=f"{ELSEWHERE} AND entered_room <> room",
        told="It was emitted to {room}{inside}; {recipient} was in {entered_room}."),
    Cause(name="namespace_mismatch", code="R7", group="subscribed_nowhere", needs="journal",
        sentence="It was emitted in one namespace while the recipient was in another.",
        cure="Use one namespace for the product, on both sides.",
        when=f"{ELSEWHERE} AND namespace <> entered_namespace",
        told="It was emitted to {room} in the namespace {namespace}{inside}; {recipient} was in that room of "
        "another namespace."),
    Cause(name="left_room", code="R8", group="subscribed_nowhere", needs="journal",
        sentence="It was emitted to the room that the recipient's connection had entered and was not in any more.",
        cure="Leave rooms only when the connection ends or the page says so; look for time-outs, clean-ups and other "
        "tabs that make it leave.",
        # Not by its end: a connection that ends leaves its rooms as well.
        when="received_ns IS NULL AND NOT member AND NOT untold AND entered_room = room AND (held OR NOT absent)",
        told="It was emitted to {room}{inside}; {recipient} had entered it, was connected still, and not there."),
    Cause(name="server_stalled", code="G4", group="gone_silent", needs="journal",
        sentence="The server's loop had stood still for longer than it waits for a pong, so that it gave up "
        "connections that looked up to their clients.",
        cure="Keep the loop's lag far below pingTimeout: what computes or blocks belongs into a thread or process.",
        # Emitted as it went on, to who had heard nothing since the message was sent.
        when="received_ns IS NULL AND sent_ns < dropped_ns AND gap_root = 'server_stalled'",
        told="It was {emitted} {when_gone}; the server had stood still for {lasted}; {back}."),
    Cause(name="upgrade_stuck", code="S1", group="subscribed_nowhere join_race offline", needs="journal",
        sentence="It waited on the server for an upgrade from polling to websocket that never came about.",
        cure="Use websocket only, or polling only (allow_upgrades=False), or give upgrades a time-out.",
        when="received_ns IS NULL AND upgrading AND written_ns IS NULL",
        told="It was {emitted} to {recipient}'s connection, which was waiting for its upgrade, and never left."),
    Cause(name="kicked", code="C5",
        sentence="The server had disconnected the recipient, and clients do not come back from that by themselves.",
        cure="On the reason `io server disconnect` call connect() again, with a back-off; say why before you kick.",
        when=f"{GONE} AND (kicked OR gap_root = 'kicked' AND at_ns < dropped_ns)",
        told="It was {emitted} {when_gone}, by the server; {back}."),
    Cause(name="reconnect_storm", code="G7", group="server_restarted",
        sentence="The server was there again after its death, and the recipient was not: its back-off had grown, or "
        "its attempts stood in line with everybody else's.",
        cure="Spread the return (full jitter), keep the connect handler cheap, refuse early with 503 what is too much.",
        # After all of the above: who is refused, does not join or was kicked would miss it without a death as well, and
        # so would a page that stands still.
        when="received_ns IS NULL AND at_ns > ready_ns + first_backoff_ns() AND met AND frozen_ms IS NULL"
        " AND conn_state IN ('never', 'connecting', 'down')",
        told="It was {emitted} when the server had been back for {lasted}, and {recipient} was not; {back}."),
    Cause(name="server_restarted", code="G6",
        sentence="The server had died, and the recipient had not joined again yet.",
        cure="Store before emitting, let clients ask for what they missed when they join again, drain on deploy.",
        when="received_ns IS NULL AND server_died AND coalesce(at_ns <= ready_ns + first_backoff_ns(), true)",
        told="It was {emitted} {when_gone}, by the server's death; {back}."),
    Cause(name="idle_timeout", code="G5",
        sentence="Something on the way had closed the recipient's connection because nothing came over it for a while.",
        cure="Let pingInterval be less than half of the shortest idle limit on the way (60 s in most proxies).",
        when=f"{GONE} AND gap_root = 'idle_timeout' AND (conn_state = 'down' OR at_ns < dropped_ns)",
        told="It was {emitted} {when_gone}, after {lasted} of silence; {back}."),
    Cause(name="early_message", code="R1",
        sentence="It was emitted before the recipient had asked to join the session's room.",
        cure="Hand over what was missed with the join's ack, read after the room was entered.",
        when=f"{GONE} AND NOT join_sent AND conn_state IN ('never', 'connecting', 'connected_unjoined')",
        told="It was {accepted} {before_join}{inside}."),
    Cause(name="join_race", code="R2",
        sentence="It was emitted while the recipient's first join was on its way, before the room was entered.",
        cure="Enter the room before anything is awaited, ack the join, and hand over what was missed with the ack.",
        # On its way it is until the room is entered, also where the server acks it before that.
        when=f"first_join AND ({GONE} AND {WAITING} OR {ELSEWHERE} AND entered_later)",
        told="It was {accepted} {joining}{inside}."),
    Cause(name="frozen", code="G3",
        sentence="The recipient's page stood still (a throttled tab, a locked phone), and its connection did not "
        "outlive that.",
        cure="When the page is visible again look at the connection, connect anew and ask for what was missed.",
        when="received_ns IS NULL AND absent AND frozen_ms IS NOT NULL",
        told="{recipient}'s page was standing still when it was {emitted}, for {lasted} in all; {back}."),
    Cause(name="slow_consumer", code="S3",
        sentence="The recipient read more slowly than messages came, and what was still on its way was lost with the "
        "connection.",
        cure="Cap the queue of a connection, close it when that is full, and hand over what was missed after that.",
        when=f"{LOOKED_UP} AND gap_root = 'slow_consumer'",
        told="It was {emitted} {when_gone}, which was behind by {lasted}; {back}."),
    Cause(name="half_open", code="G2", group="gone_silent", needs="journal",
        sentence="The path to the recipient was dead, and neither side had noticed yet.",
        cure="Lower pingInterval and pingTimeout, ack messages in the application, ask for what was missed on return.",
        when=f"{LOOKED_UP} AND gap_root = 'half_open'",
        told="It was {emitted} {when_gone}, over which nothing had come for {lasted} by then; {back}."),
    Cause(name="gone_silent",
        sentence="The recipient's connection looked up, and nothing came over it until a time-out ended it.",
        cure="Record a journal on the server (docs/journal.md): its loop_lag tells a server that stood still from a "
        "dead path.",
        when=f"{LOOKED_UP} AND gap_root IN ('gone_silent', 'half_open', 'server_stalled')",
        told="It was {emitted} {when_gone}, over which nothing had come for {lasted} by then; {back}."),
    Cause(name="poll_abandoned", code="S2", group="offline subscribed_nowhere", needs="journal",
        sentence="It was written as the answer to a poll that nobody read any more.",
        cure="Use websocket; find holes in seq and ask for what is missing.",
        when="received_ns IS NULL AND transport = 'polling' AND written_ns IS NOT NULL"
        " AND (at_ns < dropped_ns OR NOT absent)",
        told="It was {emitted} {when_gone}, in the answer to a poll that nobody read; {back}."),
    Cause(name="offline", code="G1", habits=("reconnect",),
        sentence="The recipient's connection was down, or not joined again yet, or ended with the message on its way.",
        cure="After every join ask for what came since the last seq that was shown.",
        when=f"{GONE} OR received_ns IS NULL AND (in_flight OR absent AND untold) OR {ELSEWHERE} AND entered_later",
        told="It was {emitted} {when_gone}{rooted}; {back}."),
    Cause(name="late_listener", code="W1", habits=("listens_after_ms",),
        sentence="It reached the recipient before its page listened to the event.",
        cure="Register handlers before connecting, not in `connect` and not after something was loaded.",
        when="received_ns IS NOT NULL AND why = 'no-listener'",
        told="It reached {recipient} when its page did not listen to that event, though it knows it."),
    Cause(name="malformed", code="W2",
        sentence="It reached the recipient in a form that its page does not show, or under another message's id.",
        cure="Hold both sides to one schema with a contract test, count what a page rejects, and give no id twice, "
        "also after a rollback or a restart.",
        # A duplicate of what it does not show is another message with that id.
        when="received_ns IS NOT NULL AND why IN ('shape', 'session', 'duplicate')",
        told="It reached {recipient}, whose page took it for no message of this session, or for one that it had."),
    Cause(name="subscribed_nowhere",
        sentence="The recipient was connected and joined all the time, and the message never came.",
        cure="Record a journal on the server (docs/journal.md), with room_entered and written: it tells what was never "
        "emitted from what went to another room or was not written. Where it was not written to a connection in the "
        "room, the emit left that out (skip_sid, except), or the adapter lost it.",
        when="received_ns IS NULL AND written_ns IS NULL",
        told="{recipient} {state} when it was {emitted}, and it never came."),
    Cause(name="unexplained",
        sentence="Nothing in the evidence explains it.",
        cure="This is a bug of entrega: please report it with what `entrega trace` says of the message.",
        when="true"),
)  # fmt: skip

NOT_RECOVERED = (
    Cause(name="not_stored",
        sentence="It is in no history of the server, which may have said that it was stored.",
        cure="Commit before the answer, and let the history hold all that is committed.",
        when="stored = 'no'"),
    Cause(name="wiped", habits=("replace",),
        sentence="The recipient had shown it and removed it again.",
        cure="Merge a history into what is shown, by id; never replace.",
        when="wiped"),
    Cause(name="never_back", habits=("rejoin", "reconnect"),
        sentence="No join of the recipient succeeded after it, and nothing else asked for it.",
        cure="Join again on every return, with the last seq that was shown; who was there all the time finds the hole "
        "in seq, and asks.",
        when="NOT joined_after AND NOT asked_after",
        told="{unasked}, and nothing else asked for it."),
    Cause(name="not_asked", habits=("recover",),
        sentence="The recipient joined after it but did not ask from before this message.",
        cure="Ask from the highest seq up to which everything was shown.",
        when="NOT asked_after"),
    Cause(name="window",
        sentence="The server handed over others after it, but not this one.",
        cure="Select what was missed by seq, not by time or by number.",
        when="others_offered"),
    Cause(name="not_offered",
        sentence="The recipient asked for what it had missed, and the server handed over nothing that its page shows.",
        cure="Answer a join or a fetch with the messages after the given seq, in the form of those that come live.",
        when="true"),
)  # fmt: skip


def as_case(causes: tuple[Cause, ...]) -> str:
    """The list as one CASE, which gives a cause's name."""
    return "CASE " + " ".join(f"WHEN {cause.condition} THEN '{cause.name}'" for cause in causes) + " END"

"""Why a message was missed: two ordered lists, the only ones. First match wins, so that every miss has one cause.

missed_because         why it did not arrive as it was emitted (recovered and lost rows): the first missing stage
    stored -> published -> the recipient is there (connected, joined) -> in the room emitted to -> received -> displayed
not_recovered_because  why nothing brought it back afterwards (lost rows)

`when` is SQL over the columns of facts (reports.schema). A cause that needs the journal is looked for only where the
journal speaks of the message; elsewhere causes that look alike from outside are reported as their group.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause: `sentence` tells a developer of a chat what happened, `cure` what to change."""

    name: str
    code: str
    sentence: str
    cure: str
    when: str
    group: str = ""
    needs: str = ""

    @property
    def condition(self) -> str:
        """`when`, and that the journal speaks where it needs to."""
        return f"journal_speaks AND ({self.when})" if self.needs == "journal" else self.when


# Nothing could be received: the recipient was not there, and the journal does not know better.
GONE = "received_ns IS NULL AND absent AND member IS NOT TRUE"
OUTSIDE = "conn_state IN ('never', 'connecting')"
WAITING = "conn_state IN ('connected_unjoined', 'joining')"

CAUSES = (
    Cause(
        name="not_published",
        code="S9",
        sentence="The server took the message and never emitted it.",
        cure="Publish from an outbox: a message that is stored is emitted, also after a crash or an exception.",
        when="published_ns IS NULL AND received_ns IS NULL",
        group="subscribed_nowhere",
        needs="journal",
    ),
    Cause(
        name="origin_refused",
        code="C1",
        sentence="The recipient could not connect: the server does not accept the Origin of its page.",
        cure="Put the page's origin, scheme and port included, on the server's allow-list; alarm on connect errors.",
        when=f"{GONE} AND {OUTSIDE} AND refusal = 'origin'",
    ),
    Cause(
        name="event_mismatch",
        code="R5",
        sentence="The recipient was connected, but one side does not know the other's event.",
        cure="Use one name for the event on both sides, answer unknown events with an error, test the contract.",
        # Joins that succeed later, or elsewhere, were only slow.
        when=f"{GONE} AND {WAITING} AND join_sent AND coalesce(back_ns > horizon_ns, true)"
        " AND (join_refused OR join_timeouts >= 2 AND NOT ever_joined)"
        " OR received_ns IS NOT NULL AND why = 'no-listener'",
    ),
    Cause(
        name="not_rejoined",
        code="R3",
        sentence="The recipient was connected again but did not enter the session's room again.",
        cure="Join in every `connect`, not once when the page loads; or let the server join from the token.",
        when=f"{GONE} AND conn_state = 'connected_unjoined' AND join_sent AND (rejoin_ns > horizon_ns"
        " OR rejoin_ns IS NULL AND (conn_ended_ns IS NOT NULL OR watched_ns >= horizon_ns))"
        " OR journal_speaks AND received_ns IS NULL AND NOT absent AND member IS NOT TRUE"
        " AND conn_state = 'joined' AND entered_room IS NULL",
    ),
    Cause(
        name="server_restarted",
        code="G6",
        sentence="The server had died, and the recipient had not joined again yet.",
        cure="Store before emitting, let clients ask for what they missed when they join again, drain on deploy.",
        # After those two: who is back and does not join, or is refused, would miss it without a death as well.
        when="received_ns IS NULL AND server_died AND (member IS NOT TRUE OR in_flight)",
    ),
    Cause(
        name="early_message",
        code="R1",
        sentence="It was emitted before the recipient had asked to join the session's room.",
        cure="Hand over what was missed with the join's ack, read after the room was entered.",
        when=f"{GONE} AND NOT join_sent AND (conn_state = 'connected_unjoined' OR {OUTSIDE} AND refusal IS NULL)",
    ),
    Cause(
        name="join_race",
        code="R2",
        sentence="It was emitted while the recipient's first join was on its way, before the room was entered.",
        cure="Enter the room before anything is awaited, ack the join, and hand over what was missed with the ack.",
        when=f"{GONE} AND {WAITING} AND first_join",
    ),
    Cause(
        name="offline",
        code="G1",
        sentence="The recipient's connection was down, or not joined again yet, or ended with the message on its way.",
        cure="After every join ask for what came since the last seq that was shown.",
        when=f"received_ns IS NULL AND (in_flight OR {GONE} AND NOT {OUTSIDE})",
    ),
    Cause(
        name="room_mismatch",
        code="R4",
        sentence="It was emitted to one room while the recipient was in another.",
        cure="Let one function make the room's name, and let the join's ack return it with its number of members.",
        when="received_ns IS NULL AND NOT absent AND member IS NOT TRUE AND entered_room <> room",
        group="subscribed_nowhere",
        needs="journal",
    ),
    Cause(
        name="malformed",
        code="W2",
        sentence="It reached the recipient in a form that its page does not show.",
        cure="Hold both sides to one schema with a contract test, and count what a page rejects.",
        when="received_ns IS NOT NULL AND why IN ('shape', 'session')",
    ),
    # What cannot be told apart from outside, by the name of the group.
    Cause(
        name="handshake_refused",
        code="",
        sentence="The recipient could not connect: the server refuses the handshake with a bare 403.",
        cure="See the server's log: most often the page's origin is not on its allow-list.",
        when=f"{GONE} AND {OUTSIDE} AND refusal = 'handshake'",
    ),
    Cause(
        name="subscribed_nowhere",
        code="",
        sentence="The recipient was connected and joined all the time, and the message never came.",
        cure="Record a journal on the server (docs/journal.md): it tells what was never emitted from what went to "
        "another room.",
        when="received_ns IS NULL AND NOT absent AND recipient IS NOT NULL"
        " AND (NOT journal_speaks OR published_ns IS NOT NULL AND member IS NULL)",
    ),
    Cause(
        name="unexplained",
        code="",
        sentence="Nothing in the evidence explains it.",
        cure="This is a bug of entrega: please report it with what `entrega trace` says of the message.",
        when="true",
    ),
)

NOT_RECOVERED = (
    Cause(
        name="not_stored",
        code="",
        sentence="The server never stored it, although it may have said so.",
        cure="Commit before the answer.",
        when="stored = 'no'",
    ),
    Cause(
        name="wiped",
        code="",
        sentence="The recipient had shown it and removed it again.",
        cure="Merge a history into what is shown, by id; never replace.",
        when="wiped",
    ),
    Cause(
        name="never_back",
        code="",
        sentence="No join of the recipient succeeded after it, so that nothing asked for it.",
        cure="Join again, with the last seq that was shown, whenever something may have been missed.",
        when="NOT joined_after",
    ),
    Cause(
        name="not_asked",
        code="",
        sentence="The recipient joined again but did not ask from before this message.",
        cure="Ask from the highest seq up to which everything was shown.",
        when="NOT asked_after",
    ),
    Cause(
        name="window",
        code="",
        sentence="The server handed over others that had been missed, but not this one.",
        cure="Select what was missed by seq, not by time or by number.",
        when="others_offered",
    ),
    Cause(
        name="not_offered",
        code="",
        sentence="The recipient asked for what it had missed, and the server handed over nothing.",
        cure="Answer a join with the messages after the given seq.",
        when="true",
    ),
)


def missed_because() -> str:
    """The tree as one CASE."""
    return _case(CAUSES)


def not_recovered_because() -> str:
    """The second list as one CASE."""
    return _case(NOT_RECOVERED)


def _case(causes: tuple[Cause, ...]) -> str:
    return "CASE " + " ".join(f"WHEN {cause.condition} THEN '{cause.name}'" for cause in causes) + " END"

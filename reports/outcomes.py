"""What became of each message: owed or not, exactly one outcome if owed, and the reason where it was not judged.

sender's view   unsent | accepted | refused | unanswered
owed            accepted, or seen all the same; to whom holds the session and has not left it
outcome         live | late | recovered | lost | unjudged; null: not owed

From the swarm's evidence only, so that it is the same with and without a journal.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a message was not accepted, is not owed or not judged; `when` is SQL over facts, first match wins."""

    name: str
    code: str
    sentence: str
    when: str


NOT_ACCEPTED = (
    Reason("unsent", "", "It was never sent.", "sender_view = 'unsent'"),
    Reason("oversize", "U3", "The server refused it as too large.", "sender_view = 'refused' AND status = 413"),
    Reason("refused", "", "The server refused it.", "sender_view = 'refused'"),
    Reason("recorder", "H", "The sender's recorder broke off before an answer came.",
        "sender_view = 'unanswered' AND answered_ns = sent_ns AND sender_cut"),
    Reason("ack_lost", "U4", "It reached the server, but its sender was not told.",
        "sender_view = 'unanswered' AND (in_audit OR seen_ns IS NOT NULL OR stored_ns IS NOT NULL)"),
    Reason("batch_overflow", "U2",
        "It left in one poll with more packets than python-engineio takes (16), which answers OK and drops them all.",
        "sender_view = 'unanswered' AND burst > 16"),
    Reason("uplink_lost", "U1", "No answer came, and nobody saw the message again.", "sender_view = 'unanswered'"),
)  # fmt: skip

NOT_OWED = (
    Reason("not_accepted", "", "It was not accepted, and nobody saw it.", "sender_view <> 'accepted' AND NOT seen"),
    Reason("never_assumed", "", "No agent held the session, then or later, so that there was nobody to show it to.",
        "recipient IS NULL AND NOT recipient_cut"),
    Reason("left", "", "It was accepted after the recipient was done with the session.",
        "coalesce(accepted_ns, sent_ns) > left_ns AND displayed_ns IS NULL"),
)  # fmt: skip

UNJUDGED = (
    Reason("withdrawn", "", "The recipient was stopped before the horizon.", "withdrawn_ns < horizon_ns"),
    Reason("left", "", "The recipient left before the horizon.", "left_ns < horizon_ns"),
    Reason("recorder", "H", "The recorder that watched the recipient broke off before the horizon.",
        "recipient_cut AND coalesce(watched_ns < horizon_ns, true)"),
    Reason("run_ended", "", "The run ended before the horizon.", "watched_ns < horizon_ns"),
)  # fmt: skip


def case(reasons: tuple[Reason, ...]) -> str:
    """A CASE that names the first reason that holds, else null."""
    return "CASE " + " ".join(f"WHEN {reason.when} THEN '{reason.name}'" for reason in reasons) + " END"


JUDGED = f"""
CREATE VIEW judged AS
WITH owing AS (
    SELECT *, in_audit OR seen_ns IS NOT NULL AS seen, {case(NOT_ACCEPTED)} AS not_accepted,
        {case(NOT_OWED)} AS not_owed, {case(UNJUDGED)} AS unjudged
    FROM facts
),
outcomes AS (
    SELECT *, not_owed IS NULL AS owed,
        CASE WHEN not_owed IS NOT NULL THEN NULL
            WHEN live_ns <= least(owed_from_ns + late_after_ns(), horizon_ns) THEN 'live'
            WHEN live_ns <= horizon_ns THEN 'late'
            WHEN kept_ns <= horizon_ns THEN 'recovered'
            WHEN displayed_ns IS NULL AND unjudged IS NOT NULL THEN 'unjudged'
            ELSE 'lost' END AS outcome
    FROM owing
)
SELECT *,
    CASE WHEN outcome = 'unjudged' THEN unjudged
        WHEN not_owed = 'not_accepted' OR not_owed IS NULL THEN not_accepted
        ELSE not_owed END AS reason,
    CASE WHEN in_audit THEN 'yes' WHEN audit_ns >= answered_ns THEN 'no'
        WHEN stored_ns IS NOT NULL THEN 'yes' WHEN sent_ns IS NULL OR journal_speaks AND NOT torn THEN 'no'
        ELSE 'not known' END AS stored
FROM outcomes"""

"""The stages of a message on its way, and where among what was seen of it the one stands that it never reached."""

from collections.abc import Mapping, Sequence
from typing import Any

# Each stage, and what is seen last of a message that never gets there.
STAGES = {
    "sent": ("due", "unsent"),
    "accepted": ("sent", "refused", "unanswered"),
    "stored": ("accepted",),
    "published": ("stored",),
    "received": ("published", "written", "not_enqueued"),
    "displayed": ("received", "not_displayed", "removed"),
}
OF_SERVER = ("stored", "published")  # seen in the server's journal only
OF_RECIPIENT = ("received", "displayed")


def place(stage: str, row: Mapping[str, Any], seen: Sequence[Mapping[str, Any]]) -> int:
    """After what is seen last before that stage, and before another way brought it."""
    if stage == "displayed":
        at_recipient = (n for n, event in enumerate(seen) if event["party"] == row["recipient"])
        found = [n for n in at_recipient if seen[n]["kind"] in STAGES[stage] and seen[n]["via"] in (None, "live")]
    else:
        kinds = [kind for each in list(STAGES)[: list(STAGES).index(stage) + 1] for kind in STAGES[each]]
        until = next((n for n, event in enumerate(seen) if brought(event, row["recipient"])), len(seen))
        found = [n for n, event in enumerate(seen[:until]) if event["kind"] in kinds]
    return max(found, default=-1) + 1


def missing(row: Mapping[str, Any], seen: Sequence[Mapping[str, Any]]) -> str | None:
    """The stage after the last one seen, of a message that was missed as it was emitted or never got so far."""
    if row["outcome"] not in ("recovered", "lost") and row["sender_view"] == "accepted":
        return None
    stages = [stage for stage in STAGES if row["evidence"] == "journal" or stage not in OF_SERVER]
    reached = [n for n, stage in enumerate(stages) if _reached(stage, row["recipient"], seen)]
    after = stages[max(reached, default=-1) + 1 :]
    return after[0] if after else "displayed" if row["wiped"] else None


def _reached(stage: str, recipient: str, seen: Sequence[Mapping[str, Any]]) -> bool:
    """What a join, a fetch or a replay brought is no live stage, nor is what the sender's own page showed."""
    events = (event for event in seen if event["kind"] == stage)
    if stage in OF_RECIPIENT:
        return any(event["via"] == "live" and event["party"] == recipient for event in events)
    return any(events)


def brought(event: Mapping[str, Any], recipient: str) -> bool:
    """It is how a join, a fetch or a replay brought the message."""
    other_way = event["kind"] in OF_RECIPIENT and event["via"] not in (None, "live", "audit")
    return other_way and event["party"] == recipient

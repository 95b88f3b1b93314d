"""Sentences with a message's own numbers: the {phrases} and {columns} of a cause, filled from its row of the ledger.

A phrase is whole words that fit where they stand, whatever the row does not know: "; the room was empty", or nothing.
"""

from collections.abc import Callable, Mapping
from typing import Any

from reports.violations import KNOWN
from reports.words import ms, plural, seconds

Row = Mapping[str, Any]

STATES: Mapping[str, str] = {
    "never": "had never connected",
    "connecting": "was connecting",
    "connected_unjoined": "was connected and had not joined",
    "joining": "was joining",
    "joined": "was joined",
    "down": "was disconnected",
}


def told(name: str, row: Row) -> str:
    """What that cause says of this message; where the row does not fit the sentence, what it says of all."""
    cause = KNOWN[name]
    if not cause.told:
        return cause.sentence
    return cause.told.format_map({**row, **{name: phrase(row) for name, phrase in PHRASES.items()}})


def lasted(value: float) -> str:
    """412 ms, from ten seconds on 12.5 s."""
    return ms(value) if abs(value) < 10_000 else seconds(value / 1e3)


def state(row: Row) -> str:
    """What the recipient's connection was doing."""
    return STATES.get(row["conn_state"] or "", "was not looked for")


def explained(row: Row, sender: str) -> list[str]:
    """Why it was missed and not recovered, if so. `sender`: what its connection was doing when it was emitted."""
    found = []
    for column, asked in (("missed_because", "Why was it missed?"), ("not_recovered_because", "Why not recovered?")):
        if row[column]:
            cause = KNOWN[row[column]]
            found.append(f"{asked} {cause.name}\n{told(cause.name, row)}\nCure: {cause.cure}")
    if found and row["conn_state"]:
        found.insert(0, _that_moment(row, sender))
    return found


def _that_moment(row: Row, sender: str) -> str:
    """Who was where when it was emitted; or, by the journal never, when it should have been."""
    emitted = "to be emitted" if row["evidence"] == "journal" and row["published_ns"] is None else _emitted(row)
    said = f"When it was {emitted}, {row['recipient']} {state(row)}, and {row['sender']} {sender}"
    if row["members"] is not None:
        said += f"; {plural(row['members'], 'connection')} in {row['room'] or 'the room'}"
    offset_ms = row["join_offset_ms"]
    if offset_ms is None:
        return f"{said}. {row['recipient']} never joined."
    when, what = "after" if offset_ms > 0 else "before", "that" if _accepted(row) == "emitted" else "it was accepted"
    return f"{said}. {row['recipient']}'s first join was acked {lasted(abs(offset_ms))} {when} {what}."


def _emitted(row: Row) -> str:
    """Without a journal the moment is not known: some time between the sending and the answer."""
    return "emitted" if row["published_ns"] is not None else "on its way"


def _accepted(row: Row) -> str:
    """The moment that `join_offset_ms` counts from."""
    return "emitted" if row["published_ns"] is not None else "accepted"


def _numbered(row: Row) -> str:
    return "" if row["seq"] is None else f" as number {row['seq']} of the session"


def _inside(row: Row) -> str:
    """Who was in the room, where the journal told."""
    members = row["members"]
    if members is None:
        return ""
    if not members:
        return "; the room was empty"
    return f"; {plural(members, 'connection')} {'was' if members == 1 else 'were'} there"


def _before_join(row: Row) -> str:
    room = row["room"] or "the room"
    offset_ms = row["join_offset_ms"]
    if offset_ms is None:
        return f"and {row['recipient']} never joined {room}"
    if offset_ms < 0:
        return f"before {row['recipient']} had joined {room} on this page"
    return f"{lasted(offset_ms)} before {row['recipient']} had joined {room}"


def _joining(row: Row) -> str:
    if row["conn_state"] == "joined":
        return f"after the join of {row['recipient']} was acked and before the room was entered"
    way = "with the join on its way" if row["conn_state"] == "joining" else "after a join that had failed"
    return f"{_before_join(row)}, {way}"


def _when_gone(row: Row) -> str:
    since_ms = row["since_drop_ms"]
    if _there(row) and row["entered_room"] is None:
        return f"when the join of {row['recipient']} was acked and the room not entered"
    if since_ms is None:
        return f"when {row['recipient']} {state(row)}"
    when = f"{lasted(abs(since_ms))} {'before' if since_ms < 0 else 'after'} {row['recipient']}'s connection"
    return f"{when} {'ended' if since_ms < 0 else 'had ended'}"


def _there(row: Row) -> bool:
    """Joined, by what it had been told, on a connection that lived on."""
    return row["since_drop_ms"] is None and row["conn_state"] == "joined"


def _back(row: Row) -> str:
    who, after_ms, offset_ms = row["recipient"], row["back_after_ms"], row["join_offset_ms"]
    if _there(row):
        return f"{who}'s connection went on"
    joined = "joined" if offset_ms is None or offset_ms > 0 else "joined again"
    return f"{who} never {joined}" if after_ms is None else f"{who} had {joined} {lasted(after_ms)} later"


def _unasked(row: Row) -> str:
    if _there(row):
        return f"{row['recipient']} was joined when it was {_emitted(row)}, and did not join again"
    return f"No join of {row['recipient']} succeeded after it{'' if row['back_after_ms'] is None else ' in time'}"


def _rooted(row: Row) -> str:
    """What an offline gap began as."""
    root = row["gap_root"]
    return f" (it had begun as {root})" if root not in (None, "offline") else ""


def _raced(row: Row) -> str:
    if row["wiped"]:
        return f"{row['recipient']} had shown it, and took it off the page when a history came"
    before = f"{lasted(row['cause_ms'])} before" if row["cause_ms"] is not None else "before"
    return (
        f"{row['recipient']} had asked for the history {before} it was {_emitted(row)}, and joined without asking again"
    )


def _refused_with(row: Row) -> str:
    said = str(row["refused_with"] or "no reason was given").strip('"')  # as JSON answers have them
    return said if said.endswith((".", "!", "?")) else f"{said}."


PHRASES: Mapping[str, Callable[[Row], str]] = {
    "state": state,
    "emitted": _emitted,
    "accepted": _accepted,
    "joining": _joining,
    "numbered": _numbered,
    "inside": _inside,
    "before_join": _before_join,
    "when_gone": _when_gone,
    "back": _back,
    "unasked": _unasked,
    "rooted": _rooted,
    "raced": _raced,
    "refused_with": _refused_with,
    "lasted": lambda row: "some time" if row["cause_ms"] is None else lasted(row["cause_ms"]),
}

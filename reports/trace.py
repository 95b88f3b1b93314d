"""One message's whole timeline: each stage that was seen, the stage that is missing, and the cause in words."""

import difflib
import html
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from loadtests.bad_input import BadInput
from loadtests.events import KINDS
from reports.found import explained, known, reason
from reports.words import ms, plural, seconds

if TYPE_CHECKING:
    from reports.ledger import Ledger

STAGES = ("sent", "accepted", "stored", "published", "received", "displayed")
SERVER_STAGES = ("stored", "published")  # seen in the server's journal only
AROUND = (
    "session_opened", "escalated", "assumed", "connecting", "connected", "connect_failed", "disconnected", "join_sent",
    "joined", "join_failed", "history_read", "closed", "withdrawn", "server_ended", "server_ready",
)  # fmt: skip
HIDDEN = {"n", "due_ns", "last_frame_ns", "index", "audit", "sids", "size"}  # no help to whoever reads a timeline
STATES = {
    "never": "had never connected",
    "connecting": "was connecting",
    "connected_unjoined": "was connected and had not joined",
    "joining": "was joining",
    "joined": "was joined",
    "down": "was disconnected",
}
LEFT = ' style="text-align: left"'  # a notebook's tables are set to the right
BEFORE, AFTER = 4, 12  # so many of them before the due, and from then on


class TraceError(BadInput):
    """A message that this run does not have; the message is one line that names near ones."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something that was seen; or, with `utc` and `offset_ms` (from the due) null, the stage that was not."""

    utc: str | None
    offset_ms: float | None
    who: str
    what: str


@dataclass(frozen=True, slots=True)
class Trace:
    """`verdict` says what became of the message; `missing` is the stage where a missed one stopped."""

    mid: str
    sender: str
    recipient: str | None
    session: str | None
    verdict: str
    missing: str | None
    steps: tuple[Step, ...]
    explanations: tuple[str, ...]

    def _repr_html_(self) -> str:
        """As a notebook shows it."""
        headings = "".join(f"<th{LEFT}>{name}</th>" for name in ("UTC", "ms from due", "who", "what"))
        return (
            f"<p><b>{html.escape(self.mid)}</b> {html.escape(_whom(self))}<br>{html.escape(self.verdict)}</p>"
            f"<table><thead><tr>{headings}</tr></thead><tbody>{''.join(map(_html_row, self.steps))}</tbody></table>"
            + "".join(f"<p>{html.escape(said).replace(chr(10), '<br>')}</p>" for said in self.explanations)
        )


def trace(ledger: "Ledger", mid: str) -> Trace:
    """The timeline of a message, named by its mid or its KEY. Raises TraceError for one that the run does not have."""
    row = _row(ledger, mid)
    seen = _events(ledger, row)
    clock = ledger.run.info["clocks"][0]
    missing = _missing(row, seen)
    steps = [_step(event, _zero_ns(row), clock, row["sender"]) for event in seen]
    if missing:
        before = STAGES[: STAGES.index(missing)]
        place = max((n for n, event in enumerate(seen) if event["kind"] in ("due", *before)), default=-1) + 1
        steps.insert(place, Step(None, None, row["recipient"] or "", f"MISSING: {missing} ({KINDS[missing].sentence})"))
    return Trace(
        mid=row["mid"],
        sender=row["sender"],
        recipient=row["recipient"],
        session=row["session"],
        verdict=_verdict(row),
        missing=missing,
        steps=tuple(steps),
        explanations=tuple(_explanations(row)),
    )


def print_trace(found: Trace, console: Console) -> None:
    """As a table; times are UTC and ms from the due."""
    console.print(f"[bold]{escape(found.mid)}[/]  {escape(_whom(found))}", highlight=False)
    console.print(escape(found.verdict), highlight=False)
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("UTC", no_wrap=True)
    table.add_column("ms from due", justify="right", no_wrap=True)
    table.add_column("who", no_wrap=True)
    table.add_column("what", overflow="fold")
    for step in found.steps:
        offset = "" if step.offset_ms is None else f"{step.offset_ms:+,.1f}"
        style = "bold" if step.utc is None else None
        table.add_row(step.utc or "-----", offset or "-----", step.who, escape(step.what), style=style)
    console.print("", table, sep="\n")
    for explanation in found.explanations:
        console.print(f"\n{escape(explanation)}", highlight=False)


def _whom(found: Trace) -> str:
    return f"{found.sender} to {found.recipient or 'nobody'}, session {found.session or 'never opened'}"


def _html_row(step: Step) -> str:
    offset = "" if step.offset_ms is None else f"{step.offset_ms:+,.1f}"
    cells = (step.utc or "", offset, step.who, step.what)
    style = ' style="background: #7a162622; font-weight: bold"' if step.utc is None else ""
    return f"<tr{style}>{''.join(f'<td{LEFT}>{html.escape(cell)}</td>' for cell in cells)}</tr>"


def _row(ledger: "Ledger", mid: str) -> dict[str, Any]:
    rows: pd.DataFrame = ledger.deliveries
    found = rows[(rows["mid"] == mid) | (rows["key"] == mid)]
    if len(found):
        return known(found.iloc[0])
    near = difflib.get_close_matches(mid.rpartition(":")[2], rows["key"].tolist(), n=3, cutoff=0.5)
    said = f"near it are {', '.join(near)}" if near else "`entrega report` names some"
    raise TraceError(f"no message {mid!r} in {ledger.run.path}; {said}")


def _events(ledger: "Ledger", row: dict[str, Any]) -> list[dict[str, Any]]:
    """The due, what names this message by mid or the server's id, and what its recipient's connection did around it."""
    mid, party, session = (_quoted(row[name]) for name in ("mid", "recipient", "session"))
    due_ns = _zero_ns(row)
    found = ledger.query(f"""
        WITH ids AS (SELECT DISTINCT id FROM events WHERE mid = {mid} AND id IS NOT NULL),
        around AS (
            SELECT *, row_number() OVER (PARTITION BY t >= {due_ns} ORDER BY abs(t - {due_ns})) AS place
            FROM events WHERE kind IN {AROUND} AND (party = {party} OR party IS NULL)
                AND (session IS NULL OR session = {session}) AND NOT coalesce(audit, false)
        )
        SELECT * EXCLUDE (place) FROM around WHERE place <= CASE WHEN t < {due_ns} THEN {BEFORE} ELSE {AFTER} END
        UNION ALL SELECT * FROM events WHERE mid = {mid} OR (mid IS NULL AND id IN (SELECT id FROM ids))
        ORDER BY t, source, line""")
    events = [known(event) for event in found.to_dict("records")]
    place = sum(event["t"] < due_ns for event in events)
    due = [{"t": due_ns, "kind": "due", "party": row["sender"]}] if row["due_ns"] is not None else []
    return [*events[:place], *due, *events[place:]]


def _zero_ns(row: dict[str, Any]) -> int:
    """When it was due, or, where the plan's time is not known, when it was first sent."""
    return int(row["due_ns"] or row["sent_ns"] or 0)


def _missing(row: dict[str, Any], seen: list[dict[str, Any]]) -> str | None:
    """The stage after the last one seen, of a message that was missed as it was emitted or never got so far."""
    if row["outcome"] not in ("recovered", "lost") and row["sender_view"] == "accepted":
        return None
    stages = [stage for stage in STAGES if row["evidence"] == "journal" or stage not in SERVER_STAGES]
    reached = [n for n, stage in enumerate(stages) if any(_reaches(event, stage, row["recipient"]) for event in seen)]
    after = stages[max(reached, default=-1) + 1 :]
    return after[0] if after else None


def _reaches(event: dict[str, Any], stage: str, recipient: str) -> bool:
    """What a join, a fetch or a replay brought is no live stage, nor is what the sender's own page showed."""
    if event["kind"] != stage:
        return False
    return stage not in ("received", "displayed") or (event["via"] == "live" and event["party"] == recipient)


def _step(event: dict[str, Any], due_ns: int, clock: dict[str, Any], sender: str) -> Step:
    since = timedelta(microseconds=(event["t"] - clock["monotonic_ns"]) / 1e3)
    utc = (datetime.fromisoformat(clock["utc"]) + since).astimezone(UTC).strftime("%H:%M:%S.%f")[:-3]
    offset_ms = (event["t"] - due_ns) / 1e6
    if event["kind"] == "due":
        return Step(utc, offset_ms, event["party"], "due: the plan wanted it sent")
    return Step(utc, offset_ms, event["party"] or KINDS[event["kind"]].writer, _what(event, sender))


def _what(event: dict[str, Any], sender: str) -> str:
    """The kind with its telling fields; where it has none, what it means."""
    kind = KINDS[event["kind"]]
    own = ["the sender's own echo"] if kind.name in ("received", "displayed") and event["party"] == sender else []
    telling = [field.name for field in kind.fields if field.name not in HIDDEN and event[field.name] is not None]
    details = [*own, *(f"{name} {_said(event[name])}" for name in telling)]
    return f"{kind.name} ({', '.join(details)})" if details else f"{kind.name}: {kind.sentence}"


def _said(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _verdict(row: dict[str, Any]) -> str:
    """What became of it, in one sentence."""
    outcome = row["outcome"]
    if outcome is None:
        return f"{row['sender_view']}, not owed. {reason(row)}"
    if outcome in ("live", "late"):
        return f"{outcome}: shown as it was emitted, {ms(row['latency_ms'])} after its due"
    if outcome == "recovered":
        return f"recovered: missed as it was emitted, shown by {row['via']} {ms(row['latency_ms'])} after its due"
    if outcome == "unjudged":
        return f"unjudged. {reason(row)}"
    told = ", though its sender was told that it went well" if row["sender_view"] == "accepted" else ""
    late = f"; shown {seconds(row['shown_after_s'])} after its due" if row["shown_after_s"] is not None else ""
    return f"lost: not shown in time{told}; stored: {row['stored']}{late}"


def _explanations(row: dict[str, Any]) -> list[str]:
    found = []
    for column, asked in (("missed_because", "Why was it missed?"), ("not_recovered_because", "Why not recovered?")):
        if row[column]:
            sentence, cure = explained(row[column])
            found.append(f"{asked} {row[column]}: {sentence}\nCure: {cure}")
    if found and row["conn_state"]:
        found.insert(0, _where_it_was(row))
    return found


def _where_it_was(row: dict[str, Any]) -> str:
    said = f"When it was emitted, {row['recipient']} {STATES[row['conn_state']]}"
    if row["members"] is not None:
        said += f"; {plural(row['members'], 'connection')} in the room"
    offset_ms = row["join_offset_ms"]
    if offset_ms is None:
        return f"{said}; it never joined."
    return f"{said}; its first join was acked {ms(abs(offset_ms))} {'later' if offset_ms > 0 else 'earlier'}."


def _quoted(text: str | None) -> str:
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'"

"""One message's whole story: each stage that was seen, by whom, the stage that is missing, and the cause in words."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from loadtests.bad_input import BadInput
from loadtests.run_json import promised
from reports import steps, telling
from reports.found import known, reason
from reports.lanes import as_html
from reports.steps import AGENT, AWAY, OF_MESSAGE, SERVER, WIDGET
from reports.words import ms, plural, seconds

if TYPE_CHECKING:
    from reports.ledger import Ledger

STAGES = ("sent", "accepted", "stored", "published", "received", "displayed")
SERVER_STAGES = ("stored", "published")  # seen in the server's journal only
AROUND = (
    "session_opened", "escalated", "assumed", "transferred", "connecting", "connected", "upgraded", "connect_failed",
    "disconnected", "frozen", "join_sent", "joined", "join_failed", "history_read", "closed", "withdrawn",
    "server_ended", "server_ready",
)  # fmt: skip
CONNECTION = ("connecting", "connected", "connect_failed", "disconnected", "joined")
OF_SID = ("sid_disconnected", "room_entered", "unknown_event", "queue")  # what the journal says of the recipient's
BEFORE, AFTER = 4, 12  # so many of what is around it before the due, and from then on
STALL_MS = 1_000


class TraceError(BadInput):
    """A message that this run does not have; the message is one line that names near ones."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something that was seen, in whose lane; with `offset_ms` (from the due) null the stage that was not.

    `states`: what the connection of each lane was doing then. `tone`: message, around, recovery or missing.
    """

    utc: str | None
    offset_ms: float | None
    lane: str
    what: str
    tone: str
    states: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Trace:
    """`verdict` says what became of the message; `missing` is the stage where a missed one stopped.

    `lanes`: the widget's and the agent's names.
    """

    mid: str
    sender: str
    recipient: str | None
    session: str | None
    due_utc: str | None
    lanes: Mapping[str, str]
    verdict: str
    missing: str | None
    steps: tuple[Step, ...]
    explanations: tuple[str, ...]

    def _repr_html_(self) -> str:
        """As a notebook shows it."""
        return as_html(self)


def trace(ledger: "Ledger", mid: str) -> Trace:
    """The story of a message, named by its mid or its KEY. Raises TraceError for one that the run does not have."""
    row = row_of(ledger, mid)
    story = _Story(ledger, row)
    missing = _missing(row, story.seen)
    told = [story.step(event) for event in story.seen]
    if missing:
        told.insert(_place(missing, story.seen), story.gap(missing))
    return Trace(
        mid=row["mid"],
        sender=row["sender"],
        recipient=row["recipient"],
        session=row["session"],
        due_utc=None if row["due_ns"] is None else story.utc(row["due_ns"]),
        lanes=story.lanes,
        verdict=_verdict(row, promised(ledger.run.info, "ack")),
        missing=missing,
        steps=tuple(told),
        explanations=tuple(_explanations(row, story.states_when_emitted())),
    )


class _Story:
    """The events of one message and what was around it, and what its two parties' connections were doing."""

    def __init__(self, ledger: "Ledger", row: Mapping[str, Any]) -> None:
        self._row = row
        self._clock = next(iter(ledger.run.info.get("clocks") or ()), None)
        self._zero_ns = int(row["due_ns"] or row["sent_ns"] or 0)
        parties = {steps.lane({"party": name}): str(name) for name in (row["sender"], row["recipient"]) if name}
        self.lanes = {lane: parties.get(lane, f"no {lane}") for lane in (WIDGET, AGENT)}
        talk = _records(ledger, _talk_sql(parties.values()))
        self._talk = {lane: [each for each in talk if each["party"] == name] for lane, name in self.lanes.items()}
        self._owners = {each["sid"]: each["party"] for each in talk if each["sid"]}
        self._outages = _records(ledger, "SELECT * FROM events WHERE kind LIKE 'server_%ed' OR kind = 'server_ready'")
        sids = [sid for sid, party in self._owners.items() if party == row["recipient"]]
        self.seen = self._with_due(_records(ledger, _seen_sql(row, self._zero_ns, sids)))

    def utc(self, t_ns: int) -> str | None:
        """None: run.json names no clock."""
        if self._clock is None:
            return None
        since = timedelta(microseconds=(t_ns - self._clock["monotonic_ns"]) / 1e3)
        moment = datetime.fromisoformat(self._clock["utc"]) + since
        return moment.astimezone(UTC).strftime("%H:%M:%S.%f")[:-3]

    def step(self, event: Mapping[str, Any]) -> Step:
        own = event["kind"] in OF_MESSAGE or event["mid"] is not None
        again = event["kind"] in ("received", "displayed") and event["via"] not in (None, "live", "audit")
        lane, what = steps.lane(event), steps.said(event, self._owners, self._row["sender"])
        other = (
            lane != SERVER and event["party"] != self.lanes[lane]
        )  # to whom it leaked, or who held the session before
        return Step(
            utc=self.utc(event["t"]),
            offset_ms=(event["t"] - self._zero_ns) / 1e6,
            lane=lane,
            what=f"{event['party']}: {what}" if other else what,
            tone="recovery" if again else "message" if own else "around",
            states=self._states(event["t"]),
        )

    def gap(self, missing: str) -> Step:
        """The stage that was not seen, in the lane of who should have seen it."""
        whose = (
            SERVER if missing in SERVER_STAGES else "recipient" if missing in ("received", "displayed") else "sender"
        )
        lane = SERVER if whose == SERVER else steps.lane({"party": self._row[whose]})
        states = self.states_when_emitted()
        where = f" ({telling.state(self._row)})" if whose == "recipient" else ""
        return Step(None, None, lane, f"✗ MISSING: {missing}{where}", "missing", states)

    def states_when_emitted(self) -> dict[str, str]:
        """By lane; without a journal, when it was sent."""
        emitted = [event["t"] for event in self.seen if event["kind"] in ("sent", "published")]
        return self._states(max(emitted, default=self._zero_ns))

    def _states(self, t_ns: int) -> dict[str, str]:
        found = {lane: steps.doing(talk, self._row["session"], t_ns) for lane, talk in self._talk.items()}
        last = [event["kind"] for event in self._outages if event["t"] <= t_ns]
        return {**found, SERVER: AWAY if last[-1:] == ["server_ended"] else steps.JOINED}

    def _with_due(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if self._row["due_ns"] is None:
            return events
        place = sum(event["t"] < self._zero_ns for event in events)
        nothing = dict.fromkeys(("mid", "via"))
        due = {**nothing, "t": self._zero_ns, "kind": "due", "party": self._row["sender"]}
        return [*events[:place], due, *events[place:]]


def row_of(ledger: "Ledger", mid: str) -> dict[str, Any]:
    rows: pd.DataFrame = ledger.deliveries
    found = rows[(rows["mid"] == mid) | (rows["key"] == mid)]
    if len(found):
        return known(found.iloc[0])
    near = difflib.get_close_matches(mid.rpartition(":")[2], rows["key"].tolist(), n=3, cutoff=0.5)
    said = f"near it are {', '.join(near)}" if near else "`entrega report` names some"
    raise TraceError(f"no message {mid!r} in {ledger.run.path}; {said}")


def _records(ledger: "Ledger", sql: str) -> list[dict[str, Any]]:
    return [known(event) for event in ledger.query(f"{sql} ORDER BY t, source, line").to_dict("records")]


def _talk_sql(parties: Any) -> str:
    return f"SELECT * FROM events WHERE kind IN {CONNECTION} AND party IN ({_list(parties)})"


def _seen_sql(row: Mapping[str, Any], due_ns: int, sids: list[str]) -> str:
    """What names this message by mid or the server's id, and what its recipient's connection did around it."""
    mid, party, session = (_quoted(row[name]) for name in ("mid", "recipient", "session"))
    return f"""
        WITH ids AS (SELECT DISTINCT id FROM events WHERE mid = {mid} AND id IS NOT NULL),
        around AS (
            SELECT *, row_number() OVER (PARTITION BY t >= {due_ns} ORDER BY abs(t - {due_ns})) AS place
            FROM events
            WHERE (kind IN {AROUND} AND (party = {party} OR party IS NULL) AND NOT coalesce(audit, false)
                    AND (session IS NULL OR session = {session}))
                OR kind IN {OF_SID} AND sid IN ({_list(sids)}) OR kind = 'loop_lag' AND lag_ms >= {STALL_MS}
        )
        SELECT * EXCLUDE (place) FROM around WHERE place <= CASE WHEN t < {due_ns} THEN {BEFORE} ELSE {AFTER} END
        UNION ALL SELECT * FROM events WHERE mid = {mid} OR (mid IS NULL AND id IN (SELECT id FROM ids))"""


def _place(missing: str, seen: list[dict[str, Any]]) -> int:
    """After the last stage that comes before it."""
    before = ("due", *STAGES[: STAGES.index(missing)], *(("written",) if missing == "received" else ()))
    return max((n for n, event in enumerate(seen) if event["kind"] in before), default=-1) + 1


def _missing(row: Mapping[str, Any], seen: list[dict[str, Any]]) -> str | None:
    """The stage after the last one seen, of a message that was missed as it was emitted or never got so far."""
    if row["outcome"] not in ("recovered", "lost") and row["sender_view"] == "accepted":
        return None
    stages = [stage for stage in STAGES if row["evidence"] == "journal" or stage not in SERVER_STAGES]
    reached = [n for n, stage in enumerate(stages) if any(_reaches(event, stage, row["recipient"]) for event in seen)]
    after = stages[max(reached, default=-1) + 1 :]
    return after[0] if after else None


def _reaches(event: Mapping[str, Any], stage: str, recipient: str) -> bool:
    """What a join, a fetch or a replay brought is no live stage, nor is what the sender's own page showed."""
    if event["kind"] != stage:
        return False
    return stage not in ("received", "displayed") or (event["via"] == "live" and event["party"] == recipient)


def _verdict(row: Mapping[str, Any], acks: bool) -> str:
    """What became of it, in one sentence. `acks`: senders are told that their messages were taken."""
    outcome = row["outcome"]
    if outcome is None:
        return f"{row['sender_view']}, not owed. {reason(row)}"
    if outcome in ("live", "late"):
        return f"{outcome}: shown as it was emitted, {ms(row['latency_ms'])} after its due"
    if outcome == "recovered":
        return f"recovered: missed as it was emitted, shown by {row['via']} {ms(row['latency_ms'])} after its due"
    if outcome == "unjudged":
        return f"unjudged. {reason(row)}"
    told = ", though its sender was told that it went well" if acks and row["sender_view"] == "accepted" else ""
    late = f"; shown {seconds(row['shown_after_s'])} after its due" if row["shown_after_s"] is not None else ""
    return f"lost: not shown in time{told}; stored: {row['stored']}{late}"


def _explanations(row: Mapping[str, Any], states: Mapping[str, str]) -> list[str]:
    found = []
    for column, asked in (("missed_because", "Why was it missed?"), ("not_recovered_because", "Why not recovered?")):
        if row[column]:
            cause = telling.named(row[column])
            found.append(f"{asked} {cause.name}\n{telling.told(cause.name, row)}\nCure: {cause.cure}")
    if found and row["conn_state"]:
        found.insert(0, _that_moment(row, states))
    return found


def _that_moment(row: Mapping[str, Any], states: Mapping[str, str]) -> str:
    """Who was where when it was emitted; or, by the journal never, when it should have been."""
    emitted = "to be emitted" if row["evidence"] == "journal" and row["published_ns"] is None else "emitted"
    sender = SENDERS[states[steps.lane({"party": row["sender"]})]]
    said = f"When it was {emitted}, {row['recipient']} {telling.state(row)}, and {row['sender']} {sender}"
    if row["members"] is not None:
        said += f"; {plural(row['members'], 'connection')} in {row['room'] or 'the room'}"
    offset_ms = row["join_offset_ms"]
    if offset_ms is None:
        return f"{said}. {row['recipient']} never joined."
    when = "after" if offset_ms > 0 else "before"
    return f"{said}. {row['recipient']}'s first join was acked {telling.lasted(abs(offset_ms))} {when} that."


SENDERS = {steps.JOINED: "was joined", steps.CONNECTED: "was connected", AWAY: "was not connected"}


def _list(names: Any) -> str:
    return ", ".join(map(_quoted, names)) or "NULL"


def _quoted(text: str | None) -> str:
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'"

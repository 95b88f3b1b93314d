"""One message's whole story: each stage that was seen, by whom, the stage that is missing, and the cause in words."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from loadtests.bad_input import BadInput
from loadtests.run_json import promised
from reports import stages, steps, telling
from reports.found import known, reason
from reports.lanes import as_html
from reports.steps import AGENT, AWAY, SERVER, WIDGET
from reports.words import ms, seconds

if TYPE_CHECKING:
    from reports.ledger import Ledger

AROUND = (
    "session_opened", "escalated", "assumed", "transferred", "connecting", "connected", "upgraded", "connect_failed",
    "disconnected", "frozen", "join_sent", "joined", "join_failed", "history_read", "closed", "withdrawn",
    "server_ended", "server_ready",
)  # fmt: skip
CONNECTED = "SELECT party, view, sid FROM events WHERE kind = 'connected' AND list_contains($parties, party)"
OF_SID = ("sid_disconnected", "room_entered", "unknown_event", "queue")  # what the journal says of the recipient's
BEFORE, AFTER = 4, 12  # so many of what is around it before the due (and its display), and from then on
STALL_MS = 1_000
BEST = (steps.JOINED, steps.CONNECTED)  # of a party's pages
SENDERS = {steps.JOINED: "was joined", steps.CONNECTED: "was connected", AWAY: "was not connected"}


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
    missing = stages.missing(row, story.seen)
    told = [story.step(event) for event in story.seen]
    if missing:
        place = stages.place(missing, row, story.seen)
        told.insert(place, story.gap(missing, told[max(place - 1, 0)].states))
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
        explanations=tuple(telling.explained(row, story.sender_when_emitted())),
    )


class _Story:
    """The events of one message and what was around it, and what its two parties' connections were doing."""

    def __init__(self, ledger: "Ledger", row: Mapping[str, Any]) -> None:
        self._row = row
        self._clock = next(iter(ledger.run.info.get("clocks") or ()), None)
        self._zero_ns = int(row["due_ns"] or row["sent_ns"] or 0)
        parties = {steps.lane({"party": name}): str(name) for name in (row["sender"], row["recipient"]) if name}
        self.lanes = {lane: parties.get(lane, f"no {lane}") for lane in (WIDGET, AGENT)}
        connected = _records(ledger, CONNECTED, parties=list(parties.values()))
        self._spans = steps.states(ledger, row["session"], list(parties.values()))
        self._outages = _records(ledger, "SELECT * FROM events WHERE kind LIKE 'server_%ed' OR kind = 'server_ready'")
        sids = [each["sid"] for each in connected if each["sid"] and each["party"] == row["recipient"]]
        about = {name: row[name] for name in ("mid", "recipient", "session")}
        self.seen = self._with_due(self._near(_records(ledger, _seen_sql(row), **about, sids=sids)))
        pages = {(each["party"], each["view"]) for each in self.seen if each["view"]}
        self._of_many = {page for page in pages if any(page[0] == other[0] and page != other for other in pages)}
        self._owners = {each["sid"]: self._page(each, "page {view} of {party}") for each in connected if each["sid"]}

    def utc(self, t_ns: int) -> str | None:
        """None: run.json names no clock."""
        if self._clock is None:
            return None
        since = timedelta(microseconds=(t_ns - self._clock["monotonic_ns"]) / 1e3)
        moment = datetime.fromisoformat(self._clock["utc"]) + since
        return moment.astimezone(UTC).strftime("%H:%M:%S.%f")[:-3]

    def step(self, event: Mapping[str, Any]) -> Step:
        lane, what = steps.lane(event), steps.said(event, self._owners, self._row["sender"])
        if lane != SERVER and event["party"] != self.lanes[lane]:  # to whom it leaked, or who held the session before
            what = f"{self._page(event, 'page {view} of {party}')}: {what}"
        elif lane != SERVER:
            what = self._page(event, "page {view}: ", "") + what
        again = stages.brought(event, self._row["recipient"])
        tone = "recovery" if again else "message" if event["own"] else "around"
        t_ns = event["t"]
        return Step(self.utc(t_ns), (t_ns - self._zero_ns) / 1e6, lane, what, tone, self._states(t_ns))

    def gap(self, missing: str, states: Mapping[str, str]) -> Step:
        """The stage that was not seen, in the lane of who should have seen it, with the `states` of the step before."""
        whose = SERVER if missing in stages.OF_SERVER else "recipient" if missing in stages.OF_RECIPIENT else "sender"
        lane = SERVER if whose == SERVER else steps.lane({"party": self._row[whose]})
        where = f" ({telling.state(self._row)})" if missing == "received" else ""
        return Step(None, None, lane, f"✗ MISSING: {missing}{where}", "missing", states)

    def sender_when_emitted(self) -> str:
        """What its connection was doing; without a journal, when it was sent."""
        emitted = [event["t"] for event in self.seen if event["kind"] in ("sent", "published")]
        states = self._states(max(emitted, default=self._zero_ns))
        return SENDERS[states[steps.lane({"party": self._row["sender"]})]]

    def _page(self, event: Mapping[str, Any], said: str, alone: str = "{party}") -> str:
        """Whose event that is; which page's, where the story has more than one page of its party."""
        return (said if (event["party"], event["view"]) in self._of_many else alone).format_map(event)

    def _states(self, t_ns: int) -> dict[str, str]:
        now = self._spans[(self._spans["from_ns"] <= t_ns) & (t_ns < self._spans["to_ns"])]
        of_pages = {lane: set(now.loc[now["lane"] == lane, "state"]) for lane in self.lanes}
        found = {lane: next((state for state in BEST if state in of_pages[lane]), AWAY) for lane in self.lanes}
        last = [event["kind"] for event in self._outages if event["t"] <= t_ns]
        return {**found, SERVER: AWAY if last[-1:] == ["server_ended"] else steps.JOINED}

    def _near(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """All that is of the message; of what was around it the nearest to the due and, once it was shown, to that."""
        shown = [event["t"] for event in events if event["own"] and event["kind"] in ("displayed", "removed")
                 and event["party"] == self._row["recipient"]]  # fmt: skip
        around = [n for n, event in enumerate(events) if not event["own"] and (not shown or event["t"] <= max(shown))]
        before = [n for n in around if events[n]["t"] < self._zero_ns]
        after = around[len(before) :]
        died = [n for n in before if events[n]["kind"] == "server_ended"]
        away = self._states(self._zero_ns)[SERVER] == AWAY
        near = {*before[-BEFORE:], *(died[-1:] if away else ()), *after[:AFTER], *(after[-BEFORE:] if shown else ())}
        return [event for n, event in enumerate(events) if event["own"] or n in near]

    def _with_due(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if self._row["due_ns"] is None:
            return events
        place = sum(event["t"] < self._zero_ns for event in events)
        nothing = dict.fromkeys(("via", "view"))
        due = {**nothing, "own": True, "t": self._zero_ns, "kind": "due", "party": self._row["sender"]}
        return [*events[:place], due, *events[place:]]


def row_of(ledger: "Ledger", mid: str) -> dict[str, Any]:
    rows: pd.DataFrame = ledger.deliveries
    found = rows[(rows["mid"] == mid) | (rows["key"] == mid)]
    if len(found):
        return known(found.iloc[0])
    near = difflib.get_close_matches(mid.rpartition(":")[2], rows["key"].tolist(), n=3, cutoff=0.5)
    said = f"near it are {', '.join(near)}" if near else "`entrega report` names some"
    raise TraceError(f"no message {mid!r} in {ledger.run.path}; {said}")


def _records(ledger: "Ledger", sql: str, **given: Any) -> list[dict[str, Any]]:
    return [known(event) for event in ledger.query(f"{sql} ORDER BY t, source, line", given).to_dict("records")]


def _seen_sql(row: Mapping[str, Any]) -> str:
    """What names this message by mid or the server's id (`own`), and what its recipient's connection did."""
    # An agent enters the rooms of all its sessions; a widget's connection that is in another session's is worth a line.
    near = "true" if steps.lane({"party": row["recipient"]}) == WIDGET else "coalesce(session, $session) = $session"
    return f"""
        WITH ids AS (SELECT DISTINCT id FROM events WHERE mid = $mid AND id IS NOT NULL)
        SELECT *, coalesce(mid = $mid OR mid IS NULL AND id IN (SELECT id FROM ids), false) AS own
        FROM events
        WHERE own OR kind IN {AROUND} AND (party = $recipient OR party IS NULL) AND NOT coalesce(audit, false)
                AND (session IS NULL OR session = $session)
            OR kind IN {OF_SID} AND list_contains($sids, sid) AND {near}
            OR kind = 'loop_lag' AND lag_ms >= {STALL_MS}"""


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
    told = ", though its sender was told it went well" if acks and row["sender_view"] == "accepted" else ""
    late = f"; shown {seconds(row['shown_after_s'])} after its due" if row["shown_after_s"] is not None else ""
    what = "taken off the page" if row["wiped"] else "not shown in time"
    return f"lost: {what}{told}; stored: {row['stored']}{late}"

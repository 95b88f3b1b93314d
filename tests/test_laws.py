"""The laws that hold for any stream of events, however odd: nothing is counted twice, nothing falls through."""

import json
import math
from collections import Counter

import orjson
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from loadtests.events import KINDS
from reports.causes import CAUSES, NOT_RECOVERED
from reports.ledger import build_ledger
from reports.outcomes import NOT_ACCEPTED, NOT_OWED, UNJUDGED
from reports.schema import LEDGER
from tests.written.history import Book, ns

KEYS = [f"{index}.{letter}.{number}" for index in (0, 1) for letter in "wa" for number in (0, 1)]
PARTIES = ["widget-0", "widget-1", "agent-0", "agent-1"]
ROOMS = ["chat:s0", "chat:s1", "s0"]
VALUES = {
    "party": st.sampled_from(PARTIES),
    "view": st.integers(1, 2),
    "conn": st.integers(1, 3),
    "session": st.sampled_from(["s0", "s1"]),
    "mid": st.sampled_from([*(f"abc:{key}" for key in KEYS), "abc:7.a.0", "odd", "other:0.a.0"]),
    "seq": st.integers(1, 5),
    "index": st.integers(0, 1),
    "sid": st.sampled_from(["A", "B", "C", "D"]),
    "sids": st.lists(st.sampled_from(["A", "B", "C", "D"]), max_size=3),
    "id": st.sampled_from(["i1", "i2", "i3"]),
    "room": st.sampled_from(ROOMS),
    "after": st.integers(0, 4),
    "members": st.integers(0, 3),
    "via": st.sampled_from(["live", "join", "history", "replay", "audit"]),
    "why": st.sampled_from(["shape", "session", "duplicate", "no-listener"]),
    "reason": st.sampled_from(["timeout", "not an accepted origin", "Connection refused", "no event"]),
    "status": st.sampled_from([200, 201, 400, 403, 503]),
    "audit": st.booleans(),
    "due_ns": st.integers(0, 60).map(ns),
    "last_frame_ns": st.integers(0, 60).map(ns),
    "event": st.just("join"),
}
ALWAYS = {"sent": ("mid", "party"), "unsent": ("mid",), "session_opened": ("session", "index", "party")}


def _event(kind):
    names = ["party", "view", "conn", "session", "mid", "seq", *(field.name for field in KINDS[kind].fields)]
    wanted = {name: VALUES[name] for name in names if name in VALUES}
    always = {name: wanted.pop(name) for name in ALWAYS.get(kind, ())}
    at = {"t": st.integers(0, 600).map(lambda tenths: ns(tenths / 10)), "kind": st.just(kind)}
    drawn = st.fixed_dictionaries({**at, **always}, optional=wanted)
    return st.builds(_tidied, drawn, st.sampled_from([True, True, True, False]))


def _tidied(event, tidy):
    """Mostly the right party in the right session, so that there is something to judge."""
    mid = event.get("mid") or ""
    if tidy and mid.startswith("abc:") and "party" in event:
        index, letter, _ = mid.removeprefix("abc:").split(".")
        sends = event["kind"] in ("sent", "unsent", "accepted", "refused", "unanswered")
        event |= {"party": f"{'widget' if (letter == 'w') == sends else 'agent'}-{index}", "session": f"s{index}"}
    elif tidy and "party" in event and "session" in event:
        event["session"] = f"s{event['party'][-1]}"
    return event


# The kinds that make rows come oftener.
KINDS_DRAWN = [*KINDS, *["sent", "accepted", "displayed", "received", "joined", "connected"] * 4]
STREAMS = st.lists(st.sampled_from(KINDS_DRAWN).flatmap(_event), min_size=30, max_size=150)
OPENINGS = [
    {"t": ns(0), "kind": "session_opened", "party": "widget-0", "session": "s0", "index": 0},
    {"t": ns(0), "kind": "session_opened", "party": "widget-1", "session": "s1", "index": 1},
    {"t": ns(1), "kind": "assumed", "party": "agent-0", "session": "s0", "index": 0},
    *({"t": ns(5 + n), "kind": "sent", "mid": f"abc:{key}", "due_ns": ns(5 + n)} for n, key in enumerate(KEYS)),
    *({"t": ns(6 + n), "kind": "accepted", "mid": f"abc:{key}"} for n, key in enumerate(KEYS[::2])),
    {"t": ns(5.1), "kind": "published", "mid": f"abc:{KEYS[0]}"},  # else the journal would be none of this run's
    {"t": ns(70), "kind": "rig"},
]


def _written(folder, events, whole):
    book = Book(fault_windows=[{"name": "drop", "party": "widget-0", "start_ns": ns(5), "end_ns": ns(9)}])
    (folder / "events").mkdir()
    (folder / "run.json").write_text(json.dumps(book.info))
    lines = {"swarm-1": [], "journal-1": [], "launcher": []}
    for event in [*OPENINGS, *events]:
        writer = KINDS[event["kind"]].writer
        lines[{"swarm": "swarm-1", "server": "journal-1"}.get(writer, writer)].append(event)
    if whole:
        lines["swarm-1"].append({"t": ns(100), "kind": "sentinel"})
    for source, of_source in lines.items():
        data = b"".join(orjson.dumps(event) + b"\n" for event in sorted(of_source, key=lambda event: event["t"]))
        (folder / "events" / f"{source}.jsonl").write_bytes(data)
    return folder


# A ledger takes a third of a second, so that a failing stream is shown as it was drawn: making it small takes minutes.
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(events=STREAMS, whole=st.booleans())
def test_laws(tmp_path_factory, events, whole):
    folder = _written(tmp_path_factory.mktemp("run"), events, whole)
    readings = {journal: build_ledger(folder, journal=journal) for journal in (True, False)}
    for ledger in readings.values():
        _hold(ledger, [*OPENINGS, *events])
    assert {**readings[True].counters, "phantoms": None} == {**readings[False].counters, "phantoms": None}
    columns = ["mid", "sender_view", "owed", "outcome", "via", "latency_ms", "copies", "view_misses", "wiped"]
    assert readings[True].deliveries[columns].equals(readings[False].deliveries[columns])


def _hold(ledger, events):
    rows = ledger.deliveries
    assert list(rows.columns) == [column.name for column in LEDGER]
    mids = {event["mid"] for event in events if event["kind"] in ("sent", "unsent")}
    assert sorted(rows["mid"]) == sorted(mids)

    views, outcomes = Counter(rows["sender_view"]), Counter(rows["outcome"].dropna())
    assert set(views) <= {"unsent", "accepted", "refused", "unanswered"}
    sent = {event["mid"] for event in events if event["kind"] == "sent"}
    accepted = {event.get("mid") for event in events if event["kind"] == "accepted"}
    assert views.total() == len(mids)
    assert views.total() - views["unsent"] == len(mids & (sent | accepted))
    assert set(outcomes) <= {"live", "late", "recovered", "lost", "unjudged"}
    assert outcomes.total() == rows["owed"].sum()

    missed = rows["outcome"].isin(["recovered", "lost"])
    assert (rows["missed_because"].notna() == missed).all()
    assert (rows["not_recovered_because"].notna() == (rows["outcome"] == "lost")).all()
    assert set(rows["missed_because"].dropna()) <= {cause.name for cause in CAUSES}
    assert set(rows["not_recovered_because"].dropna()) <= {cause.name for cause in NOT_RECOVERED}
    shown = rows["outcome"].isin(["live", "late", "recovered"])
    assert (rows["latency_ms"].notna() <= shown).all()
    assert rows.loc[shown, "displayed_ns"].notna().all()

    reasons = {reason.name for reason in (*NOT_ACCEPTED, *NOT_OWED, *UNJUDGED)}
    assert set(rows["reason"].dropna()) <= reasons
    assert rows.loc[~rows["owed"] | (rows["outcome"] == "unjudged"), "reason"].notna().all()
    for name, value in ledger.counters.items():
        assert value is None or (value >= 0 and not math.isnan(value)), name

"""What an event says in a few words, in whose lane it stands, and what a party's connection was doing meanwhile."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from loadtests.events import KINDS
from reports.telling import lasted
from reports.words import listed, plural

if TYPE_CHECKING:
    from reports.ledger import Ledger

Event = Mapping[str, Any]

WIDGET, SERVER, AGENT = LANES = ("widget", "server", "agent")

JOINED, CONNECTED, AWAY = "joined", "connected", "away"
FOREVER_NS = 2**62


def lane(event: Event) -> str:
    """The server's lane holds what no party saw, and what the audit found stored there."""
    if event.get("via") == "audit":
        return SERVER
    return AGENT if (event["party"] or "").startswith("agent") else WIDGET if event["party"] else SERVER


def said(event: Event, owners: Mapping[str, str], sender: str) -> str:
    """The event in words. `owners`: the party of each connection's sid."""
    words, kind = SAID.get(event["kind"]), event["kind"]
    text = words(event, owners) if words else PLAIN.get(kind) or KINDS[kind].sentence
    echo = event["kind"] in ("received", "displayed") and event["party"] == sender and event["via"] != "audit"
    return f"{text} (its own echo)" if echo else text


def _why(event: Event) -> str:
    said = event["reason"] or (f"HTTP {event['status']}" if event["status"] is not None else "")
    return f": {said}" if said else ""


def _after(event: Event) -> str:
    return "" if event["after"] is None else f", after {event['after']}"


def _by(event: Event) -> str:
    return "" if event["via"] in (None, "live") else f" by {event['via']}"


def _joined(event: Event, _: Mapping[str, str]) -> str:
    there = "" if event["members"] is None else f", {event['members']} there"
    if event["count"] is None or event["after"] is None:  # nothing can be handed over, or was asked for
        return f"joined {event['room'] or 'the room'}{there}"
    handed = plural(event["count"], "message") if event["count"] else "nothing"
    return f"joined {event['room'] or 'the room'}{there}, {handed} handed over"


def _disconnected(event: Event, _: Mapping[str, str]) -> str:
    silent_ms = None if event["last_frame_ns"] is None else (event["t"] - event["last_frame_ns"]) / 1e6
    silence = "" if silent_ms is None or silent_ms < 1000 else f", silent for {lasted(silent_ms)}"
    return f"connection ended{_why(event)}{silence}"


def _published(event: Event, owners: Mapping[str, str]) -> str:
    where = f" in namespace {event['namespace']}" if event["namespace"] else ""
    inside = event["sids"]
    if inside is None:
        there = "" if event["members"] is None else f"; {plural(event['members'], 'connection')} there"
    else:
        names = list(dict.fromkeys(owners[sid] for sid in inside if sid in owners))
        others = sum(sid not in owners for sid in inside)
        names += [plural(others, "other")] if others else []
        there = f"; there: {listed(names)}" if names else "; nobody there"
    return f"emitted to {event['room'] or 'everybody'}{where}{there}"


def _owner(event: Event, owners: Mapping[str, str]) -> str:
    return owners.get(event["sid"] or "", "a connection")


NOT_SHOWN: Mapping[str, str] = {
    "shape": "the page does not know its form",
    "session": "the page has no such session",
    "duplicate": "it was there already",
    "no-listener": "nothing on the page listened to it",
}
PLAIN: Mapping[str, str] = {
    "due": "due",
    "accepted": "told that it went well",
    "removed": "taken off the page",
    "session_opened": "opened the session",
    "escalated": "asked for a human",
    "assumed": "took the session",
    "transferred": "handed the session over",
    "closed": "left the session",
    "server_ready": "the server was ready",
}
SAID: Mapping[str, Callable[[Event, Mapping[str, str]], str]] = {
    "sent": lambda event, _: f"sent by {event['via'] or 'some way'}",
    "unsent": lambda event, _: f"never sent{_why(event)}",
    "refused": lambda event, _: f"refused{_why(event)}",
    "unanswered": lambda event, _: f"no answer{_why(event)}",
    "stored": lambda event, _: "stored" if event["seq"] is None else f"stored as number {event['seq']}",
    "published": _published,
    "written": lambda event, owners: f"written to {_owner(event, owners)}",
    "not_enqueued": lambda event, owners: f"not taken by {_owner(event, owners)}: {event['why']}",
    "received": lambda event, _: "in the audit" if event["via"] == "audit" else f"received{_by(event)}",
    "displayed": lambda event, _: f"displayed{_by(event)}",
    "not_displayed": lambda event, _: f"not shown: {NOT_SHOWN.get(event['why'], event['why'])}",
    "withdrawn": lambda event, _: f"stopped early{_why(event)}",
    "connecting": lambda event, _: f"connecting{f', attempt {n}' if (n := event['attempt'] or 1) > 1 else ''}",
    "connected": lambda event, _: (
        f"connected by {event['transport'] or 'some transport'}{', restored' if event['recovered'] else ''}"
    ),
    "upgraded": lambda event, _: f"went on by {event['transport']}",
    "connect_failed": lambda event, _: f"could not connect{_why(event)}",
    "disconnected": _disconnected,
    "frozen": lambda event, _: f"had stood still for {lasted((event['t'] - event['since_ns']) / 1e6)}",
    "join_sent": lambda event, _: f"join sent{_after(event)}",
    "joined": _joined,
    "join_failed": lambda event, _: f"join failed{_why(event)}",
    "history_read": lambda event, _: f"history read{_after(event)}: {plural(event['count'] or 0, 'message')}",
    "server_ended": lambda event, _: f"the server was gone (status {event['status']})",
    "sid_disconnected": lambda event, owners: f"lost {_owner(event, owners)}{_why(event)}",
    "room_entered": lambda event, owners: f"{_owner(event, owners)} entered {event['room']}",
    "unknown_event": lambda event, owners: f"no handler for {event['event']} of {_owner(event, owners)}",
    "queue": lambda event, owners: (
        f"{plural(event['depth'] or 0, 'packet')} waited for {_owner(event, owners)}"
        f"{', which was upgrading' if event['upgrading'] else ''}"
    ),
    "loop_lag": lambda event, _: f"the loop had stood still for {lasted(event['lag_ms'] or 0)}",
}


def states(ledger: "Ledger", session: str | None, parties: list[str]) -> pd.DataFrame:
    """What each page's connection was doing from when to when (ns; the last: on to the end), and the server's process.

    A page is joined when it has joined this session, whatever other sessions an agent has.
    """
    return ledger.query(
        f"""
        WITH talk AS (
            SELECT if(party LIKE 'agent-%', '{AGENT}', '{WIDGET}') AS lane, *
            FROM events WHERE list_contains($parties, party) AND (session = $session OR session IS NULL)
                AND kind IN ('session_opened', 'connecting', 'connect_failed', 'disconnected', 'connected', 'joined')
            UNION ALL
            SELECT '{SERVER}', * FROM events WHERE kind IN ('server_ended', 'server_ready')
        )
        SELECT lane, kind, t AS from_ns,
            lead(t, 1, {FOREVER_NS}) OVER (PARTITION BY party, view ORDER BY t, source, line) AS to_ns,
            CASE WHEN kind IN ('joined', 'server_ready') THEN '{JOINED}'
                WHEN kind = 'connected' AND recovered AND last_value(
                    if(kind = 'joined' OR kind = 'connected' AND recovered IS NOT TRUE, kind, NULL) IGNORE NULLS
                ) OVER (PARTITION BY party, view ORDER BY t, source, line) = 'joined' THEN '{JOINED}'
                WHEN kind = 'connected' THEN '{CONNECTED}' ELSE '{AWAY}' END AS state
        FROM talk ORDER BY t""",
        {"parties": parties, "session": session},
    )

"""The example of docs/events.md and docs/journal.md: one session told with every kind of event, in the real format.

A line is: seconds since the machine's start, kind, then NAME=VALUE or the short names of WORDS. Values get the types of
the table in loadtests.events. The ledger of it is what HAPPENED says; a test looks.
"""

import shlex
from typing import Any

from loadtests.events import ENVELOPE, FIELDS, KINDS

WORDS = {
    "widget": "party=widget-0 view=1",
    "agent": "party=agent-0 view=1",
    "S": "session=fcb56d0a97f353bb",
    "room": "room=chat:fcb56d0a97f353bb",
    "at-desk": "sid=JuZYMqSpn3eXLra8AAAC",  # the agent's connection
    "at-page": "sid=ZCucyTP-w8TzV17EAAAF",  # the widget's first
    "at-page-2": "sid=x7tq0Wv1n2kTgI9dAAAL",
    "both": "sids=JuZYMqSpn3eXLra8AAAC,ZCucyTP-w8TzV17EAAAF",
    "a0": "session=fcb56d0a97f353bb mid=8abe6356:0.a.0 seq=1",
    "a1": "session=fcb56d0a97f353bb mid=8abe6356:0.a.1 seq=3",
    "a2": "session=fcb56d0a97f353bb mid=8abe6356:0.a.2",
    "w0": "session=fcb56d0a97f353bb mid=8abe6356:0.w.0 seq=2",
    "w1": "session=fcb56d0a97f353bb mid=8abe6356:0.w.1",
    "w2": "session=fcb56d0a97f353bb mid=8abe6356:0.w.2",
    "A0": "id=ca69788965716531",
    "A1": "id=0b51c9a2d7f3e846",
    "W0": "id=5be2f7c01d9a4438",
    "so-far": "asked=2 connected=1 joined=0 sent=0 accepted=0 displayed=0 caught_up=0",
}

# KEY -> (sender's view, outcome, missed_because)
HAPPENED = {
    "0.a.0": ("accepted", "recovered", "early_message"),
    "0.a.1": ("accepted", "live", None),
    "0.a.2": ("unsent", None, None),
    "0.w.0": ("accepted", "live", None),
    "0.w.1": ("refused", None, None),
    "0.w.2": ("unanswered", None, None),
}

TOLD = """
4747.380 server_started boot=5117502a1eea5a32 node=1
4747.442 server_ready url=http://127.0.0.1:34159
4747.892 loop_lag lag_ms=3.652
4748.306 connecting agent conn=1 attempt=1
4748.313 sid_connected at-desk
4748.314 room_entered at-desk room=agents
4748.315 connected agent conn=1 at-desk transport=websocket
4748.600 server_cpu cpu=0.071
4748.601 rig lag_ms=0.491 cpu=0.025 steal=0.0 throttled=0.0 waited=0.004 so-far
4750.490 session_opened widget S index=0
4750.993 escalated widget S
4751.497 assumed agent S index=0
4751.499 history_read agent S after=0 count=0 audit=false
4751.501 join_sent agent conn=1 S room after=0
4751.502 room_entered at-desk S room
4751.503 joined agent conn=1 S room members=1 after=0 count=0
4752.100 origin_refused origin=https://evil.example
4752.300 auth_refused sid=UsumoNk4gUPHbb7jAAAD reason="The token is not valid here."
4753.497 sent agent a0 due_ns=4753497000000 via=rest
4753.500 stored a0 A0
4753.501 published a0 A0 room members=1 sids=JuZYMqSpn3eXLra8AAAC
4753.502 written a0 A0 at-desk
4753.503 accepted agent a0 A0 status=201
4753.700 connecting widget conn=1 S attempt=1
4753.702 connect_failed widget conn=1 S reason="Connection refused"
4754.820 connecting widget conn=1 S attempt=2
4754.827 sid_connected at-page S
4754.829 connected widget conn=1 S at-page transport=polling recovered=false
4754.830 join_sent widget conn=1 S room after=0
4754.832 room_entered at-page S room
4754.834 upgraded widget conn=1 S transport=websocket
4754.836 joined widget conn=1 S room members=2 after=0 count=1
4754.837 received widget conn=1 a0 A0 via=join
4754.838 displayed widget conn=1 a0 via=join
4755.400 unknown_event at-page S event=typing
4756.010 sent widget w0 due_ns=4756009000000 via=rest
4756.013 stored w0 W0
4756.014 published w0 W0 room members=2 both
4756.015 written w0 W0 at-desk
4756.016 accepted widget w0 W0 status=201
4756.017 received agent conn=1 w0 W0 via=live event=new-message size=255
4756.018 displayed agent conn=1 w0 via=live
4757.200 sent agent a1 due_ns=4757199000000 via=rest
4757.203 stored a1 A1
4757.204 published a1 A1 room members=2 both
4757.205 written a1 A1 at-page
4757.206 accepted agent a1 A1 status=201
4757.207 received widget conn=1 a1 A1 via=live event=new-message size=251
4757.208 displayed widget conn=1 a1 via=live
4757.300 received widget conn=1 a1 A1 via=live event=new-message size=251
4757.301 not_displayed widget conn=1 a1 A1 why=duplicate
4757.900 frozen widget conn=1 S since_ns=4757400000000
4758.000 sent widget w1 due_ns=4757999000000 via=rest
4758.003 refused widget w1 status=413 reason="The body is too large."
4758.500 queue at-page depth=3 upgrading=false
4759.000 disconnected widget conn=1 S reason="transport close" last_frame_ns=4758990000000
4759.005 not_enqueued at-page a1 A1 why=closed
4759.010 room_left at-page S room
4759.011 sid_disconnected at-page S reason="transport close"
4760.100 connecting widget conn=2 S attempt=1
4760.104 sid_connected at-page-2 S
4760.106 connected widget conn=2 S at-page-2 transport=websocket
4760.107 join_sent widget conn=2 S room after=3
4763.107 join_failed widget conn=2 S reason=timeout
4763.900 join_sent widget conn=2 S room after=3
4763.902 room_entered at-page-2 S room
4763.904 joined widget conn=2 S room members=2 after=3 count=0
4763.905 removed widget conn=2 a1
4763.906 displayed widget conn=2 a1 via=join
4764.500 sent widget w2 due_ns=4764500000000 via=rest
4769.500 unanswered widget w2 reason=timeout
4770.000 unsent agent a2 due_ns=4769000000000 reason=stopped
4790.000 history_read widget S after=0 count=3 audit=true
4790.001 received widget a0 A0 via=audit
4790.001 received widget w0 W0 via=audit
4790.001 received widget a1 A1 via=audit
4790.050 transferred agent S asked_ns=4790047000000
4790.100 closed widget S
4790.200 withdrawn agent S reason=stopped
4790.300 sentinel
4790.400 loop_lag lag_ms=1.204
4790.900 server_ended status=0
"""


def story() -> list[dict[str, Any]]:
    """Every line as an event; the server's are numbered. Raises ValueError for what the table does not know."""
    events: list[dict[str, Any]] = []
    n = 0
    for line in TOLD.strip().splitlines():
        at, kind, *words = shlex.split(line)
        event = {"t": round(float(at) * 1e9), "kind": kind}
        if KINDS[kind].writer == "server":
            event["n"] = n = n + 1
        pairs = [pair for word in words for pair in shlex.split(WORDS.get(word, shlex.quote(word)))]
        event |= {name: _value(kind, name, text) for name, _, text in (pair.partition("=") for pair in pairs)}
        events.append(event)
    return events


def _value(kind: str, name: str, text: str) -> Any:
    own = {field.name for field in KINDS[kind].fields}
    if name not in own and name not in ENVELOPE:
        raise ValueError(f"{kind} has no field {name!r}")
    column = {**ENVELOPE, **FIELDS}[name].type
    if column == "DOUBLE[]":
        return [float(number) for number in text.split(",")]
    read = {"BIGINT": int, "INTEGER": int, "DOUBLE": float, "BOOLEAN": lambda said: said == "true"}
    if column == "VARCHAR[]":
        return text.split(",")
    return read.get(column, str)(text)

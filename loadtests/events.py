"""The closed table of what may be written down about a run, and the only code that knows its format.

One event is one JSON object a line: the envelope, then the fields of its kind. Absent and null are the same.

Server, swarm and launcher write such lines; the server with a few lines of its own (docs/journal.md).
"""

import fcntl
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

FORMAT = 1  # of the run folder; raised when an old reader would misread a new folder


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a kind: its type in events.parquet, its unit, what it is and what null means."""

    name: str
    type: str
    unit: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of event: who writes it, what happened, its own fields."""

    name: str
    writer: str
    sentence: str
    fields: tuple[Field, ...]


def _field_table(*rows: tuple[str, str, str, str]) -> dict[str, Field]:
    return {row[0]: Field(*row) for row in rows}


ENVELOPE: Mapping[str, Field] = _field_table(
    ("t", "BIGINT", "ns", "CLOCK_MONOTONIC of the machine when it was seen; never null"),
    ("kind", "VARCHAR", "", "one of KINDS; never null"),
    ("party", "VARCHAR", "", "widget-INDEX or agent-NUMBER, who saw it; null: the server or the launcher"),
    ("view", "INTEGER", "", "page instance of the party, from 1; null: not on a page"),
    ("conn", "INTEGER", "", "number of the party's connection, from 1; null: not on a connection"),
    ("session", "VARCHAR", "", "the server's session id; null: of no single session (connections of an agent)"),
    ("mid", "VARCHAR", "", "RUN:KEY, KEY = INDEX.w|a.NUMBER; null: no message, or one known by its `id` only"),
    ("seq", "BIGINT", "", "the server's number of the message within its session; null: not known"),
)

# A name means the same wherever it stands, so that all kinds share one wide table.
FIELDS: Mapping[str, Field] = _field_table(
    ("index", "INTEGER", "", "the session's number in the plan"),
    ("attempt", "INTEGER", "", "connection attempts since the last connection, from 1"),
    ("sid", "VARCHAR", "", "the Socket.IO session id on the server"),
    ("transport", "VARCHAR", "", "websocket or polling"),
    ("reason", "VARCHAR", "", "why, in the words of the one who saw it; null: none was given"),
    ("status", "INTEGER", "", "HTTP status, or a process's exit status; null: there was none"),
    ("last_frame_ns", "BIGINT", "ns", "when the connection's last frame came; null: none came, or not known"),
    ("since_ns", "BIGINT", "ns", "when the page's timers had last run; never null"),
    ("namespace", "VARCHAR", "", "the Socket.IO namespace; null: the one that the recipient connects to"),
    ("room", "VARCHAR", "", "the room's name as the server says it; null: the reply named none"),
    ("members", "INTEGER", "", "connections in the room, the newcomer included; null: not told"),
    ("after", "BIGINT", "", "only messages with a larger seq were asked for; null: none were"),
    ("count", "INTEGER", "", "messages in the reply; null: the reply cannot hold any"),
    ("due_ns", "BIGINT", "ns", "when the plan wanted it sent; null: not known"),
    ("asked_ns", "BIGINT", "ns", "when the request left that was answered at `t`; null: not recorded"),
    ("via", "VARCHAR", "", "the way: rest or socket when sent; live, join, history, replay or audit when seen"),
    ("id", "VARCHAR", "", "the server's id of the message; null: the payload had none"),
    ("event", "VARCHAR", "", "the Socket.IO event's name; null: not a Socket.IO event"),
    ("size", "INTEGER", "characters", "length of the payload as JSON, of a live event with its name; null: not known"),
    ("why", "VARCHAR", "", "of a page: shape, session, duplicate or no-listener; of a server: no-socket, overdue or "
     "closed"),
    ("ordered", "BOOLEAN", "", "the page's list ascended by seq with it in its place; null: not looked at"),
    ("audit", "BOOLEAN", "", "true: read by the auditor, a witness of what is stored, never a display"),
    ("lag_ms", "DOUBLE", "ms", "the longest that the loop was late in this window"),
    ("slip_ms", "DOUBLE", "ms", "the longest that a send left after its due in this window; null: no send"),
    ("cpu", "DOUBLE", "share", "of one core, or of a lower CPU quota, that was used in this window"),
    ("steal", "DOUBLE", "share", "of the machine's time that its host took away; null: not known"),
    ("throttled", "DOUBLE", "share", "of the window that a CPU quota held processors back, summed over them; null: "
     "unknown"),
    ("waited", "DOUBLE", "share", "of the window that the process stood in line for a processor; null: not known"),
    ("asked", "INTEGER", "", "parties this process has started, total"),
    ("connected", "INTEGER", "", "parties connected now"),
    ("refused", "BOOLEAN", "", "the server answered CONNECT with an error; null: it did not get so far"),
    ("heartbeat_ns", "BIGINT", "ns", "pingInterval + pingTimeout: so long a silence ends a connection"),
    ("recovered", "BOOLEAN", "", "the server restored the connection's state: rooms, and what was missed"),
    ("joined", "INTEGER", "", "conversations joined now, one for each party in it"),
    ("sent", "INTEGER", "", "messages sent, total"),
    ("accepted", "INTEGER", "", "messages accepted by the server, total"),
    ("displayed", "INTEGER", "", "messages displayed to the other party, total"),
    ("caught_up", "INTEGER", "", "of those, first shown after a join, a fetch or a replay, total"),
    ("latencies_ms", "DOUBLE[]", "ms", "due to first display, a sample of this window; null: nothing was displayed"),
    ("url", "VARCHAR", "", "the server's address"),
    ("boot", "VARCHAR", "", "names one life of the server's process"),
    ("node", "VARCHAR", "", "names the server's process among several"),
    ("n", "BIGINT", "", "number of the line within its boot, from 1; null: the journal is not numbered"),
    ("origin", "VARCHAR", "", "the Origin header; null: there was none"),
    ("sids", "VARCHAR[]", "", "the connections that were in the room; null: not told"),
    ("depth", "INTEGER", "", "packets that waited to be written; never null"),
    ("upgrading", "BOOLEAN", "", "the connection was on its way from polling to websocket; null: it was not"),
)  # fmt: skip


def _kinds(*rows: tuple[str, str, str, str]) -> dict[str, Kind]:
    return {
        name: Kind(name, writer, sentence, tuple(FIELDS[each] for each in names.split()))
        for name, writer, names, sentence in rows
    }


KINDS: Mapping[str, Kind] = _kinds(
    ("session_opened", "swarm", "index", "the widget's customer opened a session"),
    ("escalated", "swarm", "", "the customer asked for a human, and the server agreed"),
    ("assumed", "swarm", "index", "the agent took the session"),
    ("transferred", "swarm", "asked_ns", "the agent handed the session over, to who takes it next"),
    ("closed", "swarm", "", "the party is done with the session: what is stored later is not owed to it"),
    ("withdrawn", "swarm", "reason", "the party was stopped early: what is owed to it later is unjudged"),
    ("connecting", "swarm", "attempt", "a connection was begun"),
    ("connected", "swarm", "sid transport recovered heartbeat_ns", "the server answered CONNECT"),
    ("upgraded", "swarm", "transport", "the connection went on over another transport"),
    ("connect_failed", "swarm", "reason status refused", "the attempt ended without a connection"),
    ("disconnected", "swarm", "reason last_frame_ns", "the connection ended"),
    ("frozen", "swarm", "since_ns", "the page's timers run again: they had stood still since `since_ns`"),
    ("join_sent", "swarm", "room after", "the party asked to enter the session's room"),
    ("joined", "swarm", "room members after count", "the server acked the join"),
    ("join_failed", "swarm", "reason", "an error ack, or no ack within the deadline (reason timeout)"),
    ("sent", "swarm", "due_ns via", "REST request issued, or emit() called"),
    ("unsent", "swarm", "due_ns reason", "a planned message that was never sent"),
    ("accepted", "swarm", "status id", "201, 200 or a good ack: the server says it has the message"),
    ("refused", "swarm", "status reason", "a 4xx or an error ack"),
    ("unanswered", "swarm", "status reason", "5xx, reset, or no answer within the deadline"),
    ("received", "swarm", "via event id size", "a message reached the party, before any filter of its screen"),
    ("displayed", "swarm", "via ordered", "the message appeared on the party's screen"),
    ("removed", "swarm", "", "the message vanished from the party's screen"),
    ("not_displayed", "swarm", "why id", "a received message that the screen did not show"),
    ("history_read", "swarm", "asked_ns after count audit", "a REST history was read"),
    ("rig", "swarm", "lag_ms slip_ms cpu steal throttled waited asked connected joined sent accepted displayed "
     "caught_up latencies_ms", "twice a second: how the load generator itself does"),
    ("sentinel", "swarm", "", "the last line of a recorder that was closed in order"),
    ("server_ready", "launcher", "url", "the server printed its ready line"),
    ("server_ended", "launcher", "status", "the server's process was gone"),
    ("server_cpu", "launcher", "cpu", "twice a second: what the started server and its children use"),
    ("server_started", "server", "n boot node", "first line of a boot"),
    ("origin_refused", "server", "n origin", "a handshake from an Origin that is not allowed"),
    ("auth_refused", "server", "n sid reason", "a connection without a good token"),
    ("sid_connected", "server", "n sid", "a connection was accepted"),
    ("sid_disconnected", "server", "n sid reason last_frame_ns", "a connection is gone, as the server sees it"),
    ("room_entered", "server", "n sid room namespace", "the connection entered the room"),
    ("room_left", "server", "n sid room", "the connection left the room, by itself or by its end"),
    ("unknown_event", "server", "n sid event", "an event that no handler knows"),
    ("stored", "server", "n id", "the message was committed"),
    ("published", "server", "n room namespace members sids id", "the message was emitted, and who was in the room "
     "then"),
    ("not_enqueued", "server", "n sid id why", "it was emitted, and that connection took nothing any more"),
    ("written", "server", "n sid id", "the message was written to that connection's transport"),
    ("queue", "server", "n sid depth upgrading", "twice a second, of a connection that is behind or upgrading"),
    ("loop_lag", "server", "n lag_ms", "twice a second: how late the server's loop was"),
)  # fmt: skip

SOURCE: Mapping[str, str] = {"source": "VARCHAR", "line": "BIGINT"}  # file stem and line, added by seal()


def columns() -> dict[str, str]:
    """Column name -> DuckDB type of events.parquet."""
    return {**SOURCE, **{name: field.type for name, field in {**ENVELOPE, **FIELDS}.items()}}


class Recorder:
    """Appends events to one file. Cheap where it is called, never read by the run itself.

    `append` keeps lines in memory. At least twice a second the caller brings them to the file, by `flush`, or by `take`
    where it appends and `write` in a thread beside that; so a killed process loses less than its last second. Raises
    OSError from write, flush and close when the disk takes no more; from then on nothing is written, no sentinel
    either. The file is locked (shared) as long as it may grow: `is_recorded` sees it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pending = bytearray()
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        fcntl.flock(self._file, fcntl.LOCK_SH)
        self._closed = False

    def append(self, kind: str, **fields: Any) -> int:
        """Record one event now; returns its `t` (ns)."""
        return self.add(kind, fields)

    def add(self, kind: str, fields: dict[str, Any]) -> int:
        """As append; the dict is taken over and changed."""
        fields["t"] = t_ns = time.monotonic_ns()
        fields["kind"] = kind
        try:
            self._pending += orjson.dumps(fields, None, orjson.OPT_APPEND_NEWLINE)
        except TypeError:  # half a character or a number without end, as a server may send them; JSON has an escape
            self._pending += json.dumps(fields).encode() + b"\n"
        return t_ns

    def take(self) -> bytearray:
        """The lines appended since they were last taken, which the caller then writes."""
        pending, self._pending = self._pending, bytearray()
        return pending

    def write(self, lines: bytearray, *, last: bool = False) -> None:
        """Takes as long as the disk does; calls must not overlap. After the `last` the file is closed."""
        left = memoryview(lines)
        try:
            while left and not self._closed:
                left = left[os.write(self._file, left) :]
        except OSError:
            self._let_go()
            raise
        if last:
            self._let_go()

    def flush(self) -> None:
        self.write(self.take())

    def close(self) -> None:
        """Write what is pending and the sentinel. A second call does nothing."""
        if not self._closed:
            self.append("sentinel")
            self.write(self.take(), last=True)

    def abandon(self) -> None:
        """Write no more, while a write hangs. What it has in hand may still come, so the file stays open and locked."""
        self._closed = True

    def _let_go(self) -> None:
        if not self._closed:
            self._closed = True
            os.close(self._file)


def is_recorded(path: Path) -> bool:
    """Whether a process is still recording into that file."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False

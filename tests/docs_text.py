"""What the generated pages of docs/ say in words; tests/docs.py adds the tables and the examples."""

EVENTS_TEXT = """\
# Events

An event is one thing that one party saw, written down when it was seen: one JSON object a line. Every process of a run
appends to a file of its own in `events/`; whoever reads the run first seals them into `events.parquet`, one wide table
sorted by time, and that is all that ledger, figures and verdict are made of.

- `t` is CLOCK_MONOTONIC in nanoseconds, the same clock for every process of the machine; run.json holds the pairs that
  turn it into UTC.
- A field that is absent and one that is null are the same.
- The table of kinds is closed. A line of another kind, without `t`, or with a value that its column cannot hold is
  garbage: it is counted in run.json (`sealed`) and left out.
- The last line of a load process's file is a `sentinel`. A file without one was cut, and what needs its witness later
  is unjudged.
- Types, sizes and ids are recorded, never tokens or texts.

A run may also be written by hand, or by another load generator. It needs

- `run.json` with `format`, `run`, `horizon_s` and `late_after_s`; `fault_windows` (each with `party`, null for all,
  `name`, `start_ns` and `end_ns`), `workers`, `t0_ns` (else times count from the first message due) and the target's
  `promises` where they matter; `end`, with `state` and `reason`, if it was not played to its end;
- `events/` with any number of `.jsonl` files of any names, their lines in any order: who wrote a line is known by its
  kind, a server's boots by `server_started`;
- for a message a `sent` (or `unsent`) with its `mid`: the KEY says who is to see it. An agent holds a session from
  `assumed` until `transferred`; what widgets say in between is for the next one who takes it, and what they say in a
  session that nobody takes is owed to nobody;
- `session` on whatever is about one, and `conn` on connections, joins and frames. A frame is known by its `mid`, else
  by `id`, else by `session` and `seq`. To speak of a connection, a journal needs its `sid` on `connected`;
- `joined` where a party came into its session's room, also where the server put it there by itself: until then it was
  not there. `last_frame_ns` on `disconnected`, or no silence is known;
- `view` on all of a party's lines or on none; a page that is loaded anew, and a second tab, have another;
- for what a page got and did not show a `not_displayed` with its `why`, or nothing explains it;
- for an audit `history_read` with `audit` and `count`, and a `received` with `via` = `audit` for each message of it;
- a `sentinel` at the end of every file of the load, or lines that go on beyond the last message's horizon. A message
  that was not displayed is lost only when its whole horizon was watched, and `unjudged` otherwise.

All lines below tell one story, [tests/story.py](../tests/story.py): a widget that joins after the agent's first reply,
and comes back after a reset.
"""

INJECTED = {
    "kind": "fault or defect",
    "name": "server.drop-emit, drop, kill-server, ...",
    "scope": "mid, session, connection or all",
    "start_ns": "from when",
    "end_ns": "until when; null: to the end of the run",
}

JOURNAL_TEXT = """\
# The server's journal

What the load sees tells *that* a message was missed; what the server did is needed to tell some of the reasons apart.
Without a journal, "stored and never emitted" and "emitted to another room" are one cause, `subscribed_nowhere`
([causes.md](causes.md)). The outcomes are the same with and without.

The bundled server writes a journal. Yours can with a few lines, in any language. `server_started`, `stored` and
`published` belong together, because what a journal does not show did not happen: with one of them left out, it would
tell another story. The other kinds may be missing, and what they are good for with them.

## The contract

1. **The file** is named by the environment variable `ENTREGA_JOURNAL` of a server that the run starts; append to it.
   Every boot gets a file of its own. For a server that was running already, put its journal into the run folder as
   `events/journal-1.jsonl` (a second boot's as `journal-2.jsonl`): the next command that reads the run takes it in.
2. **One JSON object a line**, written with a single `write` to a file that was opened for appending, so that lines of
   several threads do not mix.
3. **Before the effect.** A line must be with the kernel before anybody can see what it tells: `stored` before the
   answer, `published` before the emit, `room_entered` before the ack. A server that is killed has then told all it did.
   No fsync is needed: a process may die, the machine does not.
4. **`t`** is CLOCK_MONOTONIC in nanoseconds: `time.monotonic_ns()` in Python, `process.hrtime.bigint()` in Node.js. The
   server runs on the machine that makes the load; clocks of two machines cannot be compared to the millisecond.
5. **`n`** numbers the lines of a boot from 1, `server_started` being the first. By it a line that was lost is missed,
   and of the time around it silence proves nothing.
6. **`mid`** is what the sender gave as `clientId`, `id` your own id of the message. One of the two is enough, `id`
   where its sender is told it too or the history is audited; with both, a message is found even where the payload lost
   one. `seq` counts a session's messages in the order of commits. **`sid`** is the Socket.IO id that the client is
   told: `socket.id` in Node.js, not `socket.conn.id`. **`room`** is one name: an emit to several rooms is one
   `published` line for each.
7. **Silence.** From `server_started` on, what the journal does not show did not happen. Where the process has died,
   that holds until its last line; from there to the next `server_started` its silence proves nothing. The same holds
   for the end of a journal whose server goes on after it. Write something twice a second, such as `loop_lag`, so that
   the last line tells when that was.
8. No tokens and no texts.
9. **One that cannot be believed is refused**, exit 2: of another run, by another clock (it takes ten messages to tell),
   without `stored` or `published`, or without a line that can be read. Put the right one into `events/` again under its
   name, or an empty one to read the run without it (of a server that was started again, one for each boot:
   `journal-1.jsonl` and so on).
   Where it only has holes, the report says how many lines are missing by their numbers, and counts the messages that
   it contradicts.

In Node.js:

```js
const fs = require("node:fs");
const journal = process.env.ENTREGA_JOURNAL && fs.openSync(process.env.ENTREGA_JOURNAL, "a");
let n = 0;

function tell(kind, fields = {}) {
  if (!journal) return;
  const rest = JSON.stringify({ kind, n: ++n, ...fields });
  fs.writeSync(journal, `{"t":${process.hrtime.bigint()},${rest.slice(1)}\\n`);
}

tell("server_started", { boot: require("node:crypto").randomUUID(), node: "1" });
// in the route that stores a message, after the commit and before the answer:
//   tell("stored", { session, mid: clientId, seq, id });
// where it is emitted, before the emit:
//   const sids = [...(io.of("/").adapter.rooms.get(room) ?? [])];
//   tell("published", { session, mid: clientId, seq, id, room, members: sids.length, sids });
//   io.to(room).emit("new-message", payload);
```

In Python:

```python
import json, os, threading, time, uuid

path = os.environ.get("ENTREGA_JOURNAL")
journal = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if path else None
n, one_by_one = 0, threading.Lock()


def tell(kind, **fields):
    global n
    if journal is not None:
        with one_by_one:
            n += 1
            line = json.dumps({"t": time.monotonic_ns(), "kind": kind, "n": n, **fields})
            os.write(journal, line.encode() + b"\\n")


tell("server_started", boot=uuid.uuid4().hex, node="1")
# where a message is emitted by python-socketio, before the emit:
#   sids = [sid for sid, _ in sio.manager.get_participants("/", room)]
#   tell("published", session=session, mid=client_id, seq=seq, id=id, room=room, members=len(sids), sids=sids)
#   await sio.emit("new-message", payload, room=room)
```

## The kinds
"""

# Server kind -> what it is good for.
JOURNAL_KINDS = {
    "server_started": "begins a boot: from here on silence means something",
    "origin_refused": "`origin_refused`, where the client was told a bare 403",
    "auth_refused": "`auth_refused`, where the client was told a bare 403",
    "sid_connected": "for people",
    "sid_disconnected": "that a connection had left its rooms, and why: `kicked`, `half_open`, `server_stalled`",
    "room_entered": "`left_room`, `room_mismatch`, `not_rejoined`, where the ack of the join names another room or "
    "none, or where a connection's state was restored",
    "room_left": "that the journal tells who left; without this and `sid_disconnected` it does not",
    "unknown_event": "`event_mismatch`, where no error came back",
    "stored": "`not_stored`, `ack_lost`, and `stored` where no audit is possible",
    "published": "`not_published`, `left_room`, `room_mismatch`, and from when a join is judged; `namespace` where it "
    "is not the recipient's",
    "written": "what was on its way when a connection ended",
    "not_enqueued": "`ghost_member`, `slow_consumer`: emitted to a connection that took nothing any more",
    "queue": "`slow_consumer`, `upgrade_stuck`: how far a connection is behind, and whether it is upgrading",
    "loop_lag": "the server's own slowness, and that it lives",
}

LEDGER_TEXT = """\
# The ledger

`report/ledger.parquet` has one row for every planned message that the run came to, for the one party that it is meant
for. It is derived from the events and may be deleted. In Python it is `entrega.open_ledger(run).deliveries`, a pandas
table; `ledger.query(sql)` asks the same rows as the view `ledger`, beside the view `events`.

```
planned -+- unsent                                               reason
         +- sent -+- accepted ----+
                  +- refused -----+- owed -+- live
                  +- unanswered --+        +- late
                                  |        +- recovered           missed_because
                                  |        +- lost                missed_because, not_recovered_because
                                  |        +- unjudged            reason
                                  +- not owed                     reason
```

The laws, which tests hold for any stream of events:

- planned = unsent + sent, and sent = accepted + refused + unanswered;
- owed = live + late + recovered + lost + unjudged;
- recovered + lost = the sum of `missed_because`, and lost = the sum of `not_recovered_because`;
- live miss = (recovered + lost) / (owed - unjudged), and permanent loss = lost / (owed - unjudged).

**Owed** are the messages that were accepted, and those refused or unanswered that somebody saw, or an audit found, all
the same: to the widget from the session's opening until it leaves, to the agent from the assume until it hands the
session over. What the customer wrote before the assume is owed from there; reading it from the history then is as good
as live.

## Outcomes

"""

OUTCOMES = {
    "live": "displayed as it was emitted, within `late_after_s` of its due",
    "late": "displayed as it was emitted, later than that, within the horizon",
    "recovered": "first displayed, within the horizon, by what the page does by itself: the join's answer, its own "
    "fetch, a replay",
    "lost": "not displayed within the horizon; `shown_after_s` says when it came later still",
    "unjudged": "evidence is missing, or the recipient was stopped before the horizon; `reason` says which",
}

COUNTED = {
    "duplicates": "copies beyond the first of one message on one page",
    "reorders": "live frames of one connection whose seq is below one that came before, but for copies",
    "leaks": "frames with a message of a session in which the party has no part, whatever its page filters",
    "phantoms": "messages that were accepted or displayed and are not stored",
    "unexpected": "messages of this run that nobody sent",
    "foreign": "frames that carry no message of the run, as a bot's greeting or who is typing; counted only",
    "view_misses": "other pages, open at that moment, that never showed an owed message",
    "false_connected_s": "seconds in which a widget was connected while a message accepted more than `late_after_s` "
    "ago was not shown",
}

CAUSES_TEXT = """\
# Causes

A message that did not arrive as it was emitted has exactly one cause in `missed_because`: the first stage that is
missing on its way, the first of this list that holds. What was never shown has a second one in
`not_recovered_because`: why nothing brought it back. A reply that comes before the widget has joined is missed on a
healthy server too; there the join hands it over.

Each cause is a condition over the [facts](ledger.md#facts) of that message. None can see the scenario or what was
injected. `entrega selftest` injects each and looks whether it is found under its name. Where the server keeps no
[journal](journal.md), causes that look alike from outside are reported as one of them, or as their group; the tables
below say as which, and that is tested as well. What a join cost that was acked before it was carried out, or never was,
is `subscribed_nowhere` then, whatever its cause. A group is an explanation. `unexplained` is none: it is a bug of
entrega.

`entrega trace MID RUN` shows for one message which stage is missing. The commands below need no set-up beyond
entrega's own; `entrega report` and `entrega trace` then read the run.

"""

WHAT_IT_CAN_TELL_TEXT = """\
# What it can tell

Entrega plays the widget and the agent, and sees all that they send and receive. Of the server it knows what a journal
says ([journal.md](journal.md)), and of your page's own code what `[client]` in the target declares
([your-own-server.md](your-own-server.md)): no browser runs. So what a cause is worth depends on whom you test.

- **The bundled server** keeps a journal, and its widget is what the scenarios and `widget.*` defects say: every cause
  is certain, and `entrega selftest` proves it.
- **Your server with a journal** is as certain about everything that the server does. Lines that are left out cost the
  causes that read them.
- **Your server without one**: outcomes are the same. Causes that look alike from outside are reported as their group,
  and a bug that only the server can know of, such as a join that was acked and not carried out, as
  `subscribed_nowhere`.
- **Your page's own code** is not looked at. A cause that rests on a declared habit says so in the report; whether the
  page really is so, its code tells, or a browser. `malformed` holds payloads to the fields of `[message]`; what
  a text says is not compared. A later version is to play real pages.

Where a target has no numbers or times in its messages, nothing is said of their order; without a history nothing of
what is stored, nor of phantoms; without acks nobody was told that it went well, so that `acked_and_lost` is not
measured. All these are null, never 0. Without an answer to the join, a room counts as entered `takes_s` after it was
asked for.
"""

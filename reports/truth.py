"""What was done on purpose, and to which message, by the answer key; and how far the ledger says the same.

Shares nothing with the causes: it knows names, windows of time, and whom each was done to; the key is read nowhere
else. A message is struck by what names it, and by what was done to its recipient or the server from when it was sent
until it was emitted, or a moment later, or as long as it may lie on a path that holds it: until the recipient is back.
What comes before a widget was planned to connect is struck by the plan itself.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loadtests.scenario import from_table
from reports.unavoidable import arrivals
from reports.violations import KNOWN

if TYPE_CHECKING:
    from reports.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Gives:
    """What it may be called when something is done: `own`, while it can be nothing else; `back`, beside that on the
    way back from it; `lost`, why it was not recovered; `made`, whose violations it makes.
    """

    own: str = ""
    back: str = ""
    lost: str = ""
    made: str = ""

    def names(self, own: bool) -> list[str]:
        return self.own.split() if own else [*self.own.split(), *self.back.split()]


ARRIVAL, NOTHING = "the plan", "nothing"
DIED = Gives("server_restarted reconnect_storm", "offline")

GIVES: Mapping[str, Gives] = {
    ARRIVAL: Gives("early_message", "join_race"),
    "drop": Gives("offline", "poll_abandoned"),
    "close": Gives("offline", "poll_abandoned"),
    "offline": Gives("offline", "poll_abandoned"),
    "half-open": Gives("half_open", "offline"),
    "idle-limit": Gives("idle_timeout offline"),
    "websocket-cut": Gives("upgrade_stuck join_race offline"),
    "poll-cut": Gives("poll_abandoned offline"),
    "slow-read": Gives("slow_consumer", "offline"),
    "freeze": Gives("frozen", "offline"),
    "reload": Gives("offline", "join_race"),
    "two-tabs": Gives(back="offline"),  # where the first tab is away as the second is closed
    "token-expiry": Gives("auth_refused", "offline"),
    "kill-server": DIED,
    "stop-server": DIED,
    "stall-server": Gives("server_stalled", "offline"),
    "server.no-history": Gives(lost="not_offered"),
    "server.recovery-window": Gives(lost="window not_offered"),
    "server.room-format": Gives("room_mismatch", lost="never_back"),
    "server.namespace": Gives("namespace_mismatch", lost="never_back"),
    "server.new-session-on-escalate": Gives("stale_room", lost="never_back"),
    "server.join-event": Gives("event_mismatch", lost="never_back"),
    "server.payload-shape": Gives("malformed", lost="never_back"),
    "server.origin": Gives("origin_refused", lost="never_back"),
    "server.token-ttl": Gives("auth_refused", lost="never_back"),
    "server.join-delay": Gives("join_race"),
    "server.slow-handshake": Gives("reconnect_storm", "offline"),
    "server.delay": Gives(made="late"),
    "server.forget-room": Gives("left_room", lost="never_back"),
    "server.ghost": Gives("ghost_member"),
    "server.drop-emit": Gives("not_published", lost="never_back"),
    "server.duplicate-emit": Gives(made="emitted_twice"),
    "server.reorder": Gives(made="emitted_out_of_order"),
    "server.leak": Gives(made="emitted_to_others"),
    "server.kick": Gives("kicked", lost="never_back"),
    "server.ack-lost": Gives(made="ack_lost"),
    "server.no-dedupe": Gives(made="stored_twice"),
    "server.emit-before-store": Gives(lost="not_stored", made="emitted_unstored accepted_unstored"),
    "widget.no-rejoin": Gives("not_rejoined", lost="never_back"),
    "widget.no-reconnect": Gives("offline reconnect_storm", lost="never_back"),
    "widget.stale-room": Gives("stale_room", lost="never_back not_offered"),
    "widget.late-listener": Gives("late_listener", lost="never_back"),
    "widget.handler-per-connect": Gives(made="duplicate_handler"),
    "widget.no-dedupe": Gives(made="not_deduped"),
    "widget.fetch-then-join": Gives("history_race", lost="not_asked"),
    "widget.replace-on-fetch": Gives("history_race", lost="wiped"),
}
PASSING = ("server.join-delay", "widget.fetch-then-join")  # defects that are over when their window is; others last

# Everything that was done to a message's recipient, to the server or to the message itself: `own`, while that lasted
# (no longer than nobody can have noticed it), `around`, when it had just begun, was going on or had not been got over
# yet; `before`, when the connection that it then ended may have been silent already; else `once`, at some other time.
# What lies on a path that is slow, dead or not read is struck by what comes next.
STRUCK = """
WITH key AS (
    SELECT name, kind = 'fault' AS passes, party, session, mid, start_ns, coalesce(end_ns, $forever) AS end_ns
    FROM read_json($key, format = 'newline_delimited', columns = {name: 'VARCHAR', kind: 'VARCHAR', party: 'VARCHAR',
        session: 'VARCHAR', mid: 'VARCHAR', start_ns: 'BIGINT', end_ns: 'BIGINT'})
),
acks AS (  -- one that was asked for before may be read late, on a connection that is none any more
    SELECT party, session, kind, t, max(if(kind = 'join_sent', t, NULL)) OVER (
        PARTITION BY party, session ORDER BY t ROWS UNBOUNDED PRECEDING) AS asked_ns
    FROM events
    WHERE kind IN ('join_sent', 'joined') AND session IS NOT NULL AND party IS NOT NULL QUALIFY kind = 'joined'
),
pairs AS (
    SELECT ledger.mid, recipient, ledger.session, key.mid IS NOT NULL AS itself, name, start_ns, end_ns, sent_ns,
        greatest(sent_ns, coalesce(accepted_ns, 0), coalesce(published_ns, 0)) AS until_ns,
        CASE WHEN passes THEN end_ns WHEN list_contains($passing, name) THEN end_ns + $moment ELSE $forever END AS last,
        passes, if(passes AND name NOT IN ('kill-server', 'stop-server'), least(end_ns, start_ns + $unnoticed), end_ns)
            AS own_ns
    FROM ledger JOIN key ON CASE WHEN key.mid IS NOT NULL THEN key.mid = ledger.mid
        ELSE coalesce(key.party = recipient, key.session = ledger.session, true) END
    WHERE sent_ns IS NOT NULL
),
held AS (
    SELECT mid, max(end_ns) AS held_ns FROM pairs
    WHERE name IN ('slow-read', 'freeze', 'half-open') AND until_ns BETWEEN start_ns AND end_ns GROUP BY mid
),
over AS (
    SELECT pairs.*, coalesce(held_ns, until_ns) AS came_by_ns,
        if(passes, least(last + $horizon, coalesce(acks.t, $forever)), last) AS over_ns
    FROM pairs LEFT JOIN held USING (mid) ASOF LEFT JOIN acks
        ON acks.party = recipient AND acks.session = pairs.session AND acks.asked_ns > pairs.last
)
SELECT DISTINCT mid, name, CASE WHEN itself THEN 'itself'
    WHEN came_by_ns < start_ns - $moment THEN if(passes AND came_by_ns >= start_ns - $silence, 'before', 'once')
    WHEN sent_ns > over_ns THEN 'once'
    WHEN sent_ns >= start_ns AND if(name = 'stall-server', sent_ns, until_ns) <= own_ns THEN 'own'
    ELSE 'around' END AS how
FROM over"""

# What was sent before its recipient's first join: `own`, before the plan wanted it to connect, or, of an agent, before
# it held the session; `around`, until it had joined, if that came as soon after that as it must.
EARLY = """
WITH planned AS (SELECT unnest($parties::VARCHAR[]) AS party, unnest($plans::BIGINT[]) AS plan_ns),
firsts AS (
    SELECT party, session, min(t) FILTER (kind = 'assumed') AS held_ns, min(t) FILTER (kind = 'joined') AS joined_ns
    FROM events WHERE kind IN ('assumed', 'joined') GROUP BY ALL
)
SELECT mid, if(until_ns <= began_ns, 'own', 'around') FROM (
    SELECT mid, sent_ns, greatest(sent_ns, coalesce(accepted_ns, 0), coalesce(published_ns, 0)) AS until_ns,
        coalesce(plan_ns, held_ns) AS began_ns, joined_ns
    FROM ledger LEFT JOIN planned ON planned.party = recipient
    LEFT JOIN firsts ON firsts.party = recipient AND firsts.session = ledger.session
) WHERE until_ns <= began_ns OR sent_ns <= least(began_ns + $allowed, coalesce(joined_ns, $forever))"""
MOMENT_NS = 100_000_000  # that a message may have been on its way
FOREVER_NS = 2**62

Strikes = Mapping[str, list[tuple[str, str]]]  # mid -> the names of what struck it, and how


@dataclass(frozen=True, slots=True)
class Compared:
    """Rows that were given each name: rightly, wrongly, and those that should have been given it and were not.

    `matrix` counts rows by what struck them and what they were given. `wrong` says which rows were misnamed, `alarms`
    which were missed or lost though nothing had struck them.
    """

    matrix: Counter[tuple[str, str]] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    false: Counter[str] = field(default_factory=Counter)
    overlooked: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)


def struck(ledger: "Ledger") -> Strikes:
    """Everything that struck each message of the run."""
    scenario = from_table(ledger.run.info["scenario"])
    key = ledger.run.path / "injected.jsonl"
    found: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    if key.exists():
        about = {
            "key": str(key), "passing": list(PASSING), "moment": MOMENT_NS, "forever": FOREVER_NS,
            "horizon": _ns(scenario.horizon_s), "unnoticed": _ns(scenario.ping_timeout_s),
            "silence": _ns(scenario.ping_interval_s),
        }  # fmt: skip
        for mid, name, how in ledger.query(STRUCK, about).itertuples(index=False):
            found[mid].append((name, how))
    planned = {party: end_ns for party, _, end_ns in arrivals(ledger)}
    allowed = _ns(scenario.connect_deadline_s + scenario.join_deadline_s)
    about = {"parties": [*planned], "plans": [*planned.values()], "allowed": allowed, "forever": FOREVER_NS}
    for mid, how in ledger.query(EARLY, about).itertuples(index=False):
        found[mid].append((ARRIVAL, how))
    return found


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)


def compared(ledger: "Ledger", strikes: Strikes) -> Compared:
    """Every missed row's name, and every lost one's second name, against what struck it."""
    found = Compared()
    for row in ledger.deliveries[ledger.deliveries["owed"]].itertuples():
        by = strikes.get(str(row.mid), [])
        sure = [(name, given) for name, how in by if how == "itself" for given in GIVES[name].own.split()]
        if isinstance(row.missed_because, str):
            _compare(found, ledger, str(row.key), row.missed_because, _missed_by(by, ledger.journal))
        elif sure and row.outcome in ("live", "late") and (ARRIVAL, "own") not in by:  # read as it took the session
            _compare(found, ledger, str(row.key), str(row.outcome), sure)
        if isinstance(row.not_recovered_because, str):
            lost_by = [(name, given) for name, _ in by for given in GIVES[name].lost.split()]
            _compare(found, ledger, str(row.key), row.not_recovered_because, lost_by)
    return found


def _missed_by(by: Iterable[tuple[str, str]], journal: bool) -> list[tuple[str, str]]:
    """Without a journal, what was lost by a defect a moment before a fault may as well have been lost by that."""
    true = [
        (name, given) for name, how in by if how not in ("once", "before")
        for given in GIVES[name].names(own=how != "around")
    ]  # fmt: skip
    if true and not journal:
        true += [(name, given) for name, how in by if how == "before" for given in GIVES[name].names(own=False)]
    return true


def _compare(found: Compared, ledger: "Ledger", key: str, given: str, true: list[tuple[str, str]]) -> None:
    if not ledger.journal:
        true = [(by, other) for by, name in true for other in without_journal(name)]
    rightly = [by for by, name in true if name == given]
    found.matrix[(rightly or [by for by, _ in true] or [NOTHING])[0], given] += 1
    if rightly:
        found.right[given] += 1
        return
    found.false[given] += 1
    if true:
        found.overlooked[true[0][1]] += 1
        found.wrong.append(f"{key} is called {given} and is {' or '.join(dict.fromkeys(name for _, name in true))}")
    else:
        found.alarms.append(f"{key} is called {given}, and nothing was done to it")


def without_journal(name: str) -> tuple[str, ...]:
    """What a cause may be called where there is no journal."""
    return KNOWN[name].without_journal if name in KNOWN else (name,)


def given_by(injected: str) -> Gives:
    """What `NAME[=VALUE]` gives."""
    return GIVES[injected.partition("=")[0]]


def may_give(injected: str) -> set[str]:
    """All that a row may be called where that was done, with a journal or without."""
    gives = GIVES.get(injected, Gives())
    names = {*gives.names(own=False), *gives.lost.split(), *gives.made.split()}
    return names.union(*map(without_journal, names))

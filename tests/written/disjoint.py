"""Whether two conditions can hold of one row at all: tried on a million rows of any facts, but for the impossible."""

from tests.written.matrix import Matrix

ROWS = 1_000_000
BOOLEAN = ["true", "false"]

# Every column of facts that a condition looks at, with values on both sides of each border.
VALUES = {
    "received_ns": ["NULL", "7"],
    "published_ns": ["NULL", "5"],
    "absent": BOOLEAN,
    "member": [*BOOLEAN, "NULL"],
    "conn_state": ["'never'", "'connecting'", "'connected_unjoined'", "'joining'", "'joined'", "'down'"],
    "refusal": ["NULL", "'origin'", "'auth'", "'handshake'"],
    "join_sent": BOOLEAN,
    "back_ns": ["NULL", "15", "50"],
    "horizon_ns": ["20"],
    "join_refused": BOOLEAN,
    "join_timeouts": ["0", "2"],
    "ever_joined": BOOLEAN,
    "why": ["NULL", "'no-listener'", "'shape'", "'session'", "'duplicate'"],
    "listened": BOOLEAN,
    "rejoin_ns": ["NULL", "10", "50"],
    "conn_ended_ns": ["NULL", "10"],
    "watched_ns": ["10", "30"],
    "journal_speaks": BOOLEAN,
    "entered_room": ["NULL", "'a'", "'b'"],
    "room": ["'a'", "NULL"],
    "server_died": BOOLEAN,
    "at_ns": ["5"],
    "sent_ns": ["1", "5"],
    "ready_ns": ["NULL", "-9_000_000_000", "4"],
    "in_flight": BOOLEAN,
    "gap_root": ["NULL", "'kicked'", "'frozen'", "'server_stalled'", "'half_open'", "'gone_silent'", "'slow_consumer'",
                 "'idle_timeout'", "'server_restarted'"],
    "dropped_ns": ["NULL", "2", "9"],
    "fetched_ns": ["NULL", "3"],
    "joined_after": BOOLEAN,
    "rejoin_asked": BOOLEAN,
    "kicked": BOOLEAN,
    "met": BOOLEAN,
    "given_up": BOOLEAN,
    "held": BOOLEAN,
    "wiped": BOOLEAN,
    "first_join": BOOLEAN,
    "frozen_ms": ["NULL", "1.0"],
    "not_enqueued": ["NULL", "'no-socket'", "'closed'"],
    "upgrading": BOOLEAN,
    "written_ns": ["NULL", "6"],
    "transport": ["NULL", "'polling'", "'websocket'"],
    "stale": BOOLEAN,
    "entered_later": BOOLEAN,
    "untold": BOOLEAN,
    "namespace": ["NULL", "'/'", "'/x'"],
    "entered_namespace": ["NULL", "'/'", "'/x'"],
}  # fmt: skip

# What is true of all facts by the way they are made; looked after on every written history.
ALWAYS = (
    "NOT first_join OR join_sent",
    "gap_root IS NULL OR join_sent",
    "NOT entered_later OR conn_state = 'joined' AND NOT absent AND entered_room IS NULL AND join_sent",
    "NOT (frozen_ms IS NOT NULL AND coalesce(at_ns < dropped_ns, false) AND coalesce(gap_root IN ('server_stalled', "
    "'half_open', 'gone_silent', 'slow_consumer', 'idle_timeout'), false))",
)


def try_any_facts(matrix: Matrix) -> None:
    """Table any_facts, the same every time."""
    columns = ", ".join(
        f"[{', '.join(values)}][1 + (hash(n, '{name}') % {len(values)})::BIGINT] AS {name}"
        for name, values in VALUES.items()
    )
    possible = " AND ".join(f"({law})" for law in ALWAYS)
    matrix.con.execute(
        f"CREATE TABLE any_facts AS SELECT * FROM (SELECT {columns} FROM range({ROWS}) AS rows(n)) WHERE {possible}"
    )


def both_hold(matrix: Matrix, first: str, second: str, earlier: list[str]) -> int:
    """Of how many of them both conditions hold and none of the earlier ones."""
    before = " OR ".join(f"coalesce({condition}, false)" for condition in earlier) or "false"
    found = matrix.con.execute(
        f"SELECT count(*) FROM any_facts WHERE ({first}) AND ({second}) AND NOT ({before})"
    ).fetchone()
    assert found is not None
    return int(found[0])

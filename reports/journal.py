"""Whether the server's journal can be believed. What it does not show did not happen: of another run, or by another
clock, it would give every message a cause, and a wrong one.

A journal is refused as a whole where it contradicts what was seen of most messages, and of some at least; of any, where
none of its messages is of this run or it tells of none that it was emitted. Less than that is counted and shown.
"""

import duckdb

from loadtests.run_folder import RunFolder, RunFolderError
from reports.words import plural

ENOUGH = 10  # messages; of fewer nothing is said against a whole journal
SLACK_NS = 100_000_000  # by which a journal may be late with its line, though it is to come before the effect

# The journal says that what the swarm saw of the message cannot have been. A condition over facts.
CONTRADICTED = f"""
journal_speaks AND (received_ns IS NOT NULL AND published_ns IS NULL OR in_audit AND stored_ns IS NULL AND NOT torn)
OR coalesce(least(stored_ns, published_ns) < sent_ns OR published_ns > received_ns + {SLACK_NS}, false)"""

# `known`: rows of which both speak. `strange`: by the journal they were stored or emitted before they were sent, or
# emitted after they had come or the run was over.
BELIEVED = f"""
SELECT count(*) FILTER (contradicted) AS contradicted,
    count(*) FILTER (evidence = 'journal' AND (seen OR stored = 'yes')) AS known,
    count(*) FILTER (accepted_ns IS NOT NULL) AS accepted,
    count(*) FILTER (evidence = 'journal' AND outcome IN ('live', 'late') AND via = 'live') AS came,
    (SELECT count(*) FROM mids WHERE planned AND (stored_ns IS NOT NULL OR published_ns IS NOT NULL)) AS named,
    (SELECT count(*) FROM mids LEFT JOIN shown ON shown.n = mids.rowid WHERE planned
        AND (least(stored_ns, published_ns) < sent_ns OR published_ns > received_ns + {SLACK_NS}
            OR least(stored_ns, published_ns) > (SELECT max(end_ns) FROM recorders))) AS strange,
    (SELECT count(*) FROM events WHERE kind = 'stored') AS stored,
    (SELECT count(*) FROM events WHERE kind = 'published') AS published
FROM caused"""


def refuse(con: duckdb.DuckDBPyConnection, run: RunFolder) -> None:
    """Raises RunFolderError, one line with the mend, where there is a journal that is not to be believed."""
    written = {str(source) for (source,) in con.execute("SELECT DISTINCT source FROM boots").fetchall()}
    unread = {source for source in run.info.get("unread") or {} if source.startswith("journal")} - written
    if unread:
        raise _refused(run, unread, "not one of its lines is an event: one JSON object a line, `t` a whole number")
    if not written:
        return
    (found,) = con.execute(BELIEVED).df().to_dict("records")
    strangers = not found["named"] and found["stored"] + found["published"]
    if strangers and (found["accepted"] >= ENOUGH or found["contradicted"]):
        raise _refused(run, written, "it tells of messages, and by mid, id or number none is of this run")
    of = f"of {found['known']} messages that both speak of"
    if found["strange"] >= max(ENOUGH, found["named"] / 2):
        why = f"by its clock {found['strange']} {of} were emitted before they were sent or after they had come; `t` is "
        raise _refused(run, written, f"{why}CLOCK_MONOTONIC in ns")
    lacking = " and ".join(f"`{kind}`" for kind in ("stored", "published") if not found[kind])
    if lacking and found["came"] >= (ENOUGH if found["published"] else 1):
        raise _refused(run, written, f"it never writes {lacking}, and {plural(found['came'], 'message')} came live")
    if found["contradicted"] >= max(ENOUGH, found["known"] / 2):
        why = f"it never writes {lacking}" if lacking else "it leaves most of them out"
        raise _refused(run, written, f"it contradicts what was seen {found['contradicted']} times {of}: {why}")


def doubts(con: duckdb.DuckDBPyConnection) -> list[str]:
    """What the journal lacks, where it can be told, in a sentence each."""
    (missing, times), *_ = con.execute("SELECT sum(missing), count(*) FROM holes").fetchall()
    told = []
    if missing:
        told.append(
            f"The server's journal lacks {missing:,} of its numbered lines (in {times:,} "
            f"{'place' if times == 1 else 'places'}): what it does not show of that time counts as not known "
            "(docs/journal.md)."
        )
    ended = con.execute("""
        SELECT source, round((SELECT max(end_ns) - last_ns FROM recorders) / 1e9)::BIGINT FROM boots WHERE broke_off
    """).fetchall()
    for source, early_s in ended:
        told.append(
            f"{source}.jsonl breaks off {early_s} s before the run's end, and the server went on: what came later "
            "counts as not told (docs/journal.md)."
        )
    return told


def _refused(run: RunFolder, sources: set[str], why: str) -> RunFolderError:
    files = ", ".join(f"{source}.jsonl" for source in sorted(sources))
    return RunFolderError(
        f"the server's journal in {run.path} cannot be used: {why} (docs/journal.md); put the right one there as "
        f"events/{files}, or an empty one to read the run without it"
    )

"""The ledger: one row per planned message, with one outcome and, if it was missed, one cause.

report/ledger.parquet, and ledger.json with what was counted beside it, are derived: they are made anew when the
evidence, run.json or this code has changed.
"""

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
from pyarrow import parquet

from loadtests.events import columns
from loadtests.run_folder import RunFolder, RunFolderError, open_run
from loadtests.seal import quoted
from reports.causes import CAUSES, NOT_RECOVERED, as_case
from reports.counters import contradictions, count
from reports.facts import create_facts, kinds_of
from reports.journal import doubts, refuse
from reports.outcomes import JUDGED
from reports.schema import LEDGER
from reports.violations import VIOLATIONS, attributed

if TYPE_CHECKING:
    from reports.summary import Summary


COUNTS = ("counters", "attributed", "contradictions", "doubts")  # of a ledger, which are kept in ledger.json
# What does not fit goes to disk for a while; DuckDB by itself would take four fifths of the machine.
ALLOWED = "least(parse_formatted_bytes(current_setting('memory_limit')), 5_000_000_000)::BIGINT"


@dataclass(frozen=True)
class Ledger:
    """A run's ledger. `path` is its ledger.parquet; `journal`: whether the server's journal was read.

    `counters` are counts over the whole run (reports.counters); null: not observable. `attributed`: who made the
    violations among them (reports.violations). `contradictions`: rows whose journal says the opposite of what the swarm
    recorded; null: no journal. `doubts`: what the journal lacks, in words.
    """

    run: RunFolder
    path: Path
    journal: bool
    counters: dict[str, float | None]
    attributed: dict[str, dict[str, int]]
    contradictions: int | None
    doubts: list[str]

    @cached_property
    def deliveries(self) -> pd.DataFrame:
        """One row per message, the first due first, with the columns of reports.schema.LEDGER.

        Whole numbers are Int64: ns stay exact.
        """
        nullable = {"BIGINT": "Int64", "INTEGER": "Int64", "DOUBLE": "Float64", "BOOLEAN": "bool"}
        rows = pd.read_parquet(self.path, dtype_backend="numpy_nullable")
        rows = rows.sort_values(["due_ns", "mid"], ignore_index=True)
        return rows.astype({column.name: nullable.get(column.type, "str") for column in LEDGER})

    @cached_property
    def summary(self) -> "Summary":
        """Its figures, judged by the scenario's own goals."""
        from reports.summary import summarize  # here, since it loads what a trace has no need of

        return summarize(self)

    def query(self, sql: str, given: Sequence[Any] | Mapping[str, Any] = ()) -> pd.DataFrame:
        """Any SQL (DuckDB) over the views `ledger` and `events`, for what pandas cannot hold; `given` is for its ?."""
        with duckdb.connect() as con:
            _view_events(con, self.run, self.journal)
            con.execute(f"CREATE VIEW ledger AS FROM read_parquet({quoted(self.path)})")
            found: pd.DataFrame = con.sql(sql, params=given).df()
            return found


def open_ledger(path: Path | str) -> Ledger:
    """The ledger of a run folder (or of the newest run below it), built unless it is there already.

    Raises loadtests.run_folder.RunFolderError with the mend.
    """
    run = open_run(path)
    file = _file(run, journal=True)
    kept = _kept(file, _fingerprint(run))
    return Ledger(run, file, True, **kept) if kept else _build(run, journal=True)


def build_ledger(run_path: Path | str, *, journal: bool = True) -> Ledger:
    """Build the ledger from the evidence. Without `journal` the run is read as if the server had kept none."""
    return _build(open_run(run_path), journal)


def reconcile(con: duckdb.DuckDBPyConnection, run: RunFolder, *, journal: bool) -> None:
    """View judged, from a run's evidence: a row per message with its facts and its outcome, and no cause yet."""
    _view_events(con, run, journal)
    create_facts(con, run.info)
    con.execute(JUDGED)


def _build(run: RunFolder, journal: bool) -> Ledger:
    file = _file(run, journal)
    file.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=file.parent) as scratch, duckdb.connect() as con:
        con.execute("SET temp_directory = ?", [scratch])
        con.execute("SET preserve_insertion_order = false")
        con.execute(f"SET memory_limit = format_bytes({ALLOWED})")
        reconcile(con, run, journal=journal)
        _refuse_others(con, run)
        draft = Path(scratch) / "ledger.parquet"
        made_of = _fingerprint(run)
        con.execute(
            f"COPY ({_caused()}) TO {quoted(draft)} "
            "(FORMAT parquet, PARQUET_VERSION v2, COMPRESSION lz4_raw, DICTIONARY_SIZE_LIMIT 1000, "
            f"KV_METADATA {{made_of: '{made_of}'}})"
        )
        con.execute(f"CREATE VIEW caused AS FROM read_parquet({quoted(draft)})")
        if journal:
            refuse(con, run)
        con.execute("DROP TABLE mids; DROP TABLE shown")  # as long, and looked at no more
        counters = count(con, run.info)
        made_by = {name: attributed(con, name) for name in VIOLATIONS if counters[name]}
        ledger = Ledger(run, file, journal, counters, made_by, contradictions(con), doubts(con))
        counts = {name: getattr(ledger, name) for name in COUNTS}
        (Path(scratch) / "counts.json").write_text(json.dumps({"made_of": made_of, **counts}))
        draft.replace(file)
        (Path(scratch) / "counts.json").replace(file.with_suffix(".json"))
    return ledger


def _refuse_others(con: duckdb.DuckDBPyConnection, run: RunFolder) -> None:
    """Raises RunFolderError where every message is of another run than run.json."""
    of_all = "FROM mids WHERE planned HAVING count(*) > 0 AND NOT bool_or(starts_with(mid, run_prefix()))"
    for (other,) in con.execute(f"SELECT split_part(any_value(mid), ':', 1) {of_all}").fetchall():
        raise RunFolderError(
            f"{run.events} is of the run {other}, and run.json beside it of {run.info['run']}; put what belongs "
            "together into one folder"
        )


def _caused() -> str:
    columns = ", ".join(f"CAST({column.sql} AS {column.type}) AS {column.name}" for column in LEDGER)
    return f"""
        SELECT {columns}
        FROM (
            SELECT *,
                CASE WHEN outcome IN ('recovered', 'lost') THEN {as_case(CAUSES)} END AS missed_because,
                CASE WHEN outcome = 'lost' THEN {as_case(NOT_RECOVERED)} END AS not_recovered_because
            FROM judged
        )"""


def _view_events(con: duckdb.DuckDBPyConnection, run: RunFolder, journal: bool) -> None:
    """A field that came with a later version is null in what was sealed before."""
    kinds = ", ".join(quoted(kind) for kind in kinds_of("server"))
    without = "" if journal else f" WHERE kind NOT IN ({kinds})"
    evidence = f"read_parquet({quoted(run.events)})"
    known = {str(row[0]) for row in con.execute(f"DESCRIBE FROM {evidence}").fetchall()}
    later = [f', NULL::{type} AS "{name}"' for name, type in columns().items() if name not in known]
    con.execute(f"CREATE VIEW events AS SELECT *{''.join(later)} FROM {evidence}{without}")


def _file(run: RunFolder, journal: bool) -> Path:
    return run.path / "report" / ("ledger.parquet" if journal else "ledger-without-journal.parquet")


def _kept(file: Path, made_of: str) -> dict[str, Any]:
    """What was counted beside a ledger; nothing where there is none, or none of that making, that can be read."""
    try:
        kept: dict[str, Any] = json.loads(file.with_suffix(".json").read_bytes())
        of_both = {kept["made_of"], parquet.read_metadata(file).metadata[b"made_of"].decode()}
        return {name: kept[name] for name in COUNTS} if of_both == {made_of} else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _fingerprint(run: RunFolder) -> str:
    """Of all that a ledger is made of: the evidence, what run.json says, and the code of this house."""
    evidence = run.events.stat()
    digest = hashlib.sha256(f"{evidence.st_size} {evidence.st_mtime_ns}".encode())
    digest.update((run.path / "run.json").read_bytes())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()

"""seal(folder): what the processes of a run wrote line by line becomes one table, events.parquet, sorted by time.

A line that is not an event (not JSON, not UTF-8, of no known kind, without `t`, with a value that its column cannot
hold) is counted and left out; the unfinished last line of a process that was killed is counted by itself.
"""

import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from loadtests import run_json
from loadtests.events import KINDS, columns

LONGEST_LINE = 64 * 2**20  # bytes; beyond it a file is not read at all

TYPES = {name: kind for name, kind in columns().items() if name not in ("source", "line")}
NAMES = ", ".join(f'"{name}"' for name in TYPES)


@dataclass(frozen=True, slots=True)
class Sealed:
    """How many lines became events, how many were garbage, how many files ended in an unfinished line, and whose."""

    events: int
    garbage: int
    truncated: int
    sources: tuple[str, ...]


def seal(folder: Path) -> Sealed:
    """events/*.jsonl -> events.parquet, then the .jsonl go. May be repeated, also after it was interrupted.

    Raises OSError when the disk or a file does not allow it; then nothing was removed.
    """
    files = sorted((folder / "events").glob("*.jsonl"))
    sealed_to = folder / "events.parquet"
    with tempfile.TemporaryDirectory(prefix=".sealing-", dir=folder) as scratch, duckdb.connect() as con:
        con.execute("SET temp_directory = ?", [scratch])
        try:
            return _seal(con, folder, files, sealed_to, Path(scratch) / "events.parquet")
        except duckdb.Error as error:
            raise OSError(str(error).splitlines()[0]) from error


def _seal(con: duckdb.DuckDBPyConnection, folder: Path, files: list[Path], sealed_to: Path, draft: Path) -> Sealed:
    info = run_json.read_info(folder) if (folder / "run.json").exists() else {}
    counts = _sealed_before(con, info.get("sealed", {}), sealed_to)
    # A journal that is put there again takes the place of the one before; the swarm's own are written once.
    new = [file for file in files if file.stem not in counts.sources or file.stem.startswith("journal")]
    if new or not sealed_to.exists():
        unread = dict(info.get("unread") or {})  # how many lines of each file were garbage
        counts = _gather(con, counts, new, unread, sealed_to)
        con.execute(
            f"COPY (FROM evidence ORDER BY t, source, line) TO {quoted(draft)} (FORMAT parquet, COMPRESSION zstd)"
        )
        if info:
            run_json.update(folder, sealed=asdict(counts), unread={name: n for name, n in unread.items() if n})
        draft.replace(sealed_to)
    for file in files:
        file.unlink()
    return counts


def _sealed_before(con: duckdb.DuckDBPyConnection, said: dict[str, Any], sealed_to: Path) -> Sealed:
    """What an earlier seal left; `said` is what run.json keeps of it."""
    if not sealed_to.exists():
        return Sealed(0, 0, 0, ())
    found = con.execute(f"SELECT source, count(*) FROM read_parquet({quoted(sealed_to)}) GROUP BY source").fetchall()
    sources = {str(source) for source, _ in found} | set(said.get("sources", ()))
    events = sum(int(count) for _, count in found)
    return Sealed(events, said.get("garbage", 0), said.get("truncated", 0), tuple(sorted(sources)))


def _gather(
    con: duckdb.DuckDBPyConnection, before: Sealed, new: list[Path], unread: dict[str, int], sealed_to: Path
) -> Sealed:
    """Make the table `evidence` of what was sealed before and of the new files; `unread` takes in their garbage."""
    fields = ", ".join(f'"{name}" {kind}' for name, kind in columns().items())
    con.execute(f"CREATE TABLE evidence ({fields})")
    again = [file.stem for file in new if file.stem in before.sources]
    if before.sources:
        others = f"FROM read_parquet({quoted(sealed_to)}) WHERE NOT list_contains(?::VARCHAR[], source)"
        con.execute(f"INSERT INTO evidence BY NAME {others}", [again])
    garbage, truncated = before.garbage - sum(unread.pop(name, 0) for name in again), before.truncated
    for file in new:
        unread[file.stem], cut = _take_in(con, file)
        garbage, truncated = garbage + unread[file.stem], truncated + cut
    ((events,),) = con.execute("SELECT count(*) FROM evidence").fetchall()
    kept = (name for name in before.sources if name not in again)
    return Sealed(int(events), garbage, truncated, (*kept, *(file.stem for file in new)))


def _take_in(con: duckdb.DuckDBPyConnection, file: Path) -> tuple[int, bool]:
    """Add one file's events to `evidence`; how many lines were garbage, and whether the last one is cut off.

    Lines are parsed by DuckDB, in parallel; a row's number is its line's.
    """
    con.execute(
        "CREATE OR REPLACE TABLE lines AS FROM read_ndjson_objects("
        f"{quoted(file)}, ignore_errors = true, maximum_object_size = {LONGEST_LINE})"
    )
    con.execute(
        f"""
        CREATE OR REPLACE TABLE parsed AS
        SELECT rowid + 1 AS line, json_keys(json).len() AS given, unnest(json_transform(json, '{_structure()}'))
        FROM lines"""
    )
    con.execute(f"CREATE OR REPLACE TABLE misread AS {_misread()}")
    ((taken,),) = con.execute(
        f"INSERT INTO evidence SELECT {quoted(file.stem)}, line, {NAMES} FROM parsed ANTI JOIN misread USING (line)"
    ).fetchall()
    ((lines, last_is_none),) = con.execute("SELECT count(*), last(json IS NULL) FROM lines").fetchall()
    cut = bool(last_is_none) and not _ends_its_last_line(file)
    return int(lines) - int(taken) - cut, cut


def _structure() -> str:
    return "{" + ", ".join(f'"{name}": {_json_type(kind)}' for name, kind in TYPES.items()) + "}"


def _json_type(kind: str) -> str:
    return f'["{kind.removesuffix("[]")}"]' if kind.endswith("[]") else f'"{kind}"'


def _misread() -> str:
    """Lines of no known kind or time, or with a value that became null because its column cannot hold it.

    Only a line with more keys than values came out of it can have such a value, so that few are looked at twice.
    """
    kinds = ", ".join(f"'{kind}'" for kind in KINDS)
    values = " + ".join(f'("{name}" IS NOT NULL)::INTEGER' for name in TYPES)
    paths = ", ".join(f"'$.{name}'" for name in TYPES)
    missing = ", ".join(f'"{name}" IS NULL' for name in TYPES)
    return f"""
        SELECT line FROM parsed WHERE t IS NULL OR kind IS NULL OR kind NOT IN ({kinds})
        UNION
        SELECT line FROM (
            SELECT line, unnest(json_type(json, [{paths}])) AS was, unnest([{missing}]) AS is_null
            FROM parsed JOIN lines ON parsed.line = lines.rowid + 1 WHERE given <> {values}
        ) WHERE is_null AND was <> 'NULL'"""


def _ends_its_last_line(file: Path) -> bool:
    with file.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) == b"\n"


def quoted(value: Path | str) -> str:
    """As a text of SQL."""
    return "'" + str(value).replace("'", "''") + "'"

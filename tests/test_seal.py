"""What was written line by line comes back as one table: nothing lost, nothing twice, garbage counted."""

import json
import os

import duckdb
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadtests import seal as sealing
from loadtests.events import KINDS, Recorder, columns
from loadtests.seal import Sealed, seal

GOOD = b'{"t": 5, "kind": "sent", "party": "agent-0", "mid": "r:0.a.0", "due_ns": 4}\n'


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "events").mkdir()
    (tmp_path / "run.json").write_text('{"format": 1, "run": "r"}')
    return tmp_path


def write(folder, name, data):
    (folder / "events" / f"{name}.jsonl").write_bytes(data)


def rows(folder, wanted="*"):
    return duckdb.sql(f"SELECT {wanted} FROM read_parquet('{folder}/events.parquet')").fetchall()


def test_columns_order_and_source(folder):
    write(folder, "swarm-2", b'{"t": 9, "kind": "sent"}\n{"t": 3, "kind": "sent"}\n')
    write(folder, "swarm-1", b'{"t": 3, "kind": "published", "sids": ["a", "b"], "members": 2}\n')
    assert seal(folder) == Sealed(3, 0, 0, ("swarm-1", "swarm-2"))
    described = duckdb.sql(f"DESCRIBE FROM read_parquet('{folder}/events.parquet')").fetchall()
    assert {name: kind for name, kind, *_ in described} == columns()
    assert rows(folder, "source, line, t, sids") == [
        ("swarm-1", 1, 3, ["a", "b"]),
        ("swarm-2", 2, 3, None),
        ("swarm-2", 1, 9, None),
    ]


def test_the_lines_go_and_run_json_keeps_the_counts(folder):
    write(folder, "swarm-1", GOOD + b"garbage\n" + GOOD[:20])
    sealed = seal(folder)
    assert sealed == Sealed(1, 1, 1, ("swarm-1",))
    assert not list((folder / "events").iterdir())
    info = json.loads((folder / "run.json").read_text())
    assert info["sealed"] == {"events": 1, "garbage": 1, "truncated": 1, "sources": ["swarm-1"]}
    assert info["run"] == "r"
    assert seal(folder) == sealed


def test_a_journal_that_is_put_there_again_takes_the_place_of_the_one_before(folder):
    write(folder, "swarm-1", GOOD + b"garbage\n")
    write(folder, "journal-1", b'no event\n{"t": 1, "kind": "loop_lag"}\n{"t": 2, "kind": "loop_lag"}\n')
    assert seal(folder) == Sealed(3, 2, 0, ("journal-1", "swarm-1"))
    assert json.loads((folder / "run.json").read_text())["unread"] == {"journal-1": 1, "swarm-1": 1}
    write(folder, "journal-1", b'{"t": 7, "kind": "loop_lag"}\n')
    write(folder, "swarm-1", GOOD)
    assert seal(folder) == Sealed(2, 1, 0, ("swarm-1", "journal-1"))
    assert rows(folder, "source, t") == [("swarm-1", 5), ("journal-1", 7)]
    assert json.loads((folder / "run.json").read_text())["unread"] == {"swarm-1": 1}
    write(folder, "journal-1", b"")
    assert seal(folder) == Sealed(1, 1, 0, ("swarm-1", "journal-1"))
    assert rows(folder, "source, t") == [("swarm-1", 5)]


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b"[1, 2]",
        b"null",
        b"7",
        b'{"t": 1, "kind": "sent"} {"t": 2, "kind": "sent"}',
        b'{"t": 1, "kind": "sent", "mid": "\xff\xfe"}',
        b'{"t": 1, "kind": "se\x00nt"}',
        b'{"t": 1, "kind": "dreamt"}',
        b'{"t": 1}',
        b'{"kind": "sent"}',
        b'{"t": null, "kind": "sent"}',
        b'{"t": "yesterday", "kind": "sent"}',
        b'{"t": 1, "kind": "sent", "conn": "one"}',
        b'{"t": 1, "kind": "sent", "conn": {"n": 1}}',
        b'{"t": 1, "kind": "published", "sids": "a"}',
        b'{"t": 1, "kind": "rig", "lag_ms": "slow", "unknown": 1}',
        b'{"t": 99999999999999999999999, "kind": "sent"}',
    ],
)
def test_garbage_is_counted_and_left_out(folder, line):
    write(folder, "swarm-1", GOOD + line + b"\n" + GOOD)
    assert seal(folder) == Sealed(2, 1, 0, ("swarm-1",))
    assert rows(folder, "line, mid") == [(1, "r:0.a.0"), (3, "r:0.a.0")]


def test_fields_that_nobody_knows_and_nulls_are_no_garbage(folder):
    write(folder, "swarm-1", b'{"t": 1, "kind": "sent", "mood": "good", "mid": null}\n')
    assert seal(folder) == Sealed(1, 0, 0, ("swarm-1",))


def test_a_whole_last_line_without_its_end_is_an_event(folder):
    write(folder, "swarm-1", GOOD + GOOD.strip())
    assert seal(folder) == Sealed(2, 0, 0, ("swarm-1",))


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\n" + GOOD + b"\n\n"])
def test_empty_files_and_lines(folder, data):
    write(folder, "swarm-1", data)
    assert seal(folder).garbage == 0
    assert len(rows(folder)) == data.count(GOOD)


def test_a_run_without_run_json(folder):
    (folder / "run.json").unlink()
    write(folder, "swarm-1", GOOD)
    assert seal(folder).events == 1


def test_a_seal_that_was_interrupted_before_the_lines_went(folder):
    write(folder, "swarm-1", GOOD + b"garbage\n")
    sealed = seal(folder)
    write(folder, "swarm-1", GOOD + b"garbage\n")
    assert seal(folder) == sealed
    assert len(rows(folder)) == 1
    assert not list((folder / "events").iterdir())


def test_a_seal_that_was_interrupted_in_the_middle(folder, monkeypatch):
    write(folder, "swarm-1", GOOD)

    def interrupted(*_args, **_changes):
        raise KeyboardInterrupt

    monkeypatch.setattr(sealing.run_json, "update", interrupted)
    with pytest.raises(KeyboardInterrupt):
        seal(folder)
    monkeypatch.undo()
    assert (folder / "events" / "swarm-1.jsonl").read_bytes() == GOOD
    assert not (folder / "events.parquet").exists()
    assert seal(folder).events == 1
    assert {path.name for path in folder.iterdir()} == {"events", "events.parquet", "run.json"}


def test_what_comes_later_is_added(folder):
    write(folder, "swarm-1", GOOD + b"garbage\n")
    seal(folder)
    write(folder, "journal-1", b'{"t": 1, "kind": "server_started"}\nmore garbage\n')
    assert seal(folder) == Sealed(2, 2, 0, ("swarm-1", "journal-1"))
    assert rows(folder, "source") == [("journal-1",), ("swarm-1",)]


def test_what_comes_later_is_added_to_what_was_sealed_before_there_was_a_field(folder):
    write(folder, "swarm-1", GOOD)
    seal(folder)
    sealed, old = folder / "events.parquet", folder / "old.parquet"
    duckdb.sql(f"COPY (SELECT * EXCLUDE (refused) FROM read_parquet('{sealed}')) TO '{old}' (FORMAT parquet)")
    old.replace(sealed)
    write(folder, "journal-1", b'{"t": 6, "kind": "stored", "mid": "r:0.a.0"}\n')
    assert seal(folder).events == 2
    assert rows(folder, "kind, due_ns, mid") == [("sent", 4, "r:0.a.0"), ("stored", None, "r:0.a.0")]


def test_nothing_goes_when_the_disk_is_full(folder, monkeypatch):
    write(folder, "swarm-1", GOOD)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sealing.Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        seal(folder)
    assert (folder / "events" / "swarm-1.jsonl").exists()


def test_a_folder_with_a_quote_in_its_name(tmp_path):
    folder = tmp_path / "it's a run"
    (folder / "events").mkdir(parents=True)
    write(folder, "swarm-1", GOOD)
    assert seal(folder).events == 1


VALUES = {
    "BIGINT": st.integers(-(2**62), 2**62),
    "INTEGER": st.integers(-(2**31), 2**31 - 1),
    "DOUBLE": st.floats(allow_nan=False, allow_infinity=False),
    "VARCHAR": st.text(),
    "VARCHAR[]": st.lists(st.text()),
    "DOUBLE[]": st.lists(st.floats(allow_nan=False, allow_infinity=False)),
    "BOOLEAN": st.booleans(),
}
KEYS = {name: kind for name, kind in columns().items() if name not in ("source", "line", "t", "kind")}
EVENTS = st.lists(
    st.builds(
        lambda t, kind, fields: {"t": t, "kind": kind, **fields},
        st.integers(0, 2**62),
        st.sampled_from(sorted(KINDS)),
        st.fixed_dictionaries({}, optional={name: VALUES[kind] for name, kind in KEYS.items()}),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS)
def test_sealing_and_reading_back_changes_nothing(tmp_path_factory, events):
    folder = tmp_path_factory.mktemp("run")
    (folder / "events").mkdir()
    write(folder, "swarm-1", b"".join(orjson.dumps(event) + b"\n" for event in events))
    assert seal(folder) == Sealed(len(events), 0, 0, ("swarm-1",))
    names = [name for name in columns() if name not in ("source", "line")]
    found = rows(folder, "line, " + ", ".join(f'"{name}"' for name in names))
    assert sorted(found) == sorted(
        [(line, *(event.get(name) for name in names)) for line, event in enumerate(events, 1)], key=lambda row: row[0]
    )
    assert [row[1] for row in found] == sorted(event["t"] for event in events)


def test_what_a_recorder_writes_is_sealed(folder):
    recorder = Recorder(folder / "events" / "swarm-1.jsonl")
    recorder.append("sent", party="agent-0", mid="r:0.a.0", due_ns=1)
    recorder.close()
    assert seal(folder).events == 2
    assert [kind for (kind,) in rows(folder, "kind")] == ["sent", "sentinel"]


def test_a_file_that_cannot_be_read(folder):
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    write(folder, "swarm-1", GOOD)
    (folder / "events" / "swarm-1.jsonl").chmod(0)
    with pytest.raises(OSError, match="swarm-1"):
        seal(folder)

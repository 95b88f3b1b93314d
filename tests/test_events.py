"""The table of events holds for whoever writes one; a recorder loses nothing that it was told and claims no more."""

import ast
import errno
import fcntl
import json
import os
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.events import ENVELOPE, FIELDS, KINDS, Recorder, columns, is_recorded

ROOT = Path(__file__).resolve().parent.parent
RECORDING = {"record", "_record", "append", "_connection_event", "write", "tell"}
WRITERS = {
    "swarm": ("loadtests/swarm",),
    "launcher": ("loadtests/launcher.py", "loadtests/outages.py"),
    "server": ("server_under_test",),
}


def calls(places: tuple[str, ...]) -> Iterator[tuple[str, ast.Call]]:
    """Every call that records an event of a kind which stands there in so many words."""
    paths = [ROOT / place for place in places]
    for file in chain(*(sorted(path.rglob("*.py")) if path.is_dir() else [path] for path in paths)):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in RECORDING:
                kind = node.args[0] if node.args else None
                if isinstance(kind, ast.Constant) and isinstance(kind.value, str) and kind.value.isidentifier():
                    yield kind.value, node


@pytest.mark.parametrize(("writer", "where"), WRITERS.items())
def test_what_is_written_stands_in_the_table(writer: str, where: tuple[str, ...]) -> None:
    written = dict(calls(where))
    assert {KINDS[kind].writer for kind in written} == {writer}
    for kind, call in calls(where):
        given_fields = {keyword.arg for keyword in call.keywords if keyword.arg}
        assert given_fields <= {*ENVELOPE, *(field.name for field in KINDS[kind].fields)}, kind


def test_every_kind_is_written_by_somebody() -> None:
    written = {kind for where in WRITERS.values() for kind, _ in calls(where)}
    assert set(KINDS) == written


def test_every_field_is_somebodys_and_means_one_thing() -> None:
    used = {field.name for kind in KINDS.values() for field in kind.fields}
    assert used == set(FIELDS)
    assert not used & set(ENVELOPE)
    assert list(columns()) == ["source", "line", *ENVELOPE, *FIELDS]


VALUES = st.none() | st.text(max_size=20) | st.integers(-(2**63), 2**63 - 1) | st.booleans()
APPENDED = st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.dictionaries(st.sampled_from(sorted(FIELDS)), VALUES)))


@settings(deadline=None)  # it writes files
@given(events=APPENDED, flushes=st.sets(st.integers(0, 20)))
def test_what_is_recorded_can_be_read_back(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[str, dict[str, Any]]], flushes: set[int]
) -> None:
    file = tmp_path_factory.mktemp("recorded") / "swarm-1.jsonl"
    recorder = Recorder(file)
    times = []
    for number, (kind, fields) in enumerate(events):
        times.append(recorder.append(kind, **fields))
        if number in flushes:
            recorder.flush()
    recorder.close()
    *lines, last = map(json.loads, file.read_bytes().splitlines())
    assert last["kind"] == "sentinel"
    assert times == sorted(times)
    assert lines == [{"t": t_ns, "kind": kind, **fields} for t_ns, (kind, fields) in zip(times, events, strict=True)]


def test_times_are_monotonic_nanoseconds(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "swarm-1.jsonl")
    before, t_ns, after = time.monotonic_ns(), recorder.append("closed"), time.monotonic_ns()
    assert before <= t_ns <= after
    recorder.close()


def test_nothing_is_written_until_flush_and_nothing_after_close(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "swarm-1.jsonl")
    recorder.append("closed")
    assert recorder.path.read_bytes() == b""
    recorder.close()
    whole = recorder.path.read_bytes()
    recorder.append("closed")
    recorder.flush()
    recorder.close()
    assert recorder.path.read_bytes() == whole


@pytest.mark.parametrize("odd", ["\ud800", 2**70, "\x00\n"], ids=["half a character", "a long number", "a line's end"])
def test_what_a_server_may_send_does_not_cost_the_other_events(tmp_path: Path, odd: Any) -> None:
    recorder = Recorder(tmp_path / "swarm-1.jsonl")
    recorder.append("refused", reason=odd)
    recorder.append("closed")
    recorder.close()
    lines = [json.loads(line) for line in recorder.path.read_bytes().splitlines()]
    assert [line["kind"] for line in lines] == ["refused", "closed", "sentinel"]
    assert lines[0]["reason"] == odd


def test_after_a_full_disk_there_is_no_sentinel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Space may come back; a sentinel would then vouch for what was lost meanwhile."""
    recorder = Recorder(tmp_path / "swarm-1.jsonl")
    recorder.append("assumed", index=1)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space left"):
            recorder.flush()
    recorder.append("assumed", index=2)
    recorder.close()
    assert recorder.path.read_bytes() == b""


def test_who_records_is_seen(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "swarm-1.jsonl")
    assert is_recorded(recorder.path)
    recorder.close()
    assert not is_recorded(recorder.path)
    with recorder.path.open("ab") as elsewhere:
        fcntl.flock(elsewhere, fcntl.LOCK_SH)
        assert is_recorded(recorder.path)
    assert not is_recorded(recorder.path)

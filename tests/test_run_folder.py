"""A run folder is made, changed and opened; what is wrong with one is said in one line with the mend."""

import json
import os
import subprocess
import sys

import pytest

from loadtests.bad_input import BadInput
from loadtests.run_folder import RunFolderError, create, new_path, open_run, read_info, update

INFO = {"format": 1, "run": "r", "horizon_s": 20.0, "late_after_s": 2}
EVENT = '{"t": 1, "kind": "sent"}\n'


def played(path, info=INFO):
    create(path, info)
    (path / "events" / "swarm-1.jsonl").write_text(EVENT)
    return path


def test_create_and_update(tmp_path):
    path = tmp_path / "runs" / "steady" / "one"
    create(path, INFO)
    update(path, end={"state": "complete"}, run="other")
    assert read_info(path) == {**INFO, "run": "other", "end": {"state": "complete"}}
    assert sorted(child.name for child in path.iterdir()) == [".reserve", "events", "run.json"]


def test_a_folder_that_holds_a_run_is_left_alone(tmp_path):
    create(tmp_path, INFO)
    with pytest.raises(RunFolderError, match="--out"):
        create(tmp_path, INFO)


def test_new_paths_name_scenario_and_seed(tmp_path):
    path = new_path(tmp_path, "steady", 7)
    assert path.parent == tmp_path / "steady"
    assert path.name.endswith("-7")


def test_opening_seals_first(tmp_path):
    run = open_run(played(tmp_path / "run"))
    assert run.path == tmp_path / "run"
    assert run.events.is_file()
    assert run.info["sealed"]["events"] == 1
    assert open_run(run.path) == run
    assert open_run(str(run.path)) == run


def test_a_folder_of_runs_means_its_newest(tmp_path):
    for number, name in enumerate(("b", "a", "c")):
        path = played(tmp_path / "steady" / name)
        os.utime(path / "run.json", (number, number))
    os.utime(tmp_path / "steady" / "a" / "run.json", (9, 9))
    assert open_run(tmp_path).path.name == "a"
    assert open_run(tmp_path / "steady").path.name == "a"


def test_a_link_to_the_latest_is_followed(tmp_path):
    for name in ("a", "b"):
        played(tmp_path / "steady" / name)
    (tmp_path / "latest").symlink_to("steady/a")
    assert open_run(tmp_path).path == tmp_path / "steady" / "a"
    assert open_run(tmp_path / "latest").path.name in ("a", "latest")


def missing(path):
    return path / "nothing"


def a_file(path):
    (path / "file").write_text("")
    return path / "file"


def empty(path):
    return path


def without_run_json(path):
    (path / "events").mkdir()
    return path


def garbage(path):
    (path / "run.json").write_bytes(b"\xff\x00 garbage")
    return path


def truncated(path):
    (path / "run.json").write_text(json.dumps(INFO)[:-5])
    return path


def a_list(path):
    (path / "run.json").write_text("[]")
    return path


def no_run(path):
    (path / "run.json").write_text('{"format": 1}')
    return path


def other_format(path):
    return played(path, {**INFO, "format": 2})


def no_events(path):
    create(path, INFO)
    return path


def garbage_parquet(path):
    create(path, INFO)
    (path / "events.parquet").write_bytes(b"no")
    return path


def truncated_parquet(path):
    open_run(played(path))
    (path / "events.parquet").write_bytes((path / "events.parquet").read_bytes()[:-10])
    return path


def no_horizon(path):
    return played(path, {"format": 1, "run": "r", "late_after_s": "soon"})


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (missing, "does not exist"),
        (a_file, "is a file"),
        (empty, "holds no run"),
        (without_run_json, "run.json cannot be read"),
        (garbage, "truncated or not JSON"),
        (truncated, "truncated or not JSON"),
        (a_list, "does not describe a run"),
        (no_run, "does not describe a run"),
        (other_format, "has format 2 and this entrega reads 1"),
        (no_events, "holds no events"),
        (garbage_parquet, "no Parquet file"),
        (truncated_parquet, "no Parquet file"),
        (no_horizon, "does not say horizon_s, late_after_s"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_the_mend(tmp_path, make, says):
    with pytest.raises(RunFolderError, match=says) as caught:
        open_run(make(tmp_path))
    assert "\n" not in str(caught.value)
    assert any(mark in str(caught.value) for mark in (";", "`entrega run`", "give "))


def test_who_records_does_not_load_duckdb():
    code = "import sys, loadtests.run_folder; sys.exit('duckdb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_seal_that_fails_names_the_folder(tmp_path, monkeypatch):
    path = played(tmp_path / "run")
    monkeypatch.setattr("loadtests.seal.seal", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(RunFolderError, match=r"cannot be sealed \(No space left on device\)"):
        open_run(path)


def test_run_folder_error_is_bad_input():
    assert issubclass(RunFolderError, BadInput)
